// A node apart from its process and its machine: reads the log streams back, then builds for each
// core its replica, log, links, door for clients and shard. Takes what it runs on (an Io a core,
// the log's files, the host) from its owner, so that a simulator builds the very same node.
// One thread until start(), but for what recover() makes and ends; from then on each core belongs
// to its Io's thread.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/prng.h"
#include "base/result.h"
#include "net/client_listener.h"
#include "net/peer_links.h"
#include "paxos/replica.h"
#include "reactor/io.h"
#include "server/data_directory.h"
#include "server/memory_account.h"
#include "server/node_host.h"
#include "server/post_office.h"
#include "server/shard.h"
#include "server/stream_replay.h"
#include "wal/log.h"
#include "wal/storage.h"

namespace once::server {

struct NodeOptions {
  uint16_t cores = 1;
  std::string client_address;  // as the cluster map names it
  bool direct = true;
  reactor::SyncMode sync = reactor::SyncMode::kDsync;
  uint64_t seed = 0;                   // of every jitter
  SipKey index_key;                    // as in ReplicaOptions; never zero
  net::ClientListenerOptions clients;  // of each core
  size_t peer_greetings = net::PeerLinksOptions{}.max_greetings;
  // Memory a core, as in ReplicaOptions.
  size_t max_operations = kMaxOperationsPerCore;
  size_t max_tasks = kMaxTasksPerCore;
  size_t round_zero_window = kRoundZeroWindow;
  size_t linger_from = kLingerFrom;
  paxos::CatchUpOptions catch_up{.names_per_s = kCatchUpNames};
  uint64_t memory_bytes = kUnboundedMemory;  // of the node, see memory_account.h
  uint64_t ready_bytes = 0;                  // of it, see ready_for()
  bool threads = false;  // recover() reads each stream on one of its own; the storage bears that
};

// Why a node must not start, for people, with onced's exit code for it.
struct StartRefusal {
  int exit_code = 0;
  std::string message;
};

class NodeCores {
 public:
  // `ios`: one a core. Everything passed in outlives this.
  NodeCores(const NodeOptions& options, DataDirectory& directory, wal::Storage& storage,
            NodeHost& host, std::vector<reactor::Io*> ios);

  // Streams of an earlier run with more cores are read too, and stay as they are.
  tl::expected<void, StartRefusal> recover();
  void build();  // REQUIRES: recover() was content
  void start();  // no core runs yet; who runs them does so with shard(i) as the handler

  Incarnation incarnation() const { return incarnation_; }
  bool adopts() const { return adopts_; }
  Shard& shard(size_t core) { return *cores_[core].shard; }
  const paxos::Replica& replica(size_t core) const { return *cores_[core].replica; }
  paxos::Replica& replica(size_t core) { return *cores_[core].replica; }

 private:
  struct Core {
    std::unique_ptr<paxos::Replica> replica;
    std::unique_ptr<Shard> shard;
    std::unique_ptr<wal::Log> log;
    std::unique_ptr<net::PeerLinks> links;
    std::unique_ptr<net::ClientListener> listener;
    wal::Tail tail;
  };

  struct StreamRead {
    uint32_t number = 0;
    std::unique_ptr<StreamReplay> replay;
    std::optional<Result<wal::Tail>> tail;  // none: there is no segment
    std::exception_ptr thrown;
  };
  void make_replicas();
  tl::expected<bool, StartRefusal> read_side_by_side();
  tl::expected<bool, StartRefusal> read_one_by_one();
  tl::expected<void, StartRefusal> read_alone(uint32_t number, ReplayMemory& memory);
  tl::expected<void, StartRefusal> remove_other_streams();
  StreamRead begin_read(uint32_t number, Takes takes, ReplayMemory& memory);
  void read_stream(StreamRead& stream) const;
  void read_at_once(std::vector<StreamRead>& streams) const;
  tl::expected<void, StartRefusal> end_read(const StreamRead& stream);
  void tell_others(uint32_t stream, const paxos::Record& fact);
  void say_read(const StreamRead& stream) const;
  Incarnation recovered_incarnation() const;
  void make_ready();
  uint64_t memory_bytes() const;
  uint64_t memory_budget() const;
  StartRefusal does_not_fit(const ReplayMemory& memory) const;
  void build_core(uint16_t index);
  wal::Identity identity() const;
  wal::LogOptions log_options(uint32_t stream) const;

  const NodeOptions options_;
  DataDirectory& directory_;
  const Configuration& configuration_;
  wal::Storage& storage_;
  NodeHost& host_;
  const std::vector<reactor::Io*> ios_;
  Prng prng_;
  std::vector<uint64_t> random_seeds_;  // of the replicas
  PostOffice office_;
  std::vector<Core> cores_;
  Incarnation incarnation_;
  bool adopts_ = false;  // a log has what is another core's, or of one that is gone
  std::vector<StreamReplay::Core> replayed_;
  std::vector<paxos::Needless> needless_;
};

}  // namespace once::server

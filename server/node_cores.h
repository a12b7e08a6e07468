// A node apart from its process and its machine: reads the log streams back, then builds for each
// core its replica, log, links, door for clients and shard. Takes what it runs on (an Io a core,
// the log's files, the host) from its owner, so that a simulator builds the very same node.
// One thread until start(); from then on each core belongs to its Io's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
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
  // Memory a core, as in ReplicaOptions.
  size_t max_operations = kMaxOperationsPerCore;
  size_t max_tasks = kMaxTasksPerCore;
  size_t round_zero_window = kRoundZeroWindow;
  size_t linger_from = kLingerFrom;
  paxos::CatchUpOptions catch_up{.names_per_s = kCatchUpNames};
  uint64_t memory_bytes = kUnboundedMemory;  // of the node, see memory_account.h
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

  tl::expected<void, StartRefusal> recover_stream(uint32_t stream);
  struct Stream {  // that is read
    uint32_t number;
    wal::SegmentUse& use;
  };
  struct Decoded {
    wal::RecoveredRecord read;
    paxos::Record record;
    paxos::NameHash hash;
    std::optional<uint32_t> owner;  // the core of its name; none: it has no name
  };
  bool take_records(const Stream& from, std::span<const wal::RecoveredRecord> records);
  bool take_record(const Stream& from, const Decoded& decoded);
  bool give(uint32_t core, const Stream& from, const Decoded& decoded);
  uint64_t memory_bytes() const;
  uint64_t memory_budget() const;
  StartRefusal does_not_fit() const;
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
  PostOffice office_;
  std::vector<Core> cores_;
  Incarnation incarnation_;
  bool adopts_ = false;  // a log has what is another core's, or of one that is gone
  std::vector<Decoded> decoded_;  // of the records that are taken
  std::vector<paxos::Needless> needless_;
  uint64_t looked_at_ = 0;       // bytes of records since the memory was looked at
  bool fits_ = true;             // what the log holds, so far
  uint64_t bytes_too_many_ = 0;  // of records that were not taken any more
};

}  // namespace once::server

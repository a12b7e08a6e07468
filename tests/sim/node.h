// One simulated machine: a disk that outlives the process, and the process, which is the node that
// ships (server::NodeCores and all below it) on simulated I/O. Crashes, starts again, is paused,
// has its disk damaged or wiped. Checks what a start must and must not accept.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "server/node_cores.h"
#include "tests/invariants/watch.h"
#include "tests/sim/oracle.h"
#include "tests/sim/plan.h"
#include "tests/sim/sim_io.h"

namespace once::sim {

inline constexpr uint64_t kHashSeed = 1;  // of names

std::string peer_address(size_t node);
std::string client_address(size_t node);

// server::DataDirectory on a simulated disk: what it remembers is durable at once, unless the disk
// is full.
class SimDirectory final : public server::DataDirectory {
 public:
  SimDirectory(server::Configuration configuration, SimDisk& disk, Oracle& oracle)
      : configuration_(std::move(configuration)), disk_(disk), oracle_(oracle) {}
  const server::Configuration& configuration() const override { return configuration_; }
  const std::string& path() const override { return path_; }
  uint32_t streams() const override { return streams_; }
  Result<void> remember_streams(uint32_t count) override {
    streams_ = count;
    return {};
  }
  Result<size_t> remove_other_streams() override;
  std::string check_peer_disk(NodeId node, DiskId disk) override;
  net::DiskTable known_disks() override { return disks_; }
  server::Standing standing() const override { return standing_; }
  Result<void> remember_standing(server::Standing standing) override;
  void remember_all();  // as in a cluster whose members have met

 private:
  server::Configuration configuration_;
  SimDisk& disk_;
  Oracle& oracle_;
  std::string path_ = "data";
  uint32_t streams_ = 1;
  net::DiskTable disks_;
  server::Standing standing_ = server::Standing::kWaiting;
};

class SimNode final : public WriteWatcher, public Actor {
 public:
  SimNode(World& world, Network& network, Oracle& oracle, const Plan& plan, size_t index);
  ~SimNode() override;

  void start();
  void start_late(int64_t after_ns);
  void crash(bool silent);
  void set_paused(bool paused);
  void jump_clock(int64_t forward_ns);
  void set_disk_full(bool full) { disk_.full = full; }
  void set_cores(uint16_t cores) { wanted_cores_ = cores; }
  // Of a node that is down. False: there is nothing to damage yet.
  bool damage(bool misdirect);
  void litter();      // behind the tail, where it harms nothing
  void wipe();        // its disk is lost, and formatted anew
  void stall_disk();  // each write takes seconds from now on
  void calm();        // its disk has no more faults
  void set_disk_pace(int64_t latency_ns, int64_t jitter_ns);

  bool up() const { return cores_ != nullptr; }
  bool paused() const { return paused_; }
  bool lost() const { return lost_; }  // for good: it may not vote again
  bool wiped() const { return disks_made_ > 1; }
  bool admitted() const { return directory_->standing() == server::Standing::kAdmitted; }
  bool has_no_disk() const { return lost_ && !impostor_; }
  bool knows_another_disk_of(const SimNode& other) const;
  bool claimed() const;  // it runs, and round 0 is open on each of its cores
  bool in_sync() const;  // each of its cores has compared itself with others, and lacks nothing
  bool knows_final(const std::string& name);  // it runs, and can tell the state alone
  uint64_t starts() const { return starts_; }
  const paxos::ReplicaCounters& counters();
  uint64_t segments_cleaned() const;  // over all its processes

  void on_event(uint64_t what, uint64_t detail) override;
  void on_submitted(int64_t latency_ns) override;
  void on_failure_told() override;
  void on_landed(const std::string& path, uint64_t offset, std::string_view bytes) override;
  void on_turn_end(const SimIo& io) override;

 private:
  class Host;
  struct Block {
    std::string path;
    uint64_t offset;
    uint64_t sequence;
  };
  struct Survey {  // of one stream's blocks
    uint64_t watermark = 0;
    std::vector<Block> blocks;
    std::vector<Block> empty;  // never written
  };

  void format();
  NodeId number() const { return directory_->configuration().node; }
  DiskId disk_id() const { return directory_->configuration().disk; }
  void fail(std::string_view what);
  bool audit();
  wal::Identity identity() const;
  wal::LogOptions log_options(uint32_t stream) const;
  Survey survey(uint32_t stream);
  void add_counters();

  World& world_;
  Network& network_;
  Oracle& oracle_;
  const Plan& plan_;
  const size_t index_;
  SimDisk disk_;
  NodeClock clock_;
  std::vector<std::unique_ptr<SimIo>> ios_;
  std::unique_ptr<SimDirectory> directory_;
  std::unique_ptr<Host> host_;
  std::unique_ptr<server::NodeCores> cores_;
  std::vector<invariants::Watch> watches_;  // by core of this run
  uint16_t wanted_cores_;
  uint16_t running_cores_ = 0;
  uint64_t disks_made_ = 0;
  uint64_t starts_ = 0;
  bool paused_ = false;
  bool damaged_ = false;
  bool impostor_ = false;  // runs on a new disk under a number that voted on another
  bool lost_ = false;
  bool failing_ = false;
  bool calm_ = false;
  paxos::ReplicaCounters counters_;
  paxos::ReplicaCounters total_;
  uint64_t cleaned_ = 0;  // segments, in runs that have ended
  bool built_ = false;    // the process has come as far as its shards
};

}  // namespace once::sim

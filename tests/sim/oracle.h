// What the simulator knows and no node does: which states each node's disk holds, and so what a
// majority's disks hold. Checks, as records land:
//   - one (name, ballot, version) never carries two states;
//   - no two states of one (name, version) are both ever held by a majority's disks;
//   - what is chosen is built on or repeated, never gone behind, by every higher ballot, and
//   nothing
//     is built on what is sealed;
//   - no log has an accept behind a promise that forbids it, unless it was learned;
//   - what was learned is what was chosen;
//   - what a log says that is settled (a kept name; all up to a home's watermark) is on the disk of
//     the name's home, or something newer (H3): no list has it, so no claim would be told of it;
//   - what recovery concludes of a name covers what had landed of it, whatever was cleaned since;
// and as clients get answers: the state that an answer shows is held by a majority's disks.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "paxos/record.h"
#include "tests/sim/world.h"

namespace once::sim {

enum class Path : uint8_t { kFast, kClassic, kTakeover, kClaim, kCount };
inline constexpr size_t kPaths = static_cast<size_t>(Path::kCount);
const char* path_name(Path path);

class Oracle {
 public:
  Oracle(World& world, size_t nodes, uint64_t hash_seed);

  // A batch of blocks is on the disk of `node`, as a whole.
  void on_landed(size_t node, uint32_t stream, std::string_view bytes);
  // Before a start: what recovery gives of the streams, oldest first; then what was missing.
  void begin_audit(size_t node);
  void on_recovered(size_t node, uint32_t stream, std::string_view record);
  void end_audit(size_t node);
  void forget_disk(size_t node);  // wiped: nothing of it is expected back

  // This disk may vote under that number from now on: the only one that ever may.
  void on_admitted(NodeId node, const DiskId& disk);
  // A node has a link for messages with that node on that disk.
  void on_link(size_t node, NodeId peer, const DiskId& disk);

  // An answer that shows this state reached a client.
  void on_shown(std::string_view name, const paxos::State& state, const char* by);
  // An answer that says that `writer` made this version: the chosen state holds it or was built on
  // it, for changes that are composed leave one state between them.
  void on_made(std::string_view name, uint64_t version, const RequestId& writer, const char* by);

  // Every name of which a sealed state was chosen, in their order.
  std::vector<std::string> sealed_names() const;

  const std::array<uint64_t, kPaths>& decisions() const { return decisions_; }
  uint64_t records() const { return records_; }

 private:
  struct Fact {  // accepted under this ballot by these nodes
    paxos::Ballot ballot;
    uint64_t version = 0;
    uint64_t state = 0;  // sum of all of it
    RequestId writer;
    uint32_t nodes = 0;
    bool chosen = false;
    bool sealed = false;
  };
  struct Name {
    std::vector<Fact> facts;
  };
  struct Numbered {  // an accept of round 0, by the home's number
    std::string name;
    paxos::Ballot ballot;
    uint64_t version = 0;
  };
  struct Stream {
    std::map<NodeId, Incarnation> range_promise;
  };
  // Of one name, as the records of a disk have it together.
  struct Held {
    paxos::Ballot promised;
    paxos::Ballot accepted;
    uint64_t version = 0;
    void raise(const paxos::Ballot& promise, const paxos::Ballot& accept, uint64_t made);
    bool covers(const Held& other) const;
  };
  struct Disk {
    std::map<std::string, Held, std::less<>> names;
    std::map<NodeId, Incarnation> range_promise;
    Incarnation incarnation;
    void take(const paxos::Record& record);
  };

  void take(size_t node, Stream& stream, std::string_view record, bool recovered);
  void on_promise(size_t node, const paxos::PromiseRecord& record, bool recovered);
  void on_accept(size_t node, Stream& stream, const paxos::AcceptRecord& record, bool recovered);
  void on_kept(size_t node, const paxos::KeptRecord& record, bool recovered);
  void hold(size_t node, std::string_view name, const paxos::Ballot& ballot,
            const paxos::State& state);
  void on_progress(size_t node, const paxos::HomeProgressRecord& record);
  void settles(size_t node, std::string_view name, const paxos::Ballot& ballot, uint64_t version);
  void lost(size_t node, const std::string& what);
  void choose(std::string_view name, Name& known, Fact& fact);
  // A `later` proposal, of a ballot that is not below the one of `chosen`, must extend it.
  void check_extends(std::string_view name, const Fact& chosen, const Fact& later);
  Held& held(size_t node, std::string_view name);
  static uint64_t sum_of(const paxos::State& state);
  void not_held(std::string_view name, uint64_t version, const RequestId& writer, const char* by);

  World& world_;
  size_t nodes_;
  uint64_t hash_seed_;
  std::unordered_map<std::string, Name> names_;  // never walked: its order is not the run's
  std::map<std::pair<size_t, uint32_t>, Stream> streams_;
  std::map<size_t, Disk> disks_;
  uint32_t wiped_ = 0;  // nodes, a bit each: of their disks nothing can be said
  // By home, incarnation, node whose log it is in: what no watermark has covered yet.
  std::map<std::tuple<Endpoint, Incarnation, size_t>, std::multimap<uint64_t, Numbered>> numbered_;
  Disk audited_;
  std::map<NodeId, DiskId> admitted_;
  std::array<uint64_t, kPaths> decisions_{};
  uint64_t records_ = 0;
  std::string scratch_;
};

}  // namespace once::sim

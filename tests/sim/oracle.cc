#include "tests/sim/oracle.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <tuple>

#include "base/bytes.h"
#include "base/hash.h"
#include "wal/block_format.h"

namespace once::sim {
namespace {

std::string show(const paxos::Ballot& ballot) {
  return fmt::format("({},{},{})", ballot.round.value, ballot.node.value, ballot.incarnation.value);
}

}  // namespace

const char* path_name(Path path) {
  static constexpr const char* kNames[kPaths] = {"fast", "classic", "takeover", "claim"};
  return kNames[static_cast<size_t>(path)];
}

Oracle::Oracle(World& world, size_t nodes, uint64_t hash_seed)
    : world_(world), nodes_(nodes), hash_seed_(hash_seed) {}

uint64_t Oracle::sum_of(const paxos::State& state) {
  const uint64_t head[4] = {state.version, state.sealed, state.writer.high, state.writer.low};
  return checksum(state.value.data(), state.value.size(), checksum(head, sizeof head));
}

void Oracle::on_landed(size_t node, uint32_t stream_number, std::string_view bytes) {
  scratch_.clear();
  for (size_t at = 0; at < bytes.size(); at += kBlockBytes) {
    wal::BlockHeader header;
    std::memcpy(&header, bytes.data() + at, sizeof header);
    if (header.kind == static_cast<uint32_t>(wal::BlockKind::kSegmentHeader)) continue;
    scratch_.append(bytes.data() + at + sizeof header, header.payload_bytes);
  }
  Stream& stream = streams_[{node, stream_number}];
  std::string_view left = scratch_;
  while (!left.empty()) {
    const size_t size = load<uint32_t>(left.data());
    const std::string_view record = left.substr(sizeof(uint32_t), size);
    left.remove_prefix(sizeof(uint32_t) + size);
    take(node, stream, record, false);
  }
}

void Oracle::Held::raise(const paxos::Ballot& promise, const paxos::Ballot& accept, uint64_t made) {
  promised = std::max({promised, promise, accept});
  const auto newer = std::pair(accept, made);
  if (std::pair(accepted, version) < newer) std::tie(accepted, version) = newer;
}

bool Oracle::Held::covers(const Held& other) const {
  return promised >= other.promised &&
         std::pair(accepted, version) >= std::pair(other.accepted, other.version);
}

void Oracle::Disk::take(const paxos::Record& record) {
  const auto of = [&](std::string_view name) -> Held& {
    const auto found = names.find(name);
    return found != names.end() ? found->second : names[std::string(name)];
  };
  if (const auto* promise = std::get_if<paxos::PromiseRecord>(&record)) {
    of(promise->name).raise(promise->ballot, {}, 0);
  } else if (const auto* accept = std::get_if<paxos::AcceptRecord>(&record)) {
    of(accept->name).raise(accept->ballot, accept->ballot, accept->state.version);
  } else if (const auto* kept = std::get_if<paxos::KeptRecord>(&record)) {
    of(kept->name).raise(kept->promised, kept->accepted, kept->state.version);
  } else if (const auto* range = std::get_if<paxos::RangePromiseRecord>(&record)) {
    Incarnation& least = range_promise[range->home];
    least = std::max(least, range->incarnation);
  } else if (const auto* run = std::get_if<paxos::IncarnationRecord>(&record)) {
    incarnation = std::max(incarnation, run->incarnation);
  }
}

void Oracle::begin_audit(size_t node) {
  audited_ = Disk{};
  for (auto& [which, stream] : streams_) {
    if (which.first == node) stream.range_promise.clear();
  }
}

void Oracle::on_recovered(size_t node, uint32_t stream, std::string_view record) {
  if (const auto decoded = paxos::decode_record(record)) audited_.take(*decoded);
  // What landed only as a crash came is known from here on.
  take(node, streams_[{node, stream}], record, true);
}

// A cleaner removes records: what those that are left come to must be what all came to.
void Oracle::end_audit(size_t node) {
  const Disk& landed = disks_[node];
  for (const auto& [name, held] : landed.names) {
    const auto found = audited_.names.find(name);
    if (found == audited_.names.end()) return lost(node, "all of " + name);
    if (!found->second.covers(held)) {
      return lost(node, fmt::format("{}: promised {}, accepted {} version {}, of {}, {} version {}",
                                    name, show(found->second.promised),
                                    show(found->second.accepted), found->second.version,
                                    show(held.promised), show(held.accepted), held.version));
    }
  }
  for (const auto& [home, incarnation] : landed.range_promise) {
    if (audited_.range_promise[home] < incarnation) return lost(node, "a range promise");
  }
  if (audited_.incarnation < landed.incarnation) lost(node, "its incarnation");
}

void Oracle::lost(size_t node, const std::string& what) {
  world_.violation(fmt::format("recovery lost what was durable: node {}: {}", node + 1, what));
}

void Oracle::forget_disk(size_t node) {
  std::erase_if(streams_, [&](const auto& entry) { return entry.first.first == node; });
  std::erase_if(numbered_, [&](const auto& entry) { return std::get<2>(entry.first) == node; });
  disks_.erase(node);
  wiped_ |= 1u << node;
}

void Oracle::on_admitted(NodeId node, const DiskId& disk) {
  if (admitted_.emplace(node, disk).first->second == disk) return;
  world_.violation(fmt::format("two disks of node {} may vote", node.value));
}

void Oracle::on_link(size_t node, NodeId peer, const DiskId& disk) {
  const auto admitted = admitted_.find(peer);
  if (admitted != admitted_.end() && admitted->second == disk) return;
  world_.violation(
      fmt::format("node {} let in node {} on a disk that may not vote", node + 1, peer.value));
}

void Oracle::take(size_t node, Stream& stream, std::string_view bytes, bool recovered) {
  ++records_;
  const auto record = paxos::decode_record(bytes);
  if (!record) return world_.violation("a record in the log cannot be decoded");
  if (const auto* accept = std::get_if<paxos::AcceptRecord>(&*record)) {
    on_accept(node, stream, *accept, recovered);
  } else if (const auto* promise = std::get_if<paxos::PromiseRecord>(&*record)) {
    on_promise(node, *promise, recovered);
  } else if (const auto* kept = std::get_if<paxos::KeptRecord>(&*record)) {
    on_kept(node, *kept, recovered);
  } else if (const auto* progress = std::get_if<paxos::HomeProgressRecord>(&*record)) {
    on_progress(node, *progress);
  } else if (const auto* range = std::get_if<paxos::RangePromiseRecord>(&*record)) {
    Incarnation& least = stream.range_promise[range->home];
    least = std::max(least, range->incarnation);
  }
  disks_[node].take(*record);
}

Oracle::Held& Oracle::held(size_t node, std::string_view name) {
  auto& names = disks_[node].names;
  const auto found = names.find(name);
  return found != names.end() ? found->second : names[std::string(name)];
}

void Oracle::on_promise(size_t node, const paxos::PromiseRecord& record, bool recovered) {
  const Held& before = held(node, record.name);
  if (!recovered && record.ballot < before.promised) {
    world_.violation(fmt::format("node {} promised {} for {} after {}", node + 1,
                                 show(record.ballot), record.name, show(before.promised)));
  }
  if (recovered || !world_.tells()) return;
  world_.tell("node {} disk: promise {} for {}", node + 1, show(record.ballot), record.name);
}

void Oracle::on_accept(size_t node, Stream& stream, const paxos::AcceptRecord& record,
                       bool recovered) {
  const paxos::Ballot& ballot = record.ballot;
  // Recovered records come a second time, streams one after the other: order says nothing then.
  if (!recovered) {
    const Held& before = held(node, record.name);
    const auto range = stream.range_promise.find(ballot.node);
    const bool closed = ballot.is_round_zero() && range != stream.range_promise.end() &&
                        ballot.incarnation < range->second;
    if (closed || ballot < before.promised) {
      return world_.violation(
          fmt::format("node {} accepted {} for {} though it had promised {}", node + 1,
                      show(ballot), record.name,
                      closed ? fmt::format("nothing of node {} below incarnation {}",
                                           ballot.node.value, range->second.value)
                             : show(before.promised)));
    }
  }
  if (!recovered && world_.tells()) {
    world_.tell("node {} disk: accept {} for {} of {:x}-{:x}", node + 1, show(ballot), record.name,
                record.state.writer.high, record.state.writer.low);
  }
  hold(node, record.name, ballot, record.state);
  if (!ballot.is_round_zero() || recovered) return;
  numbered_[{Endpoint{ballot.node, record.lane}, ballot.incarnation, node}].emplace(
      record.sequence.value, Numbered{std::string(record.name), ballot, record.state.version});
}

// Nobody lists it for its home any more: its home must know the name, from that ballot on. Of one
// ballot it may have an earlier version: that is enough to keep round 0 shut.
void Oracle::settles(size_t node, std::string_view name, const paxos::Ballot& ballot,
                     uint64_t version) {
  const size_t home =
      home_slot_of(name_hash(name, hash_seed_), static_cast<uint32_t>(nodes_)).value;
  if (home == node || (wiped_ >> home & 1) != 0) return;
  const Held& there = held(home, name);
  if (there.version > 0 && there.accepted >= ballot) return;
  world_.violation(fmt::format(
      "settled too early: node {} has {} version {} at {} as settled, and its home, node {}, has "
      "version {} at {} on its disk",
      node + 1, name, version, show(ballot), home + 1, there.version, show(there.accepted)));
}

void Oracle::on_progress(size_t node, const paxos::HomeProgressRecord& record) {
  const auto found = numbered_.find({record.home, record.incarnation, node});
  if (found == numbered_.end()) return;
  const auto end = found->second.upper_bound(record.durable.value);
  for (auto at = found->second.begin(); at != end; ++at) {
    settles(node, at->second.name, at->second.ballot, at->second.version);
  }
  found->second.erase(found->second.begin(), end);
}

// Written anew, it may say more than the disk had, never less. What is new in it was learned, and
// must have been chosen: under that ballot, or under a lower one that a higher has carried on. It
// is no vote, and is not counted as one.
void Oracle::on_kept(size_t node, const paxos::KeptRecord& record, bool recovered) {
  Held kept;
  kept.raise(record.promised, record.accepted, record.state.version);
  const Held& before = held(node, record.name);
  if (!recovered && !kept.covers(before)) {
    world_.violation(fmt::format("node {} keeps promise {} and accept {} of {}, and had {} and {}",
                                 node + 1, show(record.promised), show(record.accepted),
                                 record.name, show(before.promised), show(before.accepted)));
  }
  const uint64_t sum = sum_of(record.state);
  bool true_of_it = false;
  for (const Fact& fact : names_[std::string(record.name)].facts) {
    if (fact.version != record.state.version || fact.state != sum) continue;
    const bool same = fact.ballot == record.accepted;
    const bool carried = fact.ballot < record.accepted;
    const bool held_here = same && (fact.nodes >> node & 1) != 0;
    true_of_it |= record.decided ? fact.chosen && (same || carried) : held_here;
  }
  if (!true_of_it) {
    world_.violation(fmt::format("node {} keeps version {} of {} under {}{}, which was never so",
                                 node + 1, record.state.version, record.name, show(record.accepted),
                                 record.decided ? " as decided" : ""));
  }
  if (!recovered && record.settled) {
    settles(node, record.name, record.accepted, record.state.version);
  }
  if (recovered || !world_.tells()) return;
  world_.tell("node {} disk: kept {} version {} at {}, promise {}", node + 1, record.name,
              record.state.version, show(record.accepted), show(record.promised));
}

void Oracle::hold(size_t node, std::string_view text, const paxos::Ballot& ballot,
                  const paxos::State& state) {
  Name& name = names_[std::string(text)];
  const uint64_t sum = sum_of(state);
  Fact* fact = nullptr;
  for (Fact& known : name.facts) {
    if (known.ballot == ballot && known.version == state.version) fact = &known;
  }
  if (fact == nullptr) {
    fact = &name.facts.emplace_back();
    *fact = Fact{ballot, state.version, sum, state.writer, 0, false, state.sealed};
    for (const Fact& known : name.facts) {
      if (known.chosen) check_extends(text, known, *fact);
    }
  }
  if (fact->state != sum) {
    return world_.violation(fmt::format("ballot {} of {} carries two states", show(ballot), text));
  }
  fact->nodes |= 1u << node;
  const auto holders = static_cast<size_t>(std::popcount(fact->nodes));
  if (!fact->chosen && holders >= nodes_ / 2 + 1) choose(text, name, *fact);
}

// Paxos's own invariant (P2b), for a register: a higher ballot carries the chosen state or one that
// was built on it; and nobody builds on what is sealed, under the same ballot either.
void Oracle::check_extends(std::string_view text, const Fact& chosen, const Fact& later) {
  if (later.ballot < chosen.ballot) return;
  const bool behind = later.ballot > chosen.ballot && later.version < chosen.version;
  const bool beside = later.version == chosen.version && later.state != chosen.state;
  const bool beyond = chosen.sealed && later.version > chosen.version;
  if (!behind && !beside && !beyond) return;
  world_.violation(fmt::format(
      "agreement: {} has {}version {} chosen at ballot {}, and ballot {} carries {}version {}",
      text, chosen.sealed ? "sealed " : "", chosen.version, show(chosen.ballot), show(later.ballot),
      beside ? "another " : "", later.version));
}

void Oracle::choose(std::string_view text, Name& name, Fact& fact) {
  bool first = true;
  for (const Fact& other : name.facts) {
    if (!other.chosen || other.version != fact.version) continue;
    first = false;
    if (other.state == fact.state) continue;
    return world_.violation(
        fmt::format("agreement: {} has two chosen states of version {}, at ballots {} and {}", text,
                    fact.version, show(other.ballot), show(fact.ballot)));
  }
  fact.chosen = true;
  for (const Fact& other : name.facts) check_extends(text, fact, other);
  if (!first) return;
  const uint64_t hash = name_hash(text, hash_seed_);
  const uint32_t home = home_slot_of(hash, static_cast<uint32_t>(nodes_)).value;
  Path path = fact.ballot.incarnation == Incarnation{1} ? Path::kFast : Path::kClaim;
  if (!fact.ballot.is_round_zero()) {
    path = fact.ballot.node.value == home + 1 ? Path::kClassic : Path::kTakeover;
  }
  ++decisions_[static_cast<size_t>(path)];
  world_.tell("chosen: {} version {} at ballot {}, path {}", text, fact.version, show(fact.ballot),
              path_name(path));
}

std::vector<std::string> Oracle::sealed_names() const {
  std::vector<std::string> names;
  for (const auto& [text, name] : names_) {
    const auto sealed = [](const Fact& fact) { return fact.chosen && fact.sealed; };
    if (std::any_of(name.facts.begin(), name.facts.end(), sealed)) names.push_back(text);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void Oracle::on_shown(std::string_view text, const paxos::State& state, const char* by) {
  const auto found = names_.find(std::string(text));
  const uint64_t sum = sum_of(state);
  if (found != names_.end()) {
    for (const Fact& fact : found->second.facts) {
      if (fact.chosen && fact.version == state.version && fact.state == sum) return;
    }
  }
  not_held(text, state.version, state.writer, by);
}

void Oracle::on_made(std::string_view text, uint64_t version, const RequestId& writer,
                     const char* by) {
  bool held = false;
  const auto found = names_.find(std::string(text));
  if (found != names_.end()) {
    for (const Fact& fact : found->second.facts) {
      if (!fact.chosen || fact.version < version) continue;
      held = true;
      if (fact.version == version && fact.writer != writer) {
        return world_.violation(
            fmt::format("agreement: {} of {} is told version {}, which another "
                        "made",
                        by, text, version));
      }
    }
  }
  if (!held) not_held(text, version, writer, by);
}

void Oracle::not_held(std::string_view text, uint64_t version, const RequestId& writer,
                      const char* by) {
  world_.violation(
      fmt::format("durability: {} of {} shows version {} by {:x}-{:x}, which no majority's disks "
                  "hold",
                  by, text, version, writer.high, writer.low));
}

}  // namespace once::sim

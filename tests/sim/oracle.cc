#include "tests/sim/oracle.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/bytes.h"
#include "wal/block_format.h"

namespace once::sim {
namespace {

std::string show(const paxos::Ballot& ballot) {
  return fmt::format("({},{},{})", ballot.round, ballot.node.value, ballot.incarnation);
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
    ++stream.landed;
    stream.sum = checksum(record.data(), record.size(), stream.sum);
    take(node, stream, record, false);
  }
}

void Oracle::begin_audit(size_t node, uint32_t stream_number) {
  Stream& stream = streams_[{node, stream_number}];
  stream.audited = stream.audit_sum = 0;
  stream.lost = stream.landed > 0;  // until as many have come back, the same ones
  stream.range_promise.clear();
}

void Oracle::on_recovered(size_t node, uint32_t stream_number, std::string_view record) {
  Stream& stream = streams_[{node, stream_number}];
  ++stream.audited;
  stream.audit_sum = checksum(record.data(), record.size(), stream.audit_sum);
  if (stream.audited == stream.landed && stream.audit_sum == stream.sum) stream.lost = false;
  // What landed only as a crash came is known from here on.
  take(node, stream, record, true);
}

void Oracle::end_audit(size_t node, uint32_t stream_number) {
  Stream& stream = streams_[{node, stream_number}];
  if (stream.lost) {
    world_.violation(fmt::format(
        "recovery lost durable records: node {} stream {} had {} on its disk, {} came back",
        node + 1, stream_number, stream.landed, stream.audited));
  }
  stream.landed = stream.audited;
  stream.sum = stream.audit_sum;
}

void Oracle::forget_disk(size_t node) {
  std::erase_if(streams_, [&](const auto& entry) { return entry.first.first == node; });
  for (auto& [text, name] : names_) promised(name, node) = paxos::Ballot{};
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
  } else if (const auto* range = std::get_if<paxos::RangePromiseRecord>(&*record)) {
    uint32_t& least = stream.range_promise[range->home];
    least = std::max(least, range->incarnation);
  }
}

paxos::Ballot& Oracle::promised(Name& name, size_t node) {
  for (auto& [who, ballot] : name.promised) {
    if (who == node) return ballot;
  }
  return name.promised.emplace_back(node, paxos::Ballot{}).second;
}

void Oracle::on_promise(size_t node, const paxos::PromiseRecord& record, bool recovered) {
  Name& name = names_[std::string(record.name)];
  paxos::Ballot& ballot = promised(name, node);
  if (!recovered && record.ballot < ballot) {
    world_.violation(fmt::format("node {} promised {} for {} after {}", node + 1,
                                 show(record.ballot), record.name, show(ballot)));
  }
  ballot = std::max(ballot, record.ballot);
  if (recovered || !world_.tells()) return;
  world_.tell("node {} disk: promise {} for {}", node + 1, show(record.ballot), record.name);
}

void Oracle::on_accept(size_t node, Stream& stream, const paxos::AcceptRecord& record,
                       bool recovered) {
  Name& name = names_[std::string(record.name)];
  const paxos::Ballot& ballot = record.ballot;
  // Recovered records come a second time, streams one after the other: order says nothing then.
  if (!recovered) {
    const auto range = stream.range_promise.find(ballot.node);
    const bool closed = ballot.round == 0 && range != stream.range_promise.end() &&
                        ballot.incarnation < range->second;
    if (closed || ballot < promised(name, node)) {
      return world_.violation(
          fmt::format("node {} accepted {} for {} though it had promised {}", node + 1,
                      show(ballot), record.name,
                      closed ? fmt::format("nothing of node {} below incarnation {}",
                                           ballot.node.value, range->second)
                             : show(promised(name, node))));
    }
  }
  paxos::Ballot& promise = promised(name, node);
  promise = std::max(promise, ballot);
  if (!recovered && world_.tells()) {
    world_.tell("node {} disk: accept {} for {} of {:x}-{:x}", node + 1, show(ballot), record.name,
                record.state.writer.high, record.state.writer.low);
  }
  const uint64_t sum = sum_of(record.state);
  Fact* fact = nullptr;
  for (Fact& known : name.facts) {
    if (known.ballot == ballot && known.version == record.state.version) fact = &known;
  }
  if (fact == nullptr) {
    fact = &name.facts.emplace_back();
    *fact =
        Fact{ballot, record.state.version, sum, record.state.writer, 0, false, record.state.sealed};
    for (const Fact& known : name.facts) {
      if (known.chosen) check_extends(record.name, known, *fact);
    }
  }
  if (fact->state != sum) {
    return world_.violation(
        fmt::format("ballot {} of {} carries two states", show(ballot), record.name));
  }
  fact->nodes |= 1u << node;
  const auto holders = static_cast<size_t>(std::popcount(fact->nodes));
  if (!fact->chosen && holders >= nodes_ / 2 + 1) choose(record.name, name, *fact);
}

// What it says of the past was judged as it came; what is new in it was learned, and must have been
// chosen: under that ballot, or, sealed, under a lower one. It is no vote, and is not counted as
// one.
void Oracle::on_kept(size_t node, const paxos::KeptRecord& record, bool recovered) {
  Name& name = names_[std::string(record.name)];
  paxos::Ballot& promise = promised(name, node);
  if (!recovered && record.promised < promise) {
    world_.violation(fmt::format("node {} keeps the promise {} for {} after {}", node + 1,
                                 show(record.promised), record.name, show(promise)));
  }
  promise = std::max(promise, record.promised);
  const uint64_t sum = sum_of(record.state);
  bool true_of_it = false;
  for (const Fact& fact : name.facts) {
    if (fact.version != record.state.version || fact.state != sum) continue;
    const bool same = fact.ballot == record.accepted;
    const bool carried = fact.sealed && fact.ballot < record.accepted;
    true_of_it |=
        record.decided ? fact.chosen && (same || carried) : same && (fact.nodes >> node & 1) != 0;
  }
  if (!true_of_it) {
    world_.violation(fmt::format("node {} keeps version {} of {} under {}{}, which was never so",
                                 node + 1, record.state.version, record.name, show(record.accepted),
                                 record.decided ? " as decided" : ""));
  }
  if (recovered) return;
  world_.tell("node {} disk: learned {} version {} for {}", node + 1, show(record.accepted),
              record.state.version, record.name);
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
  Path path = fact.ballot.incarnation == 1 ? Path::kFast : Path::kClaim;
  if (fact.ballot.round > 0) {
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

#include "server/stream_replay.h"

#include <algorithm>
#include <variant>

#include "base/assert.h"
#include "base/hash.h"
#include "base/record_number.h"

namespace once::server {
namespace {

// What counts is the newest run of this node, and of each home the newest that was promised.
bool replaces(const paxos::Record& fact, const paxos::Record& before) {
  if (fact.index() != before.index()) return false;
  const auto* promise = std::get_if<paxos::RangePromiseRecord>(&fact);
  return promise == nullptr || promise->home == std::get<paxos::RangePromiseRecord>(before).home;
}

Incarnation incarnation_of(const paxos::Record& fact) {
  if (const auto* promise = std::get_if<paxos::RangePromiseRecord>(&fact)) {
    return promise->incarnation;
  }
  return std::get<paxos::IncarnationRecord>(fact).incarnation;
}

}  // namespace

// What they will read is fetched for all of them first.
void StreamReplay::take(std::span<const wal::RecoveredRecord> records, wal::SegmentUse& use) {
  records_ += records.size();
  decoded_.clear();
  for (const wal::RecoveredRecord& read : records) {
    auto record = paxos::decode_record(read.bytes);
    if (!record) {
      ours_ = false;
      continue;
    }
    Decoded& decoded = decoded_.emplace_back(Decoded{read, *record, {}, {}});
    const std::string_view name = paxos::name_of(*record);
    if (name.empty()) continue;
    decoded.hash = cores_[0].replica->hash_of(name);
    decoded.owner =
        core_of(shard_of(decoded.hash.place, shards_), static_cast<uint32_t>(cores_.size())).value;
    if (takes_ == Takes::kOwn && *decoded.owner != stream_) mixed_ = true;
    if (!mixed_) cores_[*decoded.owner].replica->prefetch_segment(decoded.hash);
  }
  if (takes_ == Takes::kOwn && mixed_) return;
  for (const Decoded& decoded : decoded_) {
    if (decoded.owner) cores_[*decoded.owner].replica->prefetch(decoded.hash);
  }
  for (const Decoded& decoded : decoded_) take_one(decoded, use);
}

// Once it does not fit, what is left is only measured, to say how much is needed.
void StreamReplay::take_one(const Decoded& decoded, wal::SegmentUse& use) {
  const wal::RecoveredRecord& read = decoded.read;
  if (!memory_.fits()) return memory_.add_too_many(read.bytes.size() + sizeof(uint64_t) * 16);
  if (!decoded.owner) {
    take_nameless(decoded, use);
  } else {
    give(*decoded.owner, decoded, use);
    if (*decoded.owner != stream_) {  // it is written anew by its owner, before anything goes
      mixed_ = true;
      use.no_longer_needed(read.number, read.bytes.size());
    }
  }
  looked_at_ += read.bytes.size();
  if (looked_at_ >= kMaxRecordBytes) look_at_memory();
}

void StreamReplay::take_nameless(const Decoded& decoded, wal::SegmentUse& use) {
  if (takes_ == Takes::kAll) {
    for (uint32_t core = 0; core < cores_.size(); ++core) give(core, decoded, use);
    return;
  }
  give(stream_, decoded, use);
  const paxos::Record& fact = decoded.record;
  // What is told of a home's numbers is news, and is of use where its names are.
  if (!std::holds_alternative<paxos::IncarnationRecord>(fact) &&
      !std::holds_alternative<paxos::RangePromiseRecord>(fact)) {
    return;
  }
  const auto known = std::find_if(facts_.begin(), facts_.end(),
                                  [&fact](const auto& before) { return replaces(fact, before); });
  if (known == facts_.end()) {
    facts_.push_back(fact);
  } else if (incarnation_of(*known) < incarnation_of(fact)) {
    *known = fact;
  }
}

// News and facts are needless wherever they are.
void StreamReplay::give(uint32_t core, const Decoded& decoded, wal::SegmentUse& use) {
  ONCE_ASSERT(core < cores_.size() && (takes_ == Takes::kAll || core == stream_));
  const RecordNumber number = core == stream_ ? decoded.read.number : RecordNumber{};
  needless_.clear();
  ours_ &= cores_[core].replica->recover(decoded.record, decoded.hash, number, needless_);
  wal::SegmentUse& of = core == stream_ ? use : *cores_[core].use;
  for (const paxos::Needless& one : needless_) of.no_longer_needed(one.record, one.bytes);
}

void StreamReplay::look_at_memory() {
  looked_at_ = 0;
  for (uint32_t core = 0; core < cores_.size(); ++core) {
    if (takes_ == Takes::kAll || core == stream_) {
      memory_.set(core, cores_[core].replica->memory_bytes());
    }
  }
}

}  // namespace once::server

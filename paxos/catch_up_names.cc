// What becomes of names that may be missing here: each is looked at again after a while, for what
// is under way comes by itself; what is still missing is asked of who told it, and of everybody if
// that does not help.
#include <algorithm>

#include "base/assert.h"
#include "paxos/catch_up.h"
#include "paxos/core_state.h"
#include "paxos/pages.h"

namespace once::paxos {
namespace {

constexpr int64_t kLookAgainNs = 200 * kMs;
constexpr uint8_t kMostLooks = 20;
constexpr uint8_t kMostBusyLooks = 100;       // a request waits for as long
constexpr int64_t kBudgetOfOne = 1000 * kMs;  // refill() gives so many a second for each
constexpr size_t kMostAsked = 256;
constexpr size_t kMostAskedBytes = 1024 * 1024;
constexpr uint8_t kMostDisputes = 3;  // about the same: nobody is at work there
constexpr int64_t kScanEveryNs = 10'000 * kMs;
constexpr uint64_t kScannedAtOnce = 1024;
constexpr size_t kRoomForAScan = kScannedAtOnce + kMostTold;  // a page is asked for, perhaps
constexpr uint32_t kNoCandidate = UINT32_MAX;

}  // namespace

// --- places
// ---------------------------------------------------------------------------------------

uint32_t CatchUp::take(std::string_view name, NameHash hash) {
  uint32_t index = kNoCandidate;
  if (!free_.empty()) {
    index = free_.back();
    free_.pop_back();
  } else if (candidates_.size() < kMostCandidates) {
    index = static_cast<uint32_t>(candidates_.size());
    candidates_.emplace_back();
  } else {
    return kNoCandidate;
  }
  Candidate& candidate = candidates_[index];
  const uint32_t generation = candidate.generation;
  candidate = Candidate{};
  candidate.generation = generation;
  candidate.hash = hash;
  candidate.block = acceptor_.arena().allocate(name.size());
  candidate.name_size = static_cast<uint16_t>(name.size());
  std::copy(name.begin(), name.end(), candidate.block);
  return index;
}

void CatchUp::release(uint32_t index) {
  Candidate& candidate = candidates_[index];
  ONCE_ASSERT(candidate.step != Candidate::Step::kFree);
  if (candidate.step == Candidate::Step::kAsked) answered(candidate);
  if (candidate.missing) --missing_;
  if (candidate.of_pass) --of_pass_;
  acceptor_.arena().free(candidate.block, candidate.name_size);
  candidate.block = nullptr;
  candidate.step = Candidate::Step::kFree;
  ++candidate.generation;
  free_.push_back(index);
}

// Its question is not open any more.
void CatchUp::answered(Candidate& candidate) {
  ONCE_ASSERT(in_flight_ > 0 && in_flight_bytes_ >= candidate.asked_bytes);
  --in_flight_;
  in_flight_bytes_ -= candidate.asked_bytes;
  candidate.step = Candidate::Step::kReady;
}

void CatchUp::wait_again(uint32_t index) {
  Candidate& candidate = candidates_[index];
  if (candidate.step == Candidate::Step::kAsked) answered(candidate);
  if (++candidate.looks > kMostLooks) return give_up(index);
  look_later(index);
}

// It is found again by a later pass, or by a later scan.
void CatchUp::give_up(uint32_t index) {
  if (candidates_[index].of_pass) given_up_ = true;
  release(index);
}

void CatchUp::look_later(uint32_t index) {
  Candidate& candidate = candidates_[index];
  candidate.step = Candidate::Step::kYoung;
  candidate.due = step_.now() + kLookAgainNs;
  young_.push(index);
}

// Incarnation, generation, place; as Core::make_handle().
uint64_t CatchUp::op_of(uint32_t index) const {
  return uint64_t{incarnation_} << 40 | uint64_t{candidates_[index].generation & 0xffffff} << 16 |
         index;
}

Candidate* CatchUp::candidate_of(uint64_t op) {
  const auto index = static_cast<uint32_t>(op & 0xffff);
  if (index >= candidates_.size() || candidates_[index].step != Candidate::Step::kAsked) {
    return nullptr;
  }
  return op == op_of(index) ? &candidates_[index] : nullptr;
}

// --- what may be missing
// --------------------------------------------------------------------------

// A name that the teller knows to be decided.
void CatchUp::consider(const ToldName& told) {
  const NameHash hash = cluster_.hasher()(told.name);
  if (!cluster_.is_mine(hash) || !cluster_.has(told.ballot.node)) return;
  const EntryIndex found = acceptor_.find(hash.key, told.name);
  if (found != Acceptor::kNone) {
    const Entry& entry = acceptor_.at(found);
    if (entry.decided() && entry.version() >= told.version) return;
  }
  const uint32_t index = take(told.name, hash);
  if (index == kNoCandidate) {  // found again by a later pass
    given_up_ = true;
    return;
  }
  Candidate& candidate = candidates_[index];
  candidate.ballot = told.ballot;
  candidate.version = told.version;
  candidate.value_bytes = told.value_bytes;
  candidate.teller = teller_;
  candidate.of_pass = true;
  ++of_pass_;
  wait_again(index);
}

// Whom nobody tells: what this acceptor holds undecided, once in a while.
void CatchUp::scan_own() {
  if (step_.now() < scan_at_) return;
  const size_t room = free_.size() + (kMostCandidates - candidates_.size());
  if (room < kRoomForAScan) return;
  const bool none = acceptor_.undecided() == 0;
  const uint64_t end = none ? 0 : std::min(acceptor_.size(), scan_cursor_ + kScannedAtOnce);
  EntryIndex next = scan_cursor_ < end ? acceptor_.nth(scan_cursor_) : Acceptor::kNone;
  for (; scan_cursor_ < end; ++scan_cursor_) {
    const Entry& entry = acceptor_.at(next);
    next = acceptor_.after(next);
    if (entry.version() == 0 || entry.decided() || !entry.is_idle()) continue;
    const uint32_t index = take(entry.name(), acceptor_.hash_of(entry));
    Candidate& candidate = candidates_[index];
    candidate.ballot = entry.accepted();
    candidate.version = entry.version();
    candidate.value_bytes = entry.value_size();
    candidate.own = candidate.majority = true;
    wait_again(index);
  }
  if (!none && scan_cursor_ < acceptor_.size()) return;
  scan_cursor_ = 0;
  scan_at_ = step_.now() + kScanEveryNs;
}

void CatchUp::look_again() {
  while (!young_.empty() && candidates_[young_.front()].due <= step_.now()) {
    const uint32_t index = young_.pop();
    Candidate& candidate = candidates_[index];
    ONCE_ASSERT(candidate.step == Candidate::Step::kYoung);
    switch (standing_of(candidate)) {
      case Standing::kKnown:
        release(index);
        break;
      case Standing::kBusy:
        if (++candidate.busy_looks > kMostBusyLooks) {
          give_up(index);
        } else {
          look_later(index);
        }
        break;
      case Standing::kMissing:
        if (!candidate.missing) ++missing_;
        candidate.missing = true;
        candidate.step = Candidate::Step::kReady;
        ready_.push(index);
    }
  }
}

CatchUp::Standing CatchUp::standing_of(Candidate& candidate) {
  const EntryIndex found = acceptor_.find(candidate.hash.key, candidate.name());
  if (found == Acceptor::kNone) return Standing::kMissing;
  const Entry& entry = acceptor_.at(found);
  if (entry.decided() && entry.version() >= candidate.version) return Standing::kKnown;
  // Something newer is known here, or under way; if it was left half done, scan_own() finds it.
  if (entry.version() > candidate.version) return Standing::kKnown;
  if (!entry.is_idle()) return Standing::kBusy;
  const bool holds = entry.accepted() == candidate.ballot && entry.version() == candidate.version;
  if (candidate.own) return holds ? Standing::kMissing : Standing::kKnown;
  const bool of_this_run =
      entry.accepted().node == cluster_.self().node && entry.accepted().incarnation >= incarnation_;
  if (holds && of_this_run) {
    candidate.majority = true;
    return Standing::kMissing;
  }
  if (holds) {
    decided_.push_back(found);
    count_learned(candidate);
    return Standing::kKnown;
  }
  return Standing::kMissing;
}

// --- questions and answers
// ------------------------------------------------------------------------

void CatchUp::ask_ready(Pace pace) {
  if (pace == Pace::kNone) return;
  while (!ready_.empty() && names_left_ > 0 && bytes_left_ > 0 && in_flight_ < kMostAsked &&
         in_flight_bytes_ < kMostAskedBytes) {
    ask(ready_.pop());
  }
}

void CatchUp::ask(uint32_t index) {
  Candidate& candidate = candidates_[index];
  ONCE_ASSERT(candidate.step == Candidate::Step::kReady);
  names_left_ -= kBudgetOfOne;
  ++candidate.generation;
  if (!candidate.majority && !cluster_.link_up(candidate.teller)) return release(index);
  candidate.step = Candidate::Step::kAsked;
  ++in_flight_;
  candidate.asked_bytes = 0;
  asked_.push({step_.now() + kSyncAnswerNs, index, candidate.generation});
  const SyncFetch fetch{op_of(index), candidate.name()};
  if (!candidate.majority) {
    expect_bytes(candidate);
    return outbox_.send(candidate.teller, RestsOn{}, fetch);
  }
  candidate.read = MajorityRead{};
  const EntryIndex found = acceptor_.find(candidate.hash.key, candidate.name());
  Ballot held;
  uint64_t version = 0;
  if (found != Acceptor::kNone) {
    const Entry& entry = acceptor_.at(found);
    if (entry.record() > step_.durable()) return wait_again(index);
    held = entry.accepted();
    version = entry.version();
  }
  const Votes self = cluster_.vote_of(cluster_.self().node);
  candidate.asked = 1;
  for (size_t i = 0; i < cluster_.size(); ++i) {
    const Endpoint to = cluster_.peer_core(i, candidate.hash);
    if (cluster_.is_self(i) || !cluster_.link_up(to)) continue;
    ++candidate.asked;
    expect_bytes(candidate);
    outbox_.send(to, RestsOn{}, fetch);
  }
  if (candidate.read.count(cluster_, self, held, version) == MajorityRead::Outcome::kChosen) {
    decided_.push_back(found);  // a cluster of one
    release(index);
  }
}

// Whoever is asked answers with the whole value.
void CatchUp::expect_bytes(Candidate& candidate) {
  bytes_left_ -= kBudgetOfOne * candidate.value_bytes;
  candidate.asked_bytes += candidate.value_bytes;
  in_flight_bytes_ += candidate.value_bytes;
}

void CatchUp::expire() {
  while (!asked_.empty() && asked_.front().until <= step_.now()) {
    const Asked asked = asked_.pop();
    Candidate& candidate = candidates_[asked.index];
    const bool open = candidate.step == Candidate::Step::kAsked;
    if (!open || candidate.generation != asked.generation) continue;
    const bool disputed = candidate.majority && candidate.read.answers() >= cluster_.quorum();
    candidate.majority = true;
    disputed ? dispute(asked.index) : wait_again(asked.index);
  }
}

bool CatchUp::expects(const Endpoint& from, const SyncState& m) {
  if (options_.takes_unasked) return true;
  const Candidate* candidate = candidate_of(m.op);
  if (candidate == nullptr || candidate->name() != m.name) return false;
  if (!candidate->majority) return from == candidate->teller;
  return from == cluster_.peer_core(cluster_.index_of(from.node), candidate->hash);
}

Next CatchUp::on_state(const Endpoint& from, const SyncState& m, Taken taken) {
  Candidate* candidate = candidate_of(m.op);
  if (candidate == nullptr || candidate->name() != m.name) return Next::kNothing;
  const auto index = static_cast<uint32_t>(candidate - candidates_.data());
  if (m.decided && taken <= Taken::kLater) {
    end_question(index, taken);
    return Next::kNothing;
  }
  if (!candidate->majority) {  // it is not decided there any more, or denies what is known here
    candidate->majority = true;
    wait_again(index);
    return Next::kNothing;
  }
  const Votes vote = cluster_.vote_of(from.node);
  switch (candidate->read.count(cluster_, vote, m.ballot, m.state.version)) {
    case MajorityRead::Outcome::kOpen:
      break;
    case MajorityRead::Outcome::kEmpty:  // what this acceptor holds was accepted by a minority
      candidate->own ? dispute(index) : release(index);
      break;
    case MajorityRead::Outcome::kChosen:
      return taken == Taken::kDenied ? Next::kNothing : Next::kLearn;
    case MajorityRead::Outcome::kDisagree:
      if (candidate->read.answers() >= candidate->asked) dispute(index);
  }
  return Next::kNothing;
}

void CatchUp::on_chosen(const SyncState& m, Taken taken) {
  Candidate* candidate = candidate_of(m.op);
  ONCE_ASSERT(candidate != nullptr);
  end_question(static_cast<uint32_t>(candidate - candidates_.data()), taken);
}

void CatchUp::end_question(uint32_t index, Taken taken) {
  if (taken == Taken::kLater) return wait_again(index);
  if (taken == Taken::kLearned) count_learned(candidates_[index]);
  release(index);
}

void CatchUp::count_learned(const Candidate& candidate) {
  ++figures_.learned;
  learned_record_ = step_.last_record();
  if (candidate.of_pass) ++found_;
  if (estimate_ > 0) --estimate_;
}

// A majority does not agree. Whoever is at work there moves on; what stays as it is nobody ends.
void CatchUp::dispute(uint32_t index) {
  Candidate& candidate = candidates_[index];
  const bool same = candidate.read.best() == candidate.disputed &&
                    candidate.read.version() == candidate.disputed_version;
  candidate.disputes = same ? static_cast<uint8_t>(candidate.disputes + 1) : uint8_t{1};
  candidate.disputed = candidate.read.best();
  candidate.disputed_version = candidate.read.version();
  if (candidate.disputes < kMostDisputes) return wait_again(index);
  const EntryIndex found = acceptor_.find(candidate.hash.key, candidate.name());
  if (found != Acceptor::kNone) unfinished_.push_back(found);
  release(index);
}

}  // namespace once::paxos

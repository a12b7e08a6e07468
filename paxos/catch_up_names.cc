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

}  // namespace

// --- places
// ---------------------------------------------------------------------------------------

void CatchUp::release(CandidateId id) {
  Candidate& candidate = candidates_[id];
  ONCE_ASSERT(candidate.step != Candidate::Step::kFree);
  if (candidate.step == Candidate::Step::kAsked) answered(candidate);
  ONCE_ASSERT(!candidate.missing || missing_ > 0);
  ONCE_ASSERT(!candidate.of_pass || of_pass_ > 0);
  if (candidate.missing) --missing_;
  if (candidate.of_pass) --of_pass_;
  candidates_.free(id);
}

// Its question is not open any more.
void CatchUp::answered(Candidate& candidate) {
  ONCE_ASSERT(in_flight_ > 0 && in_flight_bytes_ >= candidate.asked_bytes);
  --in_flight_;
  in_flight_bytes_ -= candidate.asked_bytes;
  candidate.step = Candidate::Step::kReady;
}

void CatchUp::wait_again(CandidateId id) {
  Candidate& candidate = candidates_[id];
  if (candidate.step == Candidate::Step::kAsked) answered(candidate);
  if (++candidate.looks > kMostLooks) return give_up(id);
  look_later(id);
}

// It is found again by a later pass, or by a later scan.
void CatchUp::give_up(CandidateId id) {
  if (candidates_[id].of_pass) given_up_ = true;
  release(id);
}

void CatchUp::look_later(CandidateId id) {
  Candidate& candidate = candidates_[id];
  ONCE_ASSERT(candidate.step != Candidate::Step::kAsked);  // its question is not open
  candidate.step = Candidate::Step::kYoung;
  candidate.due = step_.now() + kLookAgainNs;
  young_.push(id);
}

CandidateId CatchUp::asked_for(uint64_t op, std::string_view name) {
  const CandidateId id = candidates_.find(Handle{op}, step_.incarnation());
  return id != kNil && candidates_[id].name() == name ? id : CandidateId{};
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
  ONCE_ASSERT(told.version != 0 && !told.ballot.is_null());
  const CandidateId id = candidates_.take(told.name, hash);
  if (id == kNil) {  // found again by a later pass
    given_up_ = true;
    return;
  }
  Candidate& candidate = candidates_[id];
  candidate.ballot = told.ballot;
  candidate.version = told.version;
  candidate.value_bytes = told.value_bytes;
  candidate.teller = teller_;
  candidate.of_pass = true;
  ++of_pass_;
  wait_again(id);
}

// Whom nobody tells: what this acceptor holds undecided, once in a while.
void CatchUp::scan_own() {
  if (step_.now() < scan_at_) return;
  if (candidates_.room() < kRoomForAScan) return;
  const bool none = acceptor_.undecided() == 0;
  const uint64_t end = none ? 0 : std::min(acceptor_.size(), scan_cursor_ + kScannedAtOnce);
  EntryIndex next = scan_cursor_ < end ? acceptor_.nth(scan_cursor_) : Acceptor::kNone;
  for (; scan_cursor_ < end; ++scan_cursor_) {
    const Entry& entry = acceptor_.at(next);
    next = acceptor_.after(next);
    if (entry.version() == 0 || entry.decided() || !entry.is_idle()) continue;
    const CandidateId id = candidates_.take(entry.name(), acceptor_.hash_of(entry));
    ONCE_ASSERT(id != kNil);  // there is room for so many
    Candidate& candidate = candidates_[id];
    candidate.ballot = entry.accepted();
    candidate.version = entry.version();
    candidate.value_bytes = entry.value_size();
    candidate.own = candidate.majority = true;
    wait_again(id);
  }
  if (!none && scan_cursor_ < acceptor_.size()) return;
  scan_cursor_ = 0;
  scan_at_ = step_.now() + kScanEveryNs;
}

void CatchUp::look_again(Pace pace) {
  while (!young_.empty() && candidates_[young_.front()].due <= step_.now()) {
    const CandidateId id = young_.pop();
    Candidate& candidate = candidates_[id];
    ONCE_ASSERT(candidate.step == Candidate::Step::kYoung);
    switch (standing_of(candidate, pace)) {
      case Standing::kKnown:
        release(id);
        break;
      case Standing::kUnpaid:
        look_later(id);
        break;
      case Standing::kBusy:
        if (++candidate.busy_looks > kMostBusyLooks) {
          give_up(id);
        } else {
          look_later(id);
        }
        break;
      case Standing::kMissing:
        if (!candidate.missing) ++missing_;
        candidate.missing = true;
        candidate.step = Candidate::Step::kReady;
        ready_.push(id);
    }
  }
}

CatchUp::Standing CatchUp::standing_of(Candidate& candidate, Pace pace) {
  const EntryIndex found = acceptor_.find(candidate.hash.key, candidate.name());
  if (found == Acceptor::kNone) return Standing::kMissing;
  const Entry& entry = acceptor_.at(found);
  if (entry.decided() && entry.version() >= candidate.version) return Standing::kKnown;
  // Something newer is known here, or under way; if it was left half done, scan_own() finds it.
  if (entry.version() > candidate.version) return Standing::kKnown;
  if (!entry.is_idle()) return Standing::kBusy;
  const bool holds = entry.accepted() == candidate.ballot && entry.version() == candidate.version;
  if (candidate.own) return holds ? Standing::kMissing : Standing::kKnown;
  if (holds && own_.is_not_earlier(entry.accepted())) {
    candidate.majority = true;
    return Standing::kMissing;
  }
  if (holds) {  // a record in the log, which is paid for like a question
    if (pace == Pace::kNone || names_left_ <= 0) return Standing::kUnpaid;
    names_left_ -= kBudgetOfOne;
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

void CatchUp::ask(CandidateId id) {
  Candidate& candidate = candidates_[id];
  ONCE_ASSERT(candidate.step == Candidate::Step::kReady);
  ONCE_ASSERT(in_flight_ < kMostAsked);
  names_left_ -= kBudgetOfOne;
  candidates_.ask_anew(id);
  if (!candidate.majority && !cluster_.link_up(candidate.teller)) return release(id);
  candidate.step = Candidate::Step::kAsked;
  ++in_flight_;
  candidate.asked_bytes = 0;
  asked_.push({step_.now() + kSyncAnswerNs, id, candidate.generation});
  const SyncFetch fetch{candidates_.handle_of(id, step_.incarnation()).value, candidate.name()};
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
    if (entry.record() > step_.durable()) return wait_again(id);
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
    ONCE_ASSERT(found != Acceptor::kNone && cluster_.size() == 1);
    decided_.push_back(found);
    release(id);
  }
}

// Whoever is asked answers with the whole value.
void CatchUp::expect_bytes(Candidate& candidate) {
  bytes_left_ -= kBudgetOfOne * candidate.value_bytes;
  ONCE_ASSERT(candidate.step == Candidate::Step::kAsked);
  candidate.asked_bytes += candidate.value_bytes;
  in_flight_bytes_ += candidate.value_bytes;
}

void CatchUp::expire() {
  while (!asked_.empty() && asked_.front().until <= step_.now()) {
    const Asked asked = asked_.pop();
    Candidate& candidate = candidates_[asked.id];
    const bool open = candidate.step == Candidate::Step::kAsked;
    if (!open || candidate.generation != asked.generation) continue;
    const bool disputed = candidate.majority && candidate.read.answers() >= cluster_.quorum();
    candidate.majority = true;
    disputed ? dispute(asked.id) : wait_again(asked.id);
  }
}

bool CatchUp::expects(const Endpoint& from, const SyncState& m) {
  if (options_.takes_unasked) return true;
  const CandidateId id = asked_for(m.op, m.name);
  if (id == kNil) return false;
  const Candidate& candidate = candidates_[id];
  if (!candidate.majority) return from == candidate.teller;
  return from == cluster_.peer_core(cluster_.index_of(from.node), candidate.hash);
}

Next CatchUp::on_state(const Endpoint& from, const SyncState& m, Taken taken) {
  const CandidateId id = asked_for(m.op, m.name);
  if (id == kNil) return Next::kNothing;
  Candidate& candidate = candidates_[id];
  if (m.decided && taken <= Taken::kLater) {
    end_question(id, taken);
    return Next::kNothing;
  }
  if (!candidate.majority) {  // it is not decided there any more, or denies what is known here
    candidate.majority = true;
    wait_again(id);
    return Next::kNothing;
  }
  const Votes vote = cluster_.vote_of(from.node);
  switch (candidate.read.count(cluster_, vote, m.ballot, m.state.version)) {
    case MajorityRead::Outcome::kOpen:
      break;
    case MajorityRead::Outcome::kEmpty:  // what this acceptor holds was accepted by a minority
      candidate.own ? dispute(id) : release(id);
      break;
    case MajorityRead::Outcome::kChosen:
      return taken == Taken::kDenied ? Next::kNothing : Next::kLearn;
    case MajorityRead::Outcome::kDisagree:
      if (candidate.read.answers() >= candidate.asked) dispute(id);
  }
  return Next::kNothing;
}

void CatchUp::on_chosen(const SyncState& m, Taken taken) {
  const CandidateId id = asked_for(m.op, m.name);
  ONCE_ASSERT(id != kNil);
  end_question(id, taken);
}

void CatchUp::end_question(CandidateId id, Taken taken) {
  ONCE_ASSERT(candidates_[id].step == Candidate::Step::kAsked);
  if (taken == Taken::kLater) return wait_again(id);
  if (taken == Taken::kLearned) count_learned(candidates_[id]);
  release(id);
}

void CatchUp::count_learned(const Candidate& candidate) {
  ++figures_.learned;
  learned_record_ = step_.last_waited_for();
  if (candidate.of_pass) ++found_;
  if (estimate_ > 0) --estimate_;
}

// A majority does not agree. Whoever is at work there moves on; what stays as it is nobody ends.
void CatchUp::dispute(CandidateId id) {
  Candidate& candidate = candidates_[id];
  ONCE_ASSERT(candidate.majority);
  const bool same = candidate.read.best() == candidate.disputed &&
                    candidate.read.version() == candidate.disputed_version;
  candidate.disputes = same ? static_cast<uint8_t>(candidate.disputes + 1) : uint8_t{1};
  candidate.disputed = candidate.read.best();
  candidate.disputed_version = candidate.read.version();
  if (candidate.disputes < kMostDisputes) return wait_again(id);
  const EntryIndex found = acceptor_.find(candidate.hash.key, candidate.name());
  if (found != Acceptor::kNone) unfinished_.push_back(found);
  release(id);
}

}  // namespace once::paxos

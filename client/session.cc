#include "client/session.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/printable.h"
#include "base/rarely.h"
#include "client/obstacles.h"
#include "client/retry_rules.h"

namespace once::client {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
// Longer than a dial and the pause before the next one.
constexpr int64_t kTroubleLastsNs = 5'000'000'000;

// Correlation: a number never used again, the slot, and which of its attempts.
constexpr unsigned kAttemptBits = 2;
constexpr unsigned kSlotBits = 15;
static_assert(kMaxOperationsPerCore <= 1u << kSlotBits);
static_assert(kMaxAttemptsInFlight <= 1u << kAttemptBits);

uint32_t slot_of(uint64_t correlation) {
  return static_cast<uint32_t>(correlation >> kAttemptBits) & ((1u << kSlotBits) - 1);
}
uint32_t attempt_of(uint64_t correlation) {
  return static_cast<uint32_t>(correlation) & ((1u << kAttemptBits) - 1);
}

paxos::ClientRequest request_of(const Call& call) {
  paxos::ClientRequest request;
  request.operation = call.operation;
  request.id = call.id;
  request.version = call.version;
  request.name = call.name;
  request.value = call.value;
  return request;
}

// When a node that was asked to wait at `sent_ns` should have answered.
// How long a node is asked to wait: it says "not yet" a little before the deadline, so that its
// silence then tells that it hangs.
int64_t server_wait_ns(int64_t sent_ns, int64_t deadline_ns) {
  const int64_t left = deadline_ns - sent_ns;
  return std::min(left - std::min(left / 4, kAnswerMarginNs), kMaxServerWaitNs);
}

int64_t wait_expiry_ns(int64_t sent_ns, int64_t deadline_ns) {
  return sent_ns + server_wait_ns(sent_ns, deadline_ns) + kMaxHedgeDelayNs;
}

std::string trouble_of(paxos::Status status, const std::string& address) {
  switch (status) {
    case paxos::Status::kUnavailable:
      return printable(address) + " reaches no majority of the nodes";
    case paxos::Status::kOverloaded:
      return "the server is overloaded";
    default:
      return "the server does not know the outcome";
  }
}

}  // namespace

Session::Session(const SessionOptions& options, Transport* transport)
    : transport_(transport),
      prng_(options.seed),
      paths_(options.endpoints, options.cluster, transport, &prng_),
      max_pending_(std::min(options.max_pending, kMaxOperationsPerCore)) {}

void Session::submit(Call&& call, int64_t now_ns) {
  if (pending() >= max_pending_) {
    Result result;
    result.outcome = Outcome::kUnavailable;
    result.request_id = call.id;
    result.message = "overloaded: too many operations are pending in this client";
    call.done(std::move(result));
    return;
  }
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t index = free_.back();
  free_.pop_back();
  Slot& slot = slots_[index];
  ONCE_ASSERT(!slot.active);
  slot.call = std::move(call);
  slot.active = true;
  slot.may_have_happened = false;
  slot.not_yet_ns = 0;
  slot.failed_since = false;
  slot.attempts = 0;
  slot.failures = 0;
  slot.started_ns = now_ns;
  slot.retry_at_ns = now_ns;
  slot.in_flight.fill(Attempt{});
  slot.refusal.reset();
  slot.last_error.clear();
  if (paths_.has_map() && !paths_.mistake().empty()) return give_up();
  advance(index, now_ns);
}

// Decides what an operation does next; every event about it ends here.
void Session::advance(uint32_t index, int64_t now_ns) {
  Slot& slot = slots_[index];
  ONCE_ASSERT(slot.active);
  const int64_t deadline = slot.call.deadline_ns;
  if (now_ns >= deadline) return finish_at_deadline(index, now_ns);
  if (count_in_flight(slot) > 0 && now_ns >= slot.hedge_at_ns) overdue(index, now_ns);
  if (count_in_flight(slot) > 0) return arm(index, std::min(deadline, slot.hedge_at_ns));
  if (now_ns < slot.retry_at_ns) return arm(index, std::min(deadline, slot.retry_at_ns));
  if (try_send(index, now_ns)) return arm(index, std::min(deadline, slot.hedge_at_ns));
  if (!slot.waiting) {
    slot.waiting = true;
    waiting_.push_back(index);
  }
  arm(index, std::min(deadline, now_ns + kWaitPollNs));
}

// What is in flight has taken long: ask somebody else too, if that is harmless.
void Session::overdue(uint32_t index, int64_t now_ns) {
  Slot& slot = slots_[index];
  if (slot.call.operation == paxos::Operation::kWait) return overdue_wait(index, now_ns);
  for (const Attempt& attempt : slot.in_flight) {
    if (attempt.path != kNoPath) suspect(attempt, now_ns);
  }
  const bool more = may_hedge(slot.call.operation) && !slot.refusal &&
                    count_in_flight(slot) < kMaxAttemptsInFlight;
  if (!more) {
    slot.hedge_at_ns = kNever;
  } else if (!try_send(index, now_ns)) {
    slot.hedge_at_ns = now_ns + kWaitPollNs;  // nobody else to ask yet
  } else if (count_in_flight(slot) == kMaxAttemptsInFlight) {
    slot.hedge_at_ns = kNever;
  }
}

// A wait has one attempt in flight. Its node kept others waiting, or should have answered by now:
// it is not believed to tell any news.
void Session::overdue_wait(uint32_t index, int64_t now_ns) {
  Slot& slot = slots_[index];
  const auto old = std::find_if(slot.in_flight.begin(), slot.in_flight.end(),
                                [](const Attempt& each) { return each.path != kNoPath; });
  ONCE_ASSERT(old != slot.in_flight.end());
  const int64_t expires_ns = wait_expiry_ns(old->sent_ns, slot.call.deadline_ns);
  if (now_ns < expires_ns) {
    slot.hedge_at_ns = expires_ns;
    if (!try_send(index, now_ns)) return;  // nobody else to ask
  } else {
    suspect(*old, now_ns);
  }
  *old = Attempt{};
}

// Waits are silent by nature: only what other operations meet tells that their node hangs.
void Session::suspect(const Attempt& attempt, int64_t now_ns) {
  if (!paths_.suspect(attempt.path, attempt.sent_ns, now_ns)) return;
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    if (!slot.active || slot.call.operation != paxos::Operation::kWait) continue;
    const bool there =
        std::any_of(slot.in_flight.begin(), slot.in_flight.end(), [&](const Attempt& each) {
          return each.path != kNoPath && paths_.same_core(each.path, attempt.path);
        });
    if (!there) continue;
    slot.hedge_at_ns = now_ns;
    arm(index, now_ns);
  }
}

bool Session::try_send(uint32_t index, int64_t now_ns) {
  Slot& slot = slots_[index];
  std::array<PathId, kMaxAttemptsInFlight> busy;
  size_t busy_count = 0;
  size_t place = kMaxAttemptsInFlight;
  for (size_t i = 0; i < kMaxAttemptsInFlight; ++i) {
    if (slot.in_flight[i].path != kNoPath) {
      busy[busy_count++] = slot.in_flight[i].path;
    } else if (place == kMaxAttemptsInFlight) {
      place = i;
    }
  }
  ONCE_ASSERT(place < kMaxAttemptsInFlight);
  const bool patient = slot.attempts == 0 && now_ns - slot.started_ns < kHomePatienceNs;
  const bool wait = slot.call.operation == paxos::Operation::kWait;
  const PathId path = paths_.pick(slot.call.name, slot.attempts, {busy.data(), busy_count},
                                  {.patient = patient, .long_lived = wait}, now_ns);
  if (path == kNoPath) return false;
  const uint64_t correlation =
      (next_attempt_ << (kSlotBits + kAttemptBits)) | (uint64_t{index} << kAttemptBits) | place;
  const int64_t remaining_ns = slot.call.deadline_ns - now_ns;
  const int64_t server_ns = wait ? server_wait_ns(now_ns, slot.call.deadline_ns) : remaining_ns;
  paxos::ClientRequest request = request_of(slot.call);
  request.timeout_ms = static_cast<uint32_t>(
      std::clamp<int64_t>(server_ns / 1'000'000, 1, std::numeric_limits<int32_t>::max()));
  if (!transport_->send(path, correlation, request)) return false;
  ++next_attempt_;
  ++slot.attempts;
  paths_.on_sent(path);
  slot.in_flight[place] = Attempt{path, correlation, now_ns};
  const int64_t patience = std::min(kMaxHedgeDelayNs, remaining_ns / 3);
  const bool at_once = may_hedge(slot.call.operation) && rarely(Rare::kHedgeAtOnce);
  slot.hedge_at_ns = now_ns + (at_once ? 1 : patience);
  if (wait) slot.hedge_at_ns = wait_expiry_ns(now_ns, slot.call.deadline_ns);
  return true;
}

// One attempt ended without an outcome. With others still in flight the operation waits for those.
void Session::attempt_failed(uint32_t index, std::string_view why, int64_t now_ns) {
  Slot& slot = slots_[index];
  slot.last_error.assign(why);
  slot.failed_since = true;
  if (count_in_flight(slot) > 0) return;
  const bool lost = slot.may_have_happened && !may_repeat_after_loss(slot.call.operation);
  if (lost || slot.refusal) return finish_without_answer(index, Outcome::kUnavailable);
  const int64_t pause = jitter(prng_, backoff_ns(slot.failures));
  slot.retry_at_ns = now_ns + (rarely(Rare::kRetryAtOnce) ? 0 : pause);
  ++slot.failures;
  advance(index, now_ns);
}

// One attempt did not and will not happen. The others decide whether the operation did not.
void Session::attempt_refused(uint32_t index, Result&& refusal) {
  Slot& slot = slots_[index];
  slot.refusal = std::move(refusal);
  if (count_in_flight(slot) == 0) finish_without_answer(index, Outcome::kUnavailable);
}

// A node waited in vain for as long as it was asked to, or as long as it likes to.
void Session::attempt_saw_nothing(uint32_t index, int64_t sent_ns, int64_t now_ns) {
  Slot& slot = slots_[index];
  slot.not_yet_ns = now_ns;
  slot.failed_since = false;
  if (now_ns - sent_ns >= kMaxHedgeDelayNs) slot.failures = 0;
  slot.retry_at_ns = now_ns + jitter(prng_, backoff_ns(slot.failures++));
  advance(index, now_ns);
}

void Session::on_ready(PathId path, const net::ServerHello& hello, int64_t now_ns) {
  if (!paths_.known(path)) return;
  note_trouble(paths_.on_ready(path, hello, now_ns), now_ns);
  if (!paths_.mistake().empty()) return give_up();
  wake_waiting(now_ns);
}

void Session::on_closed(PathId path, std::string_view why, int64_t now_ns) {
  if (!paths_.known(path)) return;
  paths_.on_closed(path, now_ns, why);
  note_trouble(told_by(path, why), now_ns);
  end_attempts(path, last_trouble_, true, now_ns);
}

void Session::on_stranger(PathId path, std::string_view why, int64_t now_ns) {
  if (!paths_.known(path)) return;
  on_closed(path, why, now_ns);
  paths_.note_stranger(path);
  if (!paths_.has_map() && !paths_.mistake().empty()) give_up();
}

// Mostly nothing is in flight on such a path, and then nobody hears of it.
void Session::on_dismissed(PathId path, std::string_view why, int64_t now_ns) {
  if (!paths_.known(path)) return;
  const bool connected = paths_.at(path).state == Path::State::kReady;
  if (!connected) return on_closed(path, why, now_ns);
  paths_.on_dismissed(path);
  end_attempts(path, told_by(path, why), false, now_ns);
}

std::string Session::told_by(PathId path, std::string_view why) const {
  return printable(paths_.at(path).address + ": " + std::string(why));  // nodes said both
}

void Session::end_attempts(PathId path, const std::string& why, bool lost, int64_t now_ns) {
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    if (!slot.active) continue;
    for (Attempt& attempt : slot.in_flight) {
      if (!slot.active || attempt.path != path) continue;
      attempt = Attempt{};
      slot.may_have_happened |= lost;
      attempt_failed(index, why, now_ns);
    }
  }
  wake_waiting(now_ns);
}

void Session::on_reply(PathId path, uint64_t correlation, const paxos::ClientReply& reply,
                       int64_t now_ns) {
  if (!paths_.known(path)) return;
  paths_.on_reply(path, now_ns);
  if (paths_.at(path).in_flight == kMaxInFlightPerConnection / 2) wake_waiting(now_ns);
  const uint32_t index = slot_of(correlation);
  const uint32_t which = attempt_of(correlation);
  if (index >= slots_.size() || which >= kMaxAttemptsInFlight) return;
  Slot& slot = slots_[index];
  Attempt& attempt = slot.in_flight[which];
  if (!slot.active || attempt.path != path || attempt.correlation != correlation) return;
  const int64_t sent_ns = attempt.sent_ns;
  attempt = Attempt{};
  const paxos::ClientRequest question = request_of(slot.call);
  const Meaning meaning = meaning_of(question, reply);
  note_majority(path, reply.status, meaning);
  switch (meaning) {
    case Meaning::kFinal:
      return finish(index, result_of(question, reply));
    case Meaning::kFinalIfAlone:
      return attempt_refused(index, result_of(question, reply));
    case Meaning::kNotYet:
      return attempt_saw_nothing(index, sent_ns, now_ns);
    case Meaning::kMayHaveHappened:
      slot.may_have_happened = true;
      [[fallthrough]];
    case Meaning::kNothing:
      return attempt_failed(index, trouble_of(reply.status, paths_.at(path).address), now_ns);
  }
}

// What is settled was settled by a majority, or needed none; other answers tell nothing of it.
void Session::note_majority(PathId path, paxos::Status status, Meaning meaning) {
  const bool lacking = status == paxos::Status::kUnavailable;
  const bool settled = meaning == Meaning::kFinal || meaning == Meaning::kFinalIfAlone;
  if (!lacking && (!settled || without_majority_.empty())) return;
  without_majority_ = lacking ? printable(paths_.at(path).address) : std::string();
  ++news_;
}

void Session::on_tick(int64_t now_ns) {
  note_trouble(paths_.expire_connects(now_ns), now_ns);
  for (PathId path; (path = paths_.silent(now_ns)) != kNoPath;) {
    transport_->close(path);
    on_closed(path, "no answer for seconds", now_ns);
  }
  while (!timers_.empty() && timers_.top().at_ns <= now_ns) {
    const Timer timer = timers_.top();
    timers_.pop();
    Slot& slot = slots_[timer.slot];
    if (slot.armed_at_ns != timer.at_ns) continue;  // replaced by an earlier one
    slot.armed_at_ns = 0;
    if (slot.active) advance(timer.slot, now_ns);
  }
}

// One live timer a slot, kept over the slot's reuse: one that fires early finds nothing to do.
void Session::arm(uint32_t index, int64_t at_ns) {
  Slot& slot = slots_[index];
  if (slot.armed_at_ns != 0 && slot.armed_at_ns <= at_ns) return;
  slot.armed_at_ns = at_ns;
  timers_.push(Timer{at_ns, index});
}

int64_t Session::next_wake_ns() const {
  const int64_t timer = timers_.empty() ? kNever : timers_.top().at_ns;
  return std::min(timer, paths_.next_wake_ns());
}

void Session::wake_waiting(int64_t now_ns) {
  woken_.swap(waiting_);
  for (uint32_t index : woken_) {
    Slot& slot = slots_[index];
    slot.waiting = false;
    if (slot.active && count_in_flight(slot) == 0) advance(index, now_ns);
  }
  woken_.clear();
}

void Session::finish(uint32_t index, Result&& result) {
  Slot& slot = slots_[index];
  ONCE_ASSERT(slot.active);
  slot.active = false;
  slot.in_flight.fill(Attempt{});
  free_.push_back(index);
  Callback done = std::move(slot.call.done);
  slot.call = Call{};
  done(std::move(result));
}

void Session::note_trouble(std::string trouble, int64_t now_ns) {
  if (trouble.empty()) return;
  last_trouble_ = std::move(trouble);
  trouble_ns_ = now_ns;
}

// Heard of since this operation began, or so shortly before that it is still the reason: whatever
// lasts is heard of again by then.
bool Session::had_trouble(const Slot& slot) const {
  return !last_trouble_.empty() && trouble_ns_ >= slot.started_ns - kTroubleLastsNs;
}

// No answer settles it: then it is unknown, or nothing happened and this is how it ends.
void Session::finish_without_answer(uint32_t index, Outcome if_nothing_happened) {
  Slot& slot = slots_[index];
  const bool unknown = may_have_happened(slot);
  if (slot.refusal && !unknown) return finish(index, std::move(*slot.refusal));
  Result result;
  if (slot.refusal) {  // the state helps to find out
    result = std::move(*slot.refusal);
    result.refusal = Refusal::kNone;
    result.message += "; but an earlier attempt of this request may have happened";
  } else {
    result.message = slot.last_error;
    if (result.message.empty() && had_trouble(slot)) result.message = last_trouble_;
    if (result.message.empty()) result.message = paths_.delay();
    if (result.message.empty()) result.message = "no answer in time" + others_unreached();
  }
  result.request_id = slot.call.id;
  result.outcome = unknown ? Outcome::kUnknown : if_nothing_happened;
  finish(index, std::move(result));
}

// Whom nobody reaches is likely to be why the others have no answer.
std::string Session::others_unreached() const {
  const std::string who = paths_.unreached();
  return who.empty() ? who : "; not reached: " + who;
}

void Session::finish_at_deadline(uint32_t index, int64_t now_ns) {
  Slot& slot = slots_[index];
  if (slot.call.operation == paxos::Operation::kWait) {
    for (const Attempt& attempt : slot.in_flight) {
      if (attempt.path != kNoPath) suspect(attempt, now_ns);
    }
  }
  // Or a node waited in vain until a while ago, and who was asked for the rest could not.
  const int64_t while_ns = (slot.call.deadline_ns - slot.started_ns) / kLastPartOfWait;
  const bool lately = !slot.failed_since || now_ns - slot.not_yet_ns <= while_ns;
  const bool heard_of = (slot.not_yet_ns != 0 && lately) || count_in_flight(slot) > 0;
  if (slot.call.operation == paxos::Operation::kWait && heard_of) {
    slot.last_error = "no newer version was decided in time";
    return finish_without_answer(index, Outcome::kNotYet);
  }
  if (const std::string where = paths_.trouble(); !where.empty()) {
    slot.last_error = nobody_answers(where);
  }
  finish_without_answer(index, Outcome::kUnavailable);
}

void Session::cancel(std::span<const uint64_t> numbers, std::string_view why) {
  std::vector<uint64_t> sorted(numbers.begin(), numbers.end());
  std::sort(sorted.begin(), sorted.end());
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    if (!slot.active || slot.call.number == 0) continue;
    if (!std::binary_search(sorted.begin(), sorted.end(), slot.call.number)) continue;
    slot.last_error.assign(why);
    finish_without_answer(index, Outcome::kCancelled);
  }
}

// With these endpoints nothing can be done.
void Session::give_up() {
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    if (!slots_[index].active) continue;
    slots_[index].last_error = paths_.mistake();
    finish_without_answer(index, paths_.no_nodes() ? Outcome::kInvalid : Outcome::kError);
  }
}

void Session::cancel_all(std::string_view why) {
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    if (!slots_[index].active) continue;
    slots_[index].last_error.assign(why);
    finish_without_answer(index, Outcome::kCancelled);
  }
}

bool Session::may_have_happened(const Slot& slot) {
  return changes(slot.call.operation) && (slot.may_have_happened || count_in_flight(slot) > 0);
}

size_t Session::count_in_flight(const Slot& slot) {
  return static_cast<size_t>(std::count_if(slot.in_flight.begin(), slot.in_flight.end(),
                                           [](const Attempt& a) { return a.path != kNoPath; }));
}

}  // namespace once::client

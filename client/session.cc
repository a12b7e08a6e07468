#include "client/session.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/rarely.h"

namespace once::client {
namespace {

using paxos::Operation;
using paxos::Status;

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

Result to_result(const Call& call, const paxos::ClientReply& reply) {
  Result result;
  result.version = reply.state.version;
  result.sealed = reply.state.sealed;
  result.writer = reply.state.writer;
  result.request_id = call.id;
  result.value.assign(reply.state.value);
  switch (reply.status) {
    case Status::kDone:
      result.outcome = Outcome::kDone;
      break;
    case Status::kEmpty:
      result.outcome = Outcome::kEmpty;
      break;
    case Status::kAlreadySet:
      // Another attempt of this same request may have won.
      result.outcome = reply.state.writer == call.id ? Outcome::kDone : Outcome::kRefused;
      if (result.outcome == Outcome::kRefused) result.message = "already set";
      break;
    default:
      result.outcome = Outcome::kInvalid;
      result.message = "the server says that the request breaks a limit";
  }
  return result;
}

// A reply that does not belong to the question must not be taken for an outcome.
bool fits(Operation operation, Status status) {
  if (operation == Operation::kWrite) return status != Status::kEmpty;
  return status != Status::kAlreadySet;
}

}  // namespace

Session::Session(const SessionOptions& options, Transport* transport)
    : transport_(transport),
      prng_(options.seed),
      lanes_(options.endpoints, transport, &prng_),
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
  slot.attempts = 0;
  slot.failures = 0;
  slot.started_ns = now_ns;
  slot.retry_at_ns = now_ns;
  slot.in_flight.fill(Attempt{});
  slot.last_error.clear();
  advance(index, now_ns);
}

// Decides what an operation does next; every event about it ends here.
void Session::advance(uint32_t index, int64_t now_ns) {
  Slot& slot = slots_[index];
  ONCE_ASSERT(slot.active);
  const int64_t deadline = slot.call.deadline_ns;
  if (now_ns >= deadline) return finish_at_deadline(index);
  size_t in_flight = count_in_flight(slot);
  if (in_flight > 0) {
    if (now_ns >= slot.hedge_at_ns && in_flight < kMaxAttemptsInFlight) {
      for (const Attempt& attempt : slot.in_flight) {
        if (attempt.lane != kNoLane) lanes_.suspect(attempt.lane, attempt.sent_ns, now_ns);
      }
      if (!try_send(index, now_ns)) {
        // Nobody else to ask yet: look again soon, but not in a loop.
        slot.hedge_at_ns = now_ns + kWaitPollNs;
      }
      in_flight = count_in_flight(slot);
    }
    const bool may_hedge = in_flight < kMaxAttemptsInFlight;
    return arm(index, may_hedge ? std::min(deadline, slot.hedge_at_ns) : deadline);
  }
  if (now_ns < slot.retry_at_ns) return arm(index, std::min(deadline, slot.retry_at_ns));
  if (try_send(index, now_ns)) return arm(index, std::min(deadline, slot.hedge_at_ns));
  if (!slot.waiting) {
    slot.waiting = true;
    waiting_.push_back(index);
  }
  arm(index, std::min(deadline, now_ns + kWaitPollNs));
}

bool Session::try_send(uint32_t index, int64_t now_ns) {
  Slot& slot = slots_[index];
  std::array<LaneId, kMaxAttemptsInFlight> busy;
  size_t busy_count = 0;
  size_t place = kMaxAttemptsInFlight;
  for (size_t i = 0; i < kMaxAttemptsInFlight; ++i) {
    if (slot.in_flight[i].lane != kNoLane) {
      busy[busy_count++] = slot.in_flight[i].lane;
    } else if (place == kMaxAttemptsInFlight) {
      place = i;
    }
  }
  ONCE_ASSERT(place < kMaxAttemptsInFlight);
  const bool patient = slot.attempts == 0 && now_ns - slot.started_ns < kHomePatienceNs;
  const LaneId lane =
      lanes_.pick(slot.call.name, slot.attempts, {busy.data(), busy_count}, patient, now_ns);
  if (lane == kNoLane) return false;
  const uint64_t correlation =
      (next_attempt_ << (kSlotBits + kAttemptBits)) | (uint64_t{index} << kAttemptBits) | place;
  const int64_t remaining_ns = slot.call.deadline_ns - now_ns;
  paxos::ClientRequest request;
  request.operation = slot.call.operation;
  request.id = slot.call.id;
  request.timeout_ms = static_cast<uint32_t>(
      std::clamp<int64_t>(remaining_ns / 1'000'000, 1, std::numeric_limits<int32_t>::max()));
  request.name = slot.call.name;
  request.value = slot.call.value;
  if (!transport_->send(lane, correlation, request)) return false;
  ++next_attempt_;
  ++slot.attempts;
  lanes_.on_sent(lane);
  slot.in_flight[place] = Attempt{lane, correlation, now_ns};
  const int64_t hedge = std::min(kMaxHedgeDelayNs, remaining_ns / 3);
  slot.hedge_at_ns = now_ns + (rarely(Rare::kHedgeAtOnce) ? 1 : hedge);
  return true;
}

// One attempt ended without an outcome. With others still in flight the operation waits for those.
void Session::attempt_failed(uint32_t index, std::string_view why, int64_t now_ns) {
  Slot& slot = slots_[index];
  slot.last_error.assign(why);
  if (count_in_flight(slot) > 0) return;
  const int64_t pause = jitter(prng_, backoff_ns(slot.failures));
  slot.retry_at_ns = now_ns + (rarely(Rare::kRetryAtOnce) ? 0 : pause);
  ++slot.failures;
  advance(index, now_ns);
}

void Session::on_ready(LaneId lane, const net::ServerHello& hello, int64_t now_ns) {
  if (!lanes_.known(lane)) return;
  std::string trouble = lanes_.on_ready(lane, hello, now_ns);
  if (!trouble.empty()) last_trouble_ = std::move(trouble);
  wake_waiting(now_ns);
}

void Session::on_closed(LaneId lane, std::string_view why, int64_t now_ns) {
  if (!lanes_.known(lane)) return;
  lanes_.on_closed(lane, now_ns);
  last_trouble_ = lanes_.at(lane).address + ": " + std::string(why);
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    if (!slot.active) continue;
    for (Attempt& attempt : slot.in_flight) {
      if (!slot.active || attempt.lane != lane) continue;
      attempt = Attempt{};
      slot.may_have_happened = true;
      attempt_failed(index, last_trouble_, now_ns);
    }
  }
  wake_waiting(now_ns);
}

void Session::on_reply(LaneId lane, uint64_t correlation, const paxos::ClientReply& reply,
                       int64_t now_ns) {
  if (!lanes_.known(lane)) return;
  lanes_.on_reply(lane, now_ns);
  if (lanes_.at(lane).in_flight == kMaxInFlightPerConnection / 2) wake_waiting(now_ns);
  const uint32_t index = slot_of(correlation);
  const uint32_t which = attempt_of(correlation);
  if (index >= slots_.size() || which >= kMaxAttemptsInFlight) return;
  Slot& slot = slots_[index];
  Attempt& attempt = slot.in_flight[which];
  if (!slot.active || attempt.lane != lane || attempt.correlation != correlation) return;
  attempt = Attempt{};
  const Status status = fits(slot.call.operation, reply.status) ? reply.status : Status::kUnknown;
  switch (status) {
    case Status::kUnknown:
      slot.may_have_happened = true;
      return attempt_failed(index, "the server does not know the outcome", now_ns);
    case Status::kUnavailable:
      return attempt_failed(index, "the server cannot reach a majority", now_ns);
    case Status::kOverloaded:
      return attempt_failed(index, "the server is overloaded", now_ns);
    default:
      // "Invalid" says only that this attempt did nothing; an earlier one may have been taken.
      if (status == Status::kInvalid && (slot.may_have_happened || count_in_flight(slot) > 0)) {
        return finish_at_deadline(index);
      }
      return finish(index, to_result(slot.call, reply));
  }
}

void Session::on_tick(int64_t now_ns) {
  lanes_.expire_connects(now_ns);
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
  const int64_t timer = timers_.empty() ? std::numeric_limits<int64_t>::max() : timers_.top().at_ns;
  return std::min(timer, lanes_.next_wake_ns());
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

void Session::finish_at_deadline(uint32_t index) {
  const Slot& slot = slots_[index];
  Result result;
  result.request_id = slot.call.id;
  const bool maybe = slot.may_have_happened || count_in_flight(slot) > 0;
  const bool write = slot.call.operation == Operation::kWrite;
  result.outcome = write && maybe ? Outcome::kUnknown : Outcome::kUnavailable;
  result.message = slot.last_error.empty() ? last_trouble_ : slot.last_error;
  if (result.message.empty()) result.message = "no answer in time";
  finish(index, std::move(result));
}

void Session::finish_all(std::string_view why) {
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    if (!slots_[index].active) continue;
    slots_[index].last_error.assign(why);
    finish_at_deadline(index);
  }
}

size_t Session::count_in_flight(const Slot& slot) {
  return static_cast<size_t>(std::count_if(slot.in_flight.begin(), slot.in_flight.end(),
                                           [](const Attempt& a) { return a.lane != kNoLane; }));
}

}  // namespace once::client

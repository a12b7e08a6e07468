#include "client/lock_machine.h"

#include <algorithm>
#include <optional>

#include "base/assert.h"
#include "base/monotonic.h"
#include "client/lock_value.h"

namespace once::client {
namespace {

constexpr const char* kTakenTooLate =
    "it was taken in our name, but the answer came too late: nobody holds it, and others can take "
    "it when its TTL is over";

constexpr int64_t kRetryNs = 50 * kMs;
constexpr int64_t kRenewalsPerTtl = 3;

// A contender adds a hundredth to the TTL: two machines' clocks do not run at the same rate. Those
// that are disciplined by NTP differ by a thousandth at most.
int64_t watched_ns(int64_t ttl_ms) { return ttl_ms * kMs + ttl_ms * kMs / 100; }

// How it ends with an answer that asking again would not change; nothing: ask again.
std::optional<LockOutcome> without_hope(Outcome outcome) {
  switch (outcome) {
    case Outcome::kInvalid:
      return LockOutcome::kInvalid;
    case Outcome::kError:
      return LockOutcome::kError;
    case Outcome::kRetired:
      return LockOutcome::kRetired;
    case Outcome::kDenied:
      return LockOutcome::kDenied;
    default:
      return std::nullopt;
  }
}

}  // namespace

LockMachine::LockMachine(Terms terms, std::function<RequestId()> draw_id)
    : terms_(std::move(terms)), draw_id_(std::move(draw_id)) {}

void LockMachine::begin(int64_t wait_ns, int64_t now_ns) {
  ONCE_ASSERT(idle() && wait_ns >= 0);
  phase_ = Phase::kLooking;
  stopping_ = cancelled_ = refused_ = false;
  deadline_ns_ = now_ns + wait_ns;
  patience_ns_ = now_ns + terms_.timeout_ns;
  pause_until_ns_ = 0;
  hurry_until_ns_ = kEndOfTime;
  result_ = {};
}

void LockMachine::stop(int64_t now_ns) {
  if (idle() || stopping_) return;
  stopping_ = true;
  cancelled_ = !leased();
  deadline_ns_ = now_ns;
  patience_ns_ = now_ns + terms_.timeout_ns;
  const bool has_changed_nothing = phase_ == Phase::kLooking || phase_ == Phase::kWatching;
  if (has_changed_nothing) end(LockOutcome::kCancelled, "cancelled");
}

void LockMachine::expire(int64_t now_ns) {
  if (!leased() || now_ns < leased_until_ns_) return;
  if (stopping_) return end(LockOutcome::kUnknown, "no answer came before its TTL was over");
  end(LockOutcome::kLost, "the lock was not renewed in time: " + std::to_string(terms_.ttl_ms) +
                              " ms after the last renewal was sent" + " another may take it");
}

void LockMachine::end(LockOutcome outcome, std::string message) {
  const bool gone = outcome == LockOutcome::kReleased || outcome == LockOutcome::kLost;
  if (cancelled_ && gone) {
    outcome = LockOutcome::kCancelled;
    message = "cancelled";
  }
  const bool not_ours = outcome == LockOutcome::kBusy || outcome == LockOutcome::kUnavailable ||
                        outcome == LockOutcome::kCancelled;
  if (not_ours && too_late_version_ != 0 && version_ == too_late_version_) {
    outcome = LockOutcome::kUnknown;
    message = kTakenTooLate;
  }
  phase_ = Phase::kEnded;
  result_ = {outcome, outcome == LockOutcome::kLost ? token_ : 0, {}, std::move(message)};
  if (outcome == LockOutcome::kBusy || outcome == LockOutcome::kLost) {
    result_.owner = holder_.owner;
    result_.since = holder_.since;
  }
}

void LockMachine::begin_cas(Phase phase) {
  phase_ = phase;
  id_ = draw_id_();
  first_sent_ns_ = 0;
  in_doubt_ = false;
  pause_until_ns_ = 0;
  // The same in each renewal, and in each attempt under one request id.
  if (phase == Phase::kTaking && terms_.time_for_people) since_ = terms_.time_for_people();
}

// --- what to do

LockStep LockMachine::next(int64_t now_ns) {
  expire(now_ns);
  if (leased()) return held_step(now_ns);
  if (idle()) return {};
  if (now_ns < pause_until_ns_) return {LockStep::Kind::kPause, pause_until_ns_};
  const int64_t until_ns = std::min(now_ns + terms_.timeout_ns, give_up_ns());
  switch (phase_) {
    case Phase::kLooking:
      return {LockStep::Kind::kRead, until_ns};
    case Phase::kWatching:
      return watch_step(now_ns);
    default:
      return cas_step(until_ns, now_ns);
  }
}

LockStep LockMachine::watch_step(int64_t now_ns) {
  const int64_t over_ns = seen_ns_ + watched_ns_;
  if (now_ns >= over_ns) {
    patience_ns_ = now_ns + terms_.timeout_ns;
    begin_cas(Phase::kTaking);
    return next(now_ns);
  }
  if (now_ns >= deadline_ns_) {
    end(LockOutcome::kBusy, "the lock is held by " + holder_.owner);
    return {};
  }
  return {LockStep::Kind::kWait, std::min(over_ns, deadline_ns_), version_};
}

LockStep LockMachine::held_step(int64_t now_ns) {
  if (phase_ == Phase::kHeld && stopping_) {
    begin_cas(Phase::kReleasing);
    return next(now_ns);
  }
  if (phase_ == Phase::kHeld && now_ns < renew_at_ns_) {
    return {LockStep::Kind::kPause, renew_at_ns_};
  }
  if (phase_ == Phase::kHeld) begin_cas(Phase::kRenewing);
  if (stopping_ && now_ns >= give_up_ns()) {
    end(LockOutcome::kUnknown, "no answer came: it is released when its TTL is over");
    return {};
  }
  if (now_ns < pause_until_ns_) return {LockStep::Kind::kPause, pause_until_ns_};
  return cas_step(std::min(now_ns + terms_.timeout_ns, leased_until_ns_), now_ns);
}

LockStep LockMachine::cas_step(int64_t until_ns, int64_t now_ns) {
  if (first_sent_ns_ == 0) first_sent_ns_ = now_ns;
  LockValue value;
  value.held = phase_ != Phase::kReleasing;
  if (value.held) {
    value.ttl_ms = terms_.ttl_ms;
    value.token = phase_ == Phase::kTaking ? version_ + 1 : token_;
    value.owner = terms_.owner;
    value.since = since_;
  }
  return {LockStep::Kind::kCas, until_ns, version_, encode_lock_value(value), id_};
}

// --- what an answer means

void LockMachine::on_answer(const Result& answer, int64_t now_ns) {
  expire(now_ns);
  switch (phase_) {
    case Phase::kLooking:
      return on_looked(answer, now_ns);
    case Phase::kWatching:
      return on_watched(answer, now_ns);
    case Phase::kTaking:
      return on_taken(answer, now_ns);
    case Phase::kRenewing:
      return on_renewed(answer, now_ns);
    case Phase::kReleasing:
      return on_released(answer, now_ns);
    case Phase::kHeld:
    case Phase::kIdle:
    case Phase::kEnded:
      return;
  }
}

// The newest state of the register, and we do not hold it.
void LockMachine::on_state(const Result& state, int64_t now_ns) {
  patience_ns_ = now_ns + terms_.timeout_ns;
  if (stopping_) return end(LockOutcome::kCancelled, "cancelled");
  if (state.sealed) {
    return end(LockOutcome::kSealed, "the name is sealed and never changes again: use another one");
  }
  const auto value = parse_lock_value(state.value);
  if (state.version != 0 && !value) {
    return end(LockOutcome::kForeign,
               "the name holds a value that is no lock; it was left as it is: use another name");
  }
  if (state.version != 0 && value->held) {
    if (seen_version_ != state.version) seen_ns_ = now_ns;
    seen_version_ = version_ = state.version;
    phase_ = Phase::kWatching;
    watched_ns_ = watched_ns(value->ttl_ms);
    const bool others = version_ != too_late_version_;
    holder_ = others ? LockHolder{value->owner, value->token, value->since} : LockHolder{};
    return;
  }
  if (refused_ && now_ns >= deadline_ns_) {
    holder_ = {"others", 0, {}};
    return end(LockOutcome::kBusy, "others were faster");
  }
  version_ = state.version;
  begin_cas(Phase::kTaking);
}

// No answer: asks again, for as long as that makes sense.
void LockMachine::on_failure(const Result& answer, int64_t now_ns) {
  const bool changing = phase_ == Phase::kTaking || phase_ == Phase::kReleasing;
  const bool maybe = changing && (in_doubt_ || phase_ == Phase::kReleasing);
  const auto hopeless = without_hope(answer.outcome);
  if (!hopeless && now_ns < give_up_ns()) return pause(kRetryNs, now_ns);
  if (maybe) return end(LockOutcome::kUnknown, answer.message);
  if (hopeless) return end(*hopeless, answer.message);
  end(stopping_ ? LockOutcome::kCancelled : LockOutcome::kUnavailable, answer.message);
}

void LockMachine::on_looked(const Result& answer, int64_t now_ns) {
  if (answer.outcome == Outcome::kDone || answer.outcome == Outcome::kEmpty) {
    return on_state(answer, now_ns);
  }
  on_failure(answer, now_ns);
}

void LockMachine::on_watched(const Result& answer, int64_t now_ns) {
  const bool shows = answer.outcome == Outcome::kDone || answer.outcome == Outcome::kRefused;
  if (shows) return on_state(answer, now_ns);
  if (const auto hopeless = without_hope(answer.outcome)) return end(*hopeless, answer.message);
  // Even if nobody answers: that it has changed hands meanwhile is for the cas to find out.
  if (answer.outcome != Outcome::kNotYet) pause(kRetryNs, now_ns);
}

void LockMachine::on_taken(const Result& answer, int64_t now_ns) {
  if (answer.outcome == Outcome::kDone) {
    token_ = ++version_;
    leased_until_ns_ = first_sent_ns_ + terms_.ttl_ms * kMs;
    renew_at_ns_ = first_sent_ns_ + terms_.ttl_ms * kMs / kRenewalsPerTtl;
    pause_until_ns_ = 0;
    holder_ = {};
    // Too late to be of use. Nobody was told of it, and it may be taken over like any other.
    const bool late = now_ns >= leased_until_ns_ && !stopping_;
    if (late) too_late_version_ = version_;
    phase_ = late ? Phase::kLooking : Phase::kHeld;
    return;
  }
  if (answer.outcome == Outcome::kRefused && answer.refusal == Refusal::kIdReused) {
    return end(LockOutcome::kError, answer.message);
  }
  if (answer.outcome == Outcome::kRefused) {
    // Whether it never happened, or did and was overtaken since: what stands there is not ours.
    refused_ = true;
    return on_state(answer, now_ns);
  }
  if (answer.outcome == Outcome::kUnknown) in_doubt_ = true;
  on_failure(answer, now_ns);
}

void LockMachine::lose(const Result& state) {
  const auto value = parse_lock_value(state.value);
  holder_ = {};
  if (value && value->held) holder_ = {value->owner, value->token, value->since};
  std::string message = "the lock was taken over";
  if (!holder_.owner.empty()) message += " by " + holder_.owner;
  if (state.sealed) message = "the name was sealed";
  end(LockOutcome::kLost, std::move(message));
}

void LockMachine::on_renewed(const Result& answer, int64_t now_ns) {
  if (answer.outcome == Outcome::kDone) {
    ++version_;
    leased_until_ns_ = first_sent_ns_ + terms_.ttl_ms * kMs;
    renew_at_ns_ = first_sent_ns_ + terms_.ttl_ms * kMs / kRenewalsPerTtl;
    phase_ = Phase::kHeld;
    return;
  }
  if (answer.outcome == Outcome::kRefused) return lose(answer);
  if (answer.outcome == Outcome::kRetired) return end(LockOutcome::kLost, answer.message);
  pause(std::clamp(terms_.ttl_ms * kMs / 20, 5 * kMs, 1000 * kMs), now_ns);
}

void LockMachine::on_released(const Result& answer, int64_t now_ns) {
  if (answer.outcome == Outcome::kDone) return end(LockOutcome::kReleased, {});
  if (answer.outcome == Outcome::kRefused) return lose(answer);
  on_failure(answer, now_ns);
}

}  // namespace once::client

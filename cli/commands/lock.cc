// lock: a command that runs while its lock is held, with the fencing token in its environment.
#include "client/lock.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include "base/guarded_main.h"
#include "base/output.h"
#include "cli/commands/bell.h"
#include "cli/commands/child.h"
#include "cli/commands/commands.h"
#include "cli/commands/find_program.h"
#include "cli/commands/front.h"
#include "cli/commands/patience.h"
#include "cli/commands/program.h"
#include "cli/commands/terminal.h"
#include "cli/output.h"
#include "cli/run_claim.h"
#include "client/client.h"
#include "client/socket.h"

namespace once::client {
namespace {

constexpr int kExitLost = 8;

void say_of_lock(const std::string& text) { complain("once lock: " + text); }

int code_of(LockOutcome outcome) {
  switch (outcome) {
    case LockOutcome::kBusy:
    case LockOutcome::kSealed:
    case LockOutcome::kForeign:
      return exit_code(Outcome::kRefused);
    case LockOutcome::kUnknown:
      return exit_code(Outcome::kUnknown);
    case LockOutcome::kUnavailable:
      return exit_code(Outcome::kUnavailable);
    case LockOutcome::kInvalid:
      return exit_code(Outcome::kInvalid);
    case LockOutcome::kLost:
      return kExitLost;
    case LockOutcome::kRetired:
      return exit_code(Outcome::kRetired);
    case LockOutcome::kDenied:
      return exit_code(Outcome::kDenied);
    default:
      return kExitError;
  }
}

void report(const Arguments& a, const LockResult& lock, const RunResult* ended) {
  if (a.json) {
    const LockStory story{lock_outcome_name(lock.outcome), lock.token, lock.owner, lock.message};
    tell_people(lock_json(a.name, story, ended) + "\n");
  }
}

// After a signal. A second one ends the wait for what became of it at once.
void hurry(Lock& lock, Child& child, const Bell& done) {
  lock.hurry(kLastAnswerMs);
  if (child.signals().wait_for(done.fd()) != 0) lock.hurry(0);
}

// On a thread of its own: this one hears the signals. The signal that ended it, or 0.
int acquire(Lock& lock, Child& child, const Bell& done, const Arguments& a, LockResult& result) {
  int signal = 0;
  try {
    std::thread asker([&] {
      result = lock.acquire(a.wait_s * kMsPerSecond);
      done.ring();
    });
    signal = child.signals().wait_for(done.fd());
    if (signal != 0) {
      lock.cancel();
      hurry(lock, child, done);
    }
    asker.join();
  } catch (const std::system_error& failed) {
    result = {LockOutcome::kError, 0, {}, std::string("cannot start a thread: ") + failed.what()};
  }
  return signal;
}

// The same. A signal that ended the command is not yet one to this.
int release(Lock& lock, Child& child, const Bell& done, LockResult& result) {
  const int64_t deaf_until_ns = now_ns() + kMomentNs;
  const auto is_of_the_command = [&](int signal) {
    return signal == SIGKILL || (signal != 0 && now_ns() < deaf_until_ns);
  };
  int signal = 0;
  try {
    done.mute();
    std::thread releaser([&] {
      result = lock.release();
      done.ring();
    });
    do {
      signal = child.signals().wait_for(done.fd());
    } while (is_of_the_command(signal));
    if (signal != 0) hurry(lock, child, done);
    releaser.join();
  } catch (const std::system_error&) {
    result = lock.release();  // no thread is to be had, and it must be tried
  }
  return signal;
}

// Its time counts from when it was asked for. If the answer was so late that the command would have
// to end at once, the first renewal is waited for. The signal that ended that, or 0.
int settle(Lock& lock, Child& child, const Arguments& a, LockResult& result) {
  constexpr int64_t kLookMs = 10;
  while (lock.remaining_ms() <= a.grace_ms) {
    if (!lock.holds()) {
      (void)lock.release();
      result = {LockOutcome::kUnavailable, 0, {}, "it could not be renewed before it was used"};
      return 0;
    }
    if (const int signal = child.signals().wait_for(-1, kLookMs); signal != 0) return signal;
  }
  return 0;
}

std::string described(const std::string& owner, const std::string& since) {
  return since.empty() ? owner : owner + " since " + since;
}

// Somebody who waits before a terminal wants to know for whom.
void tell_who(const Arguments& a, const LockHolder& holder) {
  if (!somebody_watches(a)) return;
  say_of_lock(fmt::format("{} is held by {}; waiting for it, {} s at most (--wait)", a.name,
                          described(holder.owner, holder.since), a.wait_s));
}

// Before the lock was asked for.
int not_begun(const Arguments& a, const std::string& message) {
  if (!a.json) say_of_lock(message);
  report(a, {LockOutcome::kError, 0, {}, message}, nullptr);
  return code_of(LockOutcome::kError);
}

int not_held(const Arguments& a, const LockResult& result) {
  const std::string waited =
      a.wait_s == 0 ? "" : fmt::format(", also after {} s (--wait)", a.wait_s);
  if (!a.json) {
    say_of_lock(result.outcome == LockOutcome::kBusy
                    ? fmt::format("{} is held by {}{}; the command was not run", a.name,
                                  described(result.owner, result.since), waited)
                    : fmt::format("{}: {} ({}); the command was not run", a.name,
                                  lock_outcome_name(result.outcome), result.message));
  }
  report(a, result, nullptr);
  return code_of(result.outcome);
}

int interrupted(Lock& lock, Child& child, const Bell& done, const Arguments& a, LockResult result,
                int signal) {
  lock.hurry(kLastAnswerMs);
  if (result.outcome == LockOutcome::kHeld) (void)release(lock, child, done, result);
  if (!a.json) {
    leave_echo(signal);
    say_of_lock(fmt::format("signal {} while {} was waited for; the command was not run{}", signal,
                            a.name,
                            result.outcome == LockOutcome::kUnknown
                                ? fmt::format(". It may be held in our name for {} s", a.ttl_s)
                                : ""));
  }
  report(a, result, nullptr);
  return shell_code({0, signal});
}

std::string how_lost(const Arguments& a, const LockResult& result, const RunResult& ended) {
  return fmt::format("{} was lost ({}{}); the command: {}. What it does must go by its token, {}",
                     a.name, result.message,
                     result.owner.empty() ? "" : ", " + result.owner + " has it", described(ended),
                     result.token);
}

// In time: the command has ended, and nobody else has had the lock meanwhile.
LockResult given_up(const Arguments& a) {
  return {LockOutcome::kLost,
          0,
          {},
          fmt::format("the lock was not renewed in time: the command was told to end {} ms before "
                      "another may take it",
                      a.grace_ms)};
}

// The command has ended, and somebody waits for us who has lost patience.
int released_in_vain(const Arguments& a, const RunResult& ended, int signal) {
  if (!a.json) {
    leave_echo(signal);
    say_of_lock(
        fmt::format("signal {} while {} was released: it may be held in our name for {} s; "
                    "the command: {}",
                    signal, a.name, a.ttl_s, described(ended)));
  }
  return shell_code({0, signal});
}

std::string not_released(const Arguments& a, const std::string& why) {
  return fmt::format("{} could not be released ({}); it frees itself after {} s", a.name, why,
                     a.ttl_s);
}

std::string perhaps_not_released(const Arguments& a) {
  return fmt::format("{} may not be released ({}); if it is not, it frees itself after {} s",
                     a.name, kKeeperKilledLater, a.ttl_s);
}

// For the front, should this process be killed while it releases the lock. A command that was told
// to end has lost it; that is said already.
void leave_word(const Lock& lock, const Child& child, const Arguments& a, const RunResult& ended) {
  if (child.was_told_to_end()) return;
  const LockStory story{
      lock_outcome_name(LockOutcome::kUnknown), lock.token(), {}, kKeeperKilledLater};
  command_has_ended(code_of(ended), a.json ? lock_json(a.name, story, &ended)
                                           : "once lock: " + perhaps_not_released(a) +
                                                 "; the command: " + described(ended));
}

int end(Lock& lock, Child& child, const Bell& done, const Arguments& a, const RunResult& ended) {
  leave_word(lock, child, a, ended);
  LockResult result;
  const int signal = release(lock, child, done, result);
  const bool was_told_to_end = child.was_told_to_end();
  if (!was_told_to_end) all_is_told();  // from here on
  if (was_told_to_end && result.outcome != LockOutcome::kLost) result = given_up(a);
  result.token = lock.token();
  report(a, result, &ended);
  if (result.outcome == LockOutcome::kLost) {
    if (!a.json) say_of_lock(how_lost(a, result, ended));
    return kExitLost;
  }
  if (signal != 0 && result.outcome == LockOutcome::kUnknown) {
    return released_in_vain(a, ended, signal);
  }
  if (a.json) return code_of(ended);
  if (!ended.error.empty()) say_of_lock("cannot start " + ended.error);
  if (result.outcome == LockOutcome::kUnknown) {
    say_of_lock(not_released(a, result.message));
  }
  return code_of(ended);
}

}  // namespace

int lock_command(const Arguments& arguments) {
  if (const int error = why_no_program(arguments.program.front()); error != 0) {
    (void)not_begun(arguments, no_program(arguments.program.front(), error));
    return cannot_start_code(error);
  }
  Child child;  // before the client has a thread
  if (const int error = child.prepare(arguments.program); error != 0) {
    return not_begun(arguments, cannot_prepare(error));
  }
  Client client(client_options(arguments));
  Lock lock(client, arguments.name,
            {.ttl_ms = arguments.ttl_s * kMsPerSecond,
             .timeout_ms = arguments.timeout_ms,
             .owner = fmt::format("{}:{}", host_name(), shown_pid()),
             .on_lost = [&child](const LockResult&) { child.stop(); },
             .on_wait = [&arguments](const LockHolder& who) { tell_who(arguments, who); }});
  LockResult result;
  const Bell done;
  code_of_surprise = exit_code(Outcome::kUnknown);
  std::optional<Patience> patience(std::in_place, client, arguments);
  const int signal = acquire(lock, child, done, arguments, result);
  patience.reset();
  if (signal != 0) return interrupted(lock, child, done, arguments, result, signal);
  if (result.outcome != LockOutcome::kHeld) return not_held(arguments, result);
  if (const int late = settle(lock, child, arguments, result); late != 0) {
    return interrupted(lock, child, done, arguments, result, late);
  }
  if (result.outcome != LockOutcome::kHeld) return not_held(arguments, result);
  const LockStory orphaned{lock_outcome_name(LockOutcome::kLost), result.token, {}, kKeeperKilled};
  will_run_command(kExitLost, arguments.grace_ms,
                   arguments.json ? lock_json(arguments.name, orphaned, nullptr) : "");
  const RunResult ended = run_program(
      child, arguments.program,
      {{"ONCE_LOCK_NAME", arguments.name}, {"ONCE_LOCK_TOKEN", std::to_string(result.token)}},
      {.left_ms = [&lock] { return lock.remaining_ms(); }, .grace_ms = arguments.grace_ms});
  return end(lock, child, done, arguments, ended);
}

}  // namespace once::client

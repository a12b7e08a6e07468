// A lock with a fencing token: one holder at a time, on a register of its own.
//
// The holder is known by a lease: it renews, and whoever sees the register unchanged for the
// holder's TTL may take it over. So a holder that is paused, or cut off, can be overtaken without
// knowing it. holds() goes by the clock and tells as soon as the process runs again, but an access
// that has begun cannot be called back: pass token() with each access, and let what you access
// refuse tokens lower than the highest it has seen. docs/locks.md is the guide.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "client/client.h"

namespace once::client {

enum class LockOutcome : uint8_t {
  kHeld,         // acquire: it is ours, the token is shown
  kReleased,     // release: it is free, or was not ours to begin with
  kBusy,         // acquire: others held it until the end of the wait; `owner` is the last of them
  kLost,         // it was ours and is not any more: taken over, or not renewed in time
  kSealed,       // the register is sealed: it can never be a lock (again)
  kForeign,      // the register holds something else than a lock, which was left as it is
  kUnknown,      // acquire: it may be held in our name; release: it may be held still. Either way
                 // it can be taken over once the TTL is over
  kUnavailable,  // no majority answered in time; we do not hold it
  kInvalid,      // a limit is broken: name, TTL, wait, owner
  kError,        // the client cannot work, or the call is not allowed now
  kCancelled,    // acquire: cancelled, and we do not hold it
  kRetired,      // the name is out of use for good: it can never be a lock
  kDenied,       // the nodes do not allow this client to do that
};
std::string_view lock_outcome_name(LockOutcome outcome);  // "held", "released", "busy", ...

struct LockHolder {
  std::string owner;
  uint64_t token = 0;
  std::string since = {};  // UTC, by the holder's clock; empty: the lock does not say
  friend bool operator==(const LockHolder&, const LockHolder&) = default;
};

struct LockResult {
  LockOutcome outcome = LockOutcome::kError;
  uint64_t token = 0;      // kHeld, kLost: the fencing token
  std::string owner;       // kBusy, kLost when taken over: who holds it now
  std::string message;     // for people; empty when held or released
  std::string since = {};  // with `owner`: see LockHolder
};

struct LockOptions {
  int64_t ttl_ms = 10'000;  // 100 ms to an hour: how long it stays ours without a renewal
  // Of each round of questions when no majority answers; also what release() takes at most.
  int64_t timeout_ms = 5000;
  std::string owner = {};  // for people, shown to others; at most 256 bytes; empty: HOST:PID
  // Told once when it is lost, on a thread of the lock. It must not throw, nor block, nor call
  // acquire, release or the destructor of this lock.
  std::function<void(const LockResult&)> on_lost = {};
  // Told who is waited for: when acquire begins to wait, and again when others take it over. On a
  // thread of the lock, with the same rules.
  std::function<void(const LockHolder&)> on_wait = {};
};

// acquire, release and the destructor: one at a time. Everything else: from any thread, any time.
// The Client must outlive it, and must not be used from a callback to block (see client.h).
class Lock {
 public:
  Lock(Client& client, std::string name, LockOptions options = {});
  ~Lock();  // releases, if it is held
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  // Blocks until it is ours, or for `wait_ms` (0 to a day) while others hold it. A holder that died
  // is overtaken when it has not renewed for its TTL since this Lock first saw it: by one long
  // wait, or by several short ones. Held: it is renewed in the background, until it is released or
  // lost. Then it may be acquired again, and gets a higher token.
  LockResult acquire(int64_t wait_ms = 0);

  // Ends an acquire that waits, soon; one that begins later is ended at once. What it won in the
  // same moment is released. It does nothing to a lock that is held.
  void cancel();

  // A cancel or a release, under way or to come, waits for answers no longer than that. What is not
  // known by then is kUnknown. It holds until the next acquire.
  void hurry(int64_t patience_ms);

  // May we assume now that it is ours? By the clock: false from the TTL after the *sending* of the
  // last renewal that succeeded, and never true again after that, whatever this process slept
  // through.
  bool holds() const;
  int64_t remaining_ms() const;  // for how long, without further renewals; 0: not ours

  // The fencing token: the version that the acquisition made. Higher than every token before it.
  // 0 before the first acquisition; it stays what it was when the lock is released or lost.
  uint64_t token() const;

  // Not ours from this call on. Blocks for timeout_ms at most. kReleased, also when it was not
  // held; kLost if others had it before; kUnknown if no answer came.
  LockResult release();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace once::client

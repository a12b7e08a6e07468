// What a lock does next, and what an answer means for it. No thread, no client, no clock: time is
// passed in, from one clock that goes on while the machine is suspended. Single-threaded.
//
// Safety: the register changes hands by `cas` on the version that was read, so two contenders never
// get the same version. A holder assumes that it holds until its TTL after the sending of its last
// acquisition or renewal; a contender takes over at the earliest when it has seen that version for
// the TTL, and it cannot have seen it before it was sent. Answers that never came are asked for
// again with the same request id, so that a change is never taken for somebody else's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>

#include "client/client.h"
#include "client/lock.h"

namespace once::client {

struct LockStep {
  enum class Kind : uint8_t { kRead, kWait, kCas, kPause, kEnd };
  Kind kind = Kind::kEnd;
  int64_t until_ns = 0;  // how long to ask, or to pause
  uint64_t version = 0;  // cas: expected; wait: after this one
  std::string value = {};
  RequestId id = {};  // cas
};

class LockMachine {
 public:
  struct Terms {
    int64_t ttl_ms = 0;
    int64_t timeout_ns = 0;
    std::string owner;
    std::function<std::string()> time_for_people = {};  // of day; nothing is decided by it
  };
  LockMachine(Terms terms, std::function<RequestId()> draw_id);

  void begin(int64_t wait_ns, int64_t now_ns);  // REQUIRES: idle()
  // Gives up what is being acquired, releases what is held.
  void stop(int64_t now_ns);
  // Once it is stopped, no answer is of use after that time. Until the next begin().
  void hurry(int64_t until_ns) { hurry_until_ns_ = std::min(hurry_until_ns_, until_ns); }
  // Then what is asked is to be broken off; the end of time, unless it is stopped and hurries.
  int64_t break_off_ns() const { return stopping_ ? hurry_until_ns_ : kEndOfTime; }
  // What to do now; its answer, unless it is a pause, goes to on_answer before the next call.
  LockStep next(int64_t now_ns);
  void on_answer(const Result& answer, int64_t now_ns);
  // A lease that has run out is lost for good, whatever its last renewal may say.
  void expire(int64_t now_ns);

  bool idle() const { return phase_ == Phase::kIdle || phase_ == Phase::kEnded; }
  bool stopping() const { return stopping_; }
  bool holds(int64_t now_ns) const { return leased() && !stopping_ && now_ns < leased_until_ns_; }
  int64_t leased_until_ns() const { return leased() ? leased_until_ns_ : 0; }  // 0: no lease
  uint64_t token() const { return token_; }
  const LockHolder& holder() const { return holder_; }  // of others, while it is waited for
  const LockResult& result() const { return result_; }  // of the end, once idle

 private:
  static constexpr int64_t kEndOfTime = INT64_MAX;
  enum class Phase : uint8_t {
    kIdle,
    kLooking,   // reads what is there
    kWatching,  // others hold it: how long does the version stand still?
    kTaking,
    kHeld,
    kRenewing,
    kReleasing,
    kEnded,
  };

  bool leased() const { return phase_ == Phase::kHeld || phase_ == Phase::kRenewing; }
  int64_t give_up_ns() const {
    return std::min(std::max(deadline_ns_, patience_ns_), break_off_ns());
  }
  void end(LockOutcome outcome, std::string message);
  void lose(const Result& state);
  void begin_cas(Phase phase);
  void pause(int64_t ns, int64_t now_ns) { pause_until_ns_ = now_ns + ns; }

  LockStep cas_step(int64_t until_ns, int64_t now_ns);
  LockStep watch_step(int64_t now_ns);
  LockStep held_step(int64_t now_ns);

  void on_state(const Result& state, int64_t now_ns);
  void on_looked(const Result& answer, int64_t now_ns);
  void on_watched(const Result& answer, int64_t now_ns);
  void on_taken(const Result& answer, int64_t now_ns);
  void on_renewed(const Result& answer, int64_t now_ns);
  void on_released(const Result& answer, int64_t now_ns);
  void on_failure(const Result& answer, int64_t now_ns);

  Terms terms_;
  std::function<RequestId()> draw_id_;
  Phase phase_ = Phase::kIdle;
  bool stopping_ = false;
  bool cancelled_ = false;      // stopped before it was held
  int64_t deadline_ns_ = 0;     // how long to wait for others
  int64_t patience_ns_ = 0;     // how long to ask when nobody answers
  int64_t pause_until_ns_ = 0;  // the next step comes no earlier
  int64_t hurry_until_ns_ = kEndOfTime;

  uint64_t version_ = 0;  // looked at, or ours
  // Made by us, and too late to be of use: what stands there in our name, and nobody holds.
  uint64_t too_late_version_ = 0;
  // The newest version of others: it outlives the attempts to acquire, so that short waits add up.
  uint64_t seen_version_ = 0;
  int64_t seen_ns_ = 0;     // since when it is known,
  int64_t watched_ns_ = 0;  // and how long it must stand still
  LockHolder holder_;       // of others
  std::string since_;       // when the acquisition under way, or that which is held, began

  RequestId id_;               // of the cas under way,
  int64_t first_sent_ns_ = 0;  // when it was sent first; 0: not yet
  bool in_doubt_ = false;      // an attempt of it may have happened
  bool refused_ = false;       // somebody was faster once

  int64_t leased_until_ns_ = 0;
  int64_t renew_at_ns_ = 0;
  uint64_t token_ = 0;
  LockResult result_;
};

}  // namespace once::client

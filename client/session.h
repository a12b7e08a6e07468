// The operations of one client: routing, retries, hedges, deadlines, cancellation. No socket,
// thread or clock: time is passed in, connections are a Transport. Single-threaded.
// An operation ends exactly once. A change is reported "did not happen" (kUnavailable, kCancelled,
// a refusal) only if every attempt was never handed to a connection or was answered so; otherwise
// it ends as unknown. What an answer says is decided in retry_rules.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "client/client.h"
#include "client/jitter.h"
#include "client/paths.h"
#include "client/retry_rules.h"
#include "client/transport.h"
#include "net/hello.h"
#include "paxos/messages.h"

namespace once::client {

inline constexpr int64_t kMaxHedgeDelayNs = 500'000'000;
inline constexpr int64_t kHomePatienceNs =
    50'000'000;  // how long a first attempt waits for the home
inline constexpr int64_t kWaitPollNs = 20'000'000;
// How long one node is asked to wait: after it a node that hangs, or is cut off, is noticed.
inline constexpr int64_t kMaxServerWaitNs = 15'000'000'000;
inline constexpr int64_t kAnswerMarginNs = 200'000'000;
inline constexpr size_t kMaxAttemptsInFlight = 3;
// A wait of which a node said "not yet" in that last part of its time ends so, whatever came then.
inline constexpr int64_t kLastPartOfWait = 4;

struct SessionOptions {
  std::vector<std::string> endpoints;
  size_t max_pending = kMaxOperationsPerCore;  // at most kMaxOperationsPerCore
  uint64_t seed = 0;                           // of the jitter
  std::optional<ClusterId> cluster = {};       // the one that is meant; none: the first one met
};

struct Call {
  paxos::Operation operation = paxos::Operation::kRead;
  RequestId id;
  uint64_t version = 0;  // of cas, seal, check and wait
  std::string name;
  std::string value;
  int64_t deadline_ns = 0;
  uint64_t number = 0;  // to cancel it by; 0: never
  Callback done;        // must not call back into the session
};

class Session {
 public:
  Session(const SessionOptions& options, Transport* transport);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void submit(Call&& call, int64_t now_ns);
  void on_ready(PathId path, const net::ServerHello& hello, int64_t now_ns);
  void on_closed(PathId path, std::string_view why, int64_t now_ns);
  // As on_closed, but it is no node at all that is there.
  void on_stranger(PathId path, std::string_view why, int64_t now_ns);
  // As on_closed, but nothing that was asked on it and not answered happened.
  void on_dismissed(PathId path, std::string_view why, int64_t now_ns);
  void on_reply(PathId path, uint64_t correlation, const paxos::ClientReply& reply, int64_t now_ns);
  void on_tick(int64_t now_ns);
  // Numbers that are not pending are passed over. Walks all slots once, however many they are.
  void cancel(std::span<const uint64_t> numbers, std::string_view why);
  void cancel_all(std::string_view why);

  // Whom nobody answers, and why; empty: somebody is there. This and the next change when the
  // number of the news does.
  std::string trouble() const { return paths_.trouble(); }
  // Who said last that it reaches no majority, while nothing has been settled since; else empty.
  const std::string& without_majority() const { return without_majority_; }
  uint64_t news() const { return paths_.news() + news_; }

  int64_t next_wake_ns() const;  // when on_tick has work; INT64_MAX: never
  size_t pending() const { return slots_.size() - free_.size(); }

 private:
  struct Attempt {
    PathId path = kNoPath;
    uint64_t correlation = 0;
    int64_t sent_ns = 0;
  };
  struct Slot {
    Call call;
    bool active = false;
    bool waiting = false;            // listed in waiting_
    bool may_have_happened = false;  // an attempt was lost, or a node does not know its outcome
    int64_t not_yet_ns = 0;          // when a node last said so of a wait; 0: none did
    bool failed_since = false;       // an attempt after that
    uint32_t attempts = 0;
    unsigned failures = 0;
    int64_t started_ns = 0;
    int64_t retry_at_ns = 0;
    int64_t hedge_at_ns = 0;
    int64_t armed_at_ns = 0;  // its one live entry in timers_; 0 is none
    std::array<Attempt, kMaxAttemptsInFlight> in_flight;
    std::optional<Result> refusal;  // of one attempt, while another one may still happen
    std::string last_error;
  };
  struct Timer {
    int64_t at_ns;
    uint32_t slot;
    bool operator<(const Timer& other) const { return at_ns > other.at_ns; }
  };

  void advance(uint32_t index, int64_t now_ns);
  void overdue(uint32_t index, int64_t now_ns);
  void overdue_wait(uint32_t index, int64_t now_ns);
  void suspect(const Attempt& attempt, int64_t now_ns);
  bool try_send(uint32_t index, int64_t now_ns);
  std::string told_by(PathId path, std::string_view why) const;
  std::string others_unreached() const;
  void note_trouble(std::string trouble, int64_t now_ns);
  bool had_trouble(const Slot& slot) const;
  void note_majority(PathId path, paxos::Status status, Meaning meaning);
  void end_attempts(PathId path, const std::string& why, bool lost, int64_t now_ns);
  void attempt_failed(uint32_t index, std::string_view why, int64_t now_ns);
  void attempt_refused(uint32_t index, Result&& refusal);
  void attempt_saw_nothing(uint32_t index, int64_t sent_ns, int64_t now_ns);
  void finish(uint32_t index, Result&& result);
  void give_up();
  void finish_without_answer(uint32_t index, Outcome if_nothing_happened);
  void finish_at_deadline(uint32_t index, int64_t now_ns);
  void arm(uint32_t index, int64_t at_ns);
  void wake_waiting(int64_t now_ns);
  static size_t count_in_flight(const Slot& slot);
  static bool may_have_happened(const Slot& slot);

  Transport* transport_;
  Prng prng_;
  Paths paths_;
  size_t max_pending_;
  uint64_t next_attempt_ = 1;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  std::vector<uint32_t> waiting_;  // operations with nothing in flight that found no path
  std::vector<uint32_t> woken_;    // scratch of wake_waiting
  std::priority_queue<Timer> timers_;
  std::string last_trouble_;  // of any connection, to tell people why nothing works
  int64_t trouble_ns_ = 0;    // when it was heard of
  std::string without_majority_;
  uint64_t news_ = 0;  // of that
};

}  // namespace once::client

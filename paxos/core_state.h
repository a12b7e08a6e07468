// What one core remembers beside its table: requests that wait, proposals under way, and what it
// owes to the homes of its names. Plain data; core.h has the steps on it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/types.h"
#include "paxos/batch.h"
#include "paxos/change.h"
#include "paxos/index.h"
#include "paxos/kept_state.h"
#include "paxos/messages.h"
#include "paxos/name_hasher.h"
#include "paxos/numbers.h"
#include "paxos/task_pool.h"
#include "paxos/votes.h"

namespace once::paxos {

inline constexpr int64_t kMs = 1'000'000;
static_assert(kMaxTasksPerCore <= 0x10000 && kMaxOperationsPerCore <= 0x10000,
              "handles hold 16 bits");
inline constexpr int64_t kResendNs = 50 * kMs;
inline constexpr uint8_t kMostHops = 8;                 // a request is forwarded at most so often
inline constexpr int64_t kFullNs = 100 * kMs;           // who had no room is not asked for so long
inline constexpr int64_t kReadPatienceNs = 1000 * kMs;  // for a majority's first answers
// A round-0 proposal so old is given up where it stands in the way of others.
inline constexpr int64_t kRoundZeroPatienceNs = 5000 * kMs;
// A wait leaves what is under way to others twice, unless its time is nearly over.
inline constexpr uint8_t kPatientPolls = 2;
inline constexpr int64_t kHastyNs = 1000 * kMs;
inline constexpr size_t kMostLingering = 8;  // names at a time

// A place in a list of requests that news may shorten while it is walked.
struct Later {
  OpIndex op;
  uint32_t generation;
};

// An acceptor that reports an accept reports its state, and else neither; and no state that it
// could not have taken: whoever adopts it writes it down, and must be able to read it again.
inline bool is_whole(const Ballot& accepted, const State& state) {
  return accepted.is_null() == (state.version == 0) && state.version <= kMaxVersion;
}

struct WaitList {
  OpIndex head;
  OpIndex tail;
  bool empty() const { return head == kNil; }
};

inline constexpr uint64_t kNoFloor = UINT64_MAX;

// A request that waits for its answer, of a client or forwarded by another node.
struct Op {
  uint64_t token = 0;  // the client's, or the forwarding node's handle
  Endpoint origin;     // node 0: a client of this node
  RequestId id;
  NameHash hash;
  int64_t arrival = 0;
  uint64_t step = 0;  // of the core, in which it arrived
  int64_t deadline = 0;
  int64_t hedge_at = 0;   // when it takes over; used while forwarded_to is set
  Endpoint forwarded_to;  // node 0: not forwarded, or taken over since
  Endpoint asked;         // whom it was forwarded to last, at `asked_at`
  int64_t asked_at = 0;
  Round seen_round;          // that a proposal for it has lost to
  WaitList* list = nullptr;  // whose waiter it is
  OpIndex next;              // in `list`
  OpIndex previous;
  OpIndex newer;  // by age, oldest first
  OpIndex older;
  uint32_t generation = 0;
  char* block = nullptr;  // name and value; null on the round-0 path
  uint32_t value_size = 0;
  uint16_t name_size = 0;
  Operation operation = Operation::kRead;
  uint8_t polls = 0;          // wait: how often it has asked
  uint8_t hops = 0;           // how often it was forwarded
  uint8_t attempts = 0;       // of the proposal that it was taken from, when it was sent on
  bool elsewhere = false;     // another node may have made it, or may yet
  bool doubtful = false;      // that was so before it was forwarded last
  Votes offered;              // members it was forwarded to because there was no room here
  uint64_t version = 0;       // as asked for
  uint64_t made = 0;          // the version that it makes in the proposal under way; 0: none
  int64_t poll_at = 0;        // wait: when it asks again
  uint64_t floor = kNoFloor;  // wait: no version below it is told, see core_wait.cc

  std::string_view name() const { return {block, name_size}; }
  std::string_view value() const { return {block + name_size, value_size}; }
  Change change() const { return {operation, id, version, value()}; }
  // No answer may deny it.
  bool may_have_happened() const { return elsewhere || made != 0; }
};

inline Change change_of(const ClientRequest& request) {
  return {request.operation, request.id, request.version, request.value};
}

// Requests by age.
struct AgeList {
  OpIndex oldest;
  OpIndex newest;
};

// One round-0 proposal of this home (DESIGN 3.2), in a ring indexed by sequence number.
struct RoundZero {
  Sequence sequence;
  RecordNumber record;  // own vote counts once this is durable
  int64_t sent_at = 0;
  int64_t begun = 0;  // when it was first sent
  uint64_t step = 0;  // of the core, in which it was first sent
  uint64_t version = 0;
  uint64_t place = 0;  // NameHash::place, so that the name need not be looked at again
  Batch batch;         // size 0: it confirms a state that was chosen before
  EntryIndex entry;
  Votes votes;
  bool open = false;
  bool sealed = false;
  WaitList waiters;
};

// Of a classic round.
enum class Phase : uint8_t { kBackOff, kPrepare, kAccept };

// One name taken through prepare and accept, at a ballot of this node.
struct ClassicRound : KeptState {  // reported or proposed; `best` ours for a new state
  static constexpr TaskKind kKind = TaskKind::kRound;
  Phase phase = Phase::kBackOff;
  uint8_t attempts = 0;
  Votes votes;  // promises or accepts, once per acceptor
  EntryIndex entry;
  Round seen_round;
  Ballot ballot;
  int64_t next_at = 0;
  int64_t asked_at = 0;  // when this phase's question was first sent
  int64_t started = 0;
  uint64_t step = 0;      // of the core, in which this phase's question was first sent
  bool confirms = false;  // the state was chosen before, under the same ballot
  Batch batch;
  WaitList waiters;

  // Nothing but the rest of a back-off.
  bool is_idle() const { return phase == Phase::kBackOff && waiters.empty() && batch.size == 0; }
};

// One request for which a majority is asked what it holds.
struct QuorumRead : KeptState {  // `best`: the highest accepted ballot reported
  static constexpr TaskKind kKind = TaskKind::kRead;
  uint8_t attempts = 0;
  Votes votes;  // replies, once per acceptor
  Votes none;   // acceptors that hold nothing
  Votes same;   // acceptors that hold (best, state.version)
  OpIndex op;
  uint64_t newest = 0;  // the highest version reported
  int64_t next_at = 0;
  int64_t started = 0;
  uint64_t step = 0;  // of the core, in which this question was first sent
  WaitList waiters;   // `op`, while it wants to know
};

// Nothing is proposed yet: those who were just answered may ask again at once.
struct Linger {
  static constexpr TaskKind kKind = TaskKind::kLinger;
  EntryIndex entry;
  uint32_t awaited = 0;  // how many arrivals end it
  uint32_t arrived = 0;
  int64_t next_at = 0;  // when it ends, whoever is there
  int64_t started = 0;
  WaitList waiters;
};

// A vote of this node's own acceptor in a round, or in a read (no phase and no ballot): it counts
// once `record` is durable.
struct OwnVote {
  RecordNumber record;
  Handle handle;
  Phase phase = Phase::kBackOff;
  Ballot ballot;
};

}  // namespace once::paxos

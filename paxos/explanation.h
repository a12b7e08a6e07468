// What one core holds of one name, for people who ask why it stands as it does. Looked up, and not
// decided by: it asks nobody, changes nothing and makes no entry. The value itself is not told.
#pragma once

#include <cstdint>

#include "base/types.h"
#include "paxos/ballot.h"
#include "paxos/numbers.h"

namespace once::paxos {

struct ClassicRound;
class Entry;
struct Linger;
struct RoundZero;
struct WaitList;
class OpPool;

inline constexpr uint32_t kMostCounted = 4096;  // requests, for one explanation: bounded work

// What this node's proposer does with the name.
enum class Work : uint8_t {
  kNothing,
  kRoundZero,  // proposed as home, without a prepare
  kBackOff,    // it lost, and pauses
  kPrepare,
  kAccept,
  kLinger,  // decided; it waits a moment for those who were answered
};
inline constexpr Work kLastWork = Work::kLinger;

struct UnderWay {
  Work work = Work::kNothing;
  uint8_t attempts = 0;  // that were lost before
  uint16_t votes = 0;    // promises or accepts of this phase; bit n: of node n
  uint32_t changes = 0;  // that the proposal makes; 0 with kRoundZero, kAccept: it only confirms
  uint64_t version = 0;  // that it proposes; 0: none yet
  Ballot ballot;         // null while it backs off
  uint64_t age_us = 0;   // since it was begun
};

// Requests about the name that wait for their answer at this core. At kMostCounted the walk ends.
struct Queues {
  uint32_t queued = 0;     // on what is under way
  uint32_t reading = 0;    // asking a majority
  uint32_t waits = 0;      // for a newer version
  uint32_t forwarded = 0;  // sent on to another node,
  NodeId forwarded_to;     // the newest of them to this one
};

struct Explanation {
  bool known = false;  // the core has an entry of the name, if only a promise
  bool sealed = false;
  bool decided = false;  // this node knows that the version below is
  bool durable = true;   // what is told of promise and accept is on this node's disk
  NodeId home;
  Ballot promised;
  Ballot accepted;       // null: nothing
  uint64_t version = 0;  // accepted; 0: nothing
  uint32_t value_bytes = 0;
  RequestId writer;
  UnderWay under_way;
  Queues queues;
};

// The parts of it. UnderWay::votes is by place in the list of members here, not by number.
void explain_entry(const Entry& entry, RecordNumber durable, Explanation& told);
void explain_round(const RoundZero& slot, const Ballot& ballot, int64_t now_ns, UnderWay& told);
void explain_round(const ClassicRound& round, int64_t now_ns, UnderWay& told);
void explain_linger(const Linger& linger, int64_t now_ns, UnderWay& told);
uint32_t count_waiters(const OpPool& ops, const WaitList& list);

}  // namespace once::paxos

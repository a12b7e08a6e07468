// What nodes say to each other and what clients ask, as plain values. Views point into memory of
// whoever made the message: valid until the step that takes it, or that made it, has been handled.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "base/types.h"
#include "paxos/ballot.h"
#include "paxos/numbers.h"
#include "paxos/sync_messages.h"

namespace once::paxos {

enum class Operation : uint8_t {
  kWrite = 1,
  kRead = 2,
  kSet = 3,
  kCas = 4,    // `version`: the one that it expects
  kSeal = 5,   // `version`: the one that it expects
  kNext = 6,   // its answer's version is the fencing token
  kCheck = 7,  // `version`: the token
  kWait = 8,   // `version`: answered once a higher one is decided
};
inline constexpr Operation kLastOperation = Operation::kWait;

// Which operations come with a version; the others have none to say.
constexpr bool takes_version(Operation o) {
  return o == Operation::kCas || o == Operation::kSeal || o == Operation::kCheck ||
         o == Operation::kWait;
}
// Which may make a new state.
constexpr bool changes(Operation o) {
  return o != Operation::kRead && o != Operation::kCheck && o != Operation::kWait;
}
// Which bring a value.
constexpr bool takes_value(Operation o) {
  return o == Operation::kWrite || o == Operation::kSet || o == Operation::kCas;
}

// Which leave a register that never changes again.
constexpr bool seals(Operation o) { return o == Operation::kWrite || o == Operation::kSeal; }

// The state of a register (DESIGN 2). Version 0 is empty.
struct State {
  uint64_t version = 0;
  bool sealed = false;
  RequestId writer;
  std::string_view value;
  // What the writer's request was: its id alone does not tell a `next` from a `set`. kRead: not
  // known; logs of earlier releases do not say, nor do answers to clients.
  Operation made_by = Operation::kRead;
};

// The same in all that is known of both.
inline bool is_same(const State& a, const State& b) {
  const bool known = a.made_by != Operation::kRead && b.made_by != Operation::kRead;
  return a.version == b.version && a.sealed == b.sealed && a.writer == b.writer &&
         a.value == b.value && (!known || a.made_by == b.made_by);
}

// How a state was made as one byte, on disk and between nodes: sealed, and the operation above it
// (0: not known).
constexpr uint8_t making_of(const State& state) {
  const bool known = state.made_by != Operation::kRead;
  const unsigned operation = known ? static_cast<unsigned>(state.made_by) : 0;
  return static_cast<uint8_t>(operation << 1 | (state.sealed ? 1u : 0u));
}
// False: no operation makes such a state.
constexpr bool set_making(uint8_t byte, State& state) {
  state.sealed = (byte & 1) != 0;
  state.made_by = Operation::kRead;
  if (byte <= 1) return true;
  if (byte >> 1 > static_cast<unsigned>(kLastOperation)) return false;
  state.made_by = static_cast<Operation>(byte >> 1);
  return changes(state.made_by) && seals(state.made_by) == state.sealed;
}

enum class Status : uint8_t {
  kDone = 0,         // a change: this request made that version; else the state follows
  kEmpty = 1,        // read: nothing was ever written
  kAlreadySet = 2,   // write refused: the winner follows
  kUnknown = 3,      // it may have happened, or may still happen
  kUnavailable = 4,  // no majority could be asked; a change did certainly not happen
  kOverloaded = 5,   // a bound was met; nothing happened
  kInvalid = 6,      // the request breaks a limit; nothing happened
  kConflict = 7,     // cas, seal, check: another version stands there; the state follows
  kSealed = 8,       // the register never changes again; the state follows
  kIdReused = 9,     // the request id has made this version with another payload; nothing happened
  kNotYet = 10,      // wait: no higher version was decided in time
  // No node says these two yet: the wire and the clients know them already.
  kRetired = 11,  // the name is out of use for good; nothing happened
  kDenied = 12,   // who asks may not do that; nothing happened
};
inline constexpr Status kLastStatus = Status::kDenied;

// --- proposer to acceptor, and back -----------------------------------------------------------
// `op` is the proposer's own handle, returned as it was.

struct Prepare {
  uint64_t op = 0;
  Ballot ballot;
  std::string_view name;
};
struct Promise {  // accepted_ballot null: nothing was accepted
  uint64_t op = 0;
  Ballot ballot;  // the one promised
  Ballot accepted_ballot;
  State accepted;
};
// Round 0: `op` is the home's sequence number, and the answer is an AcceptedRange.
struct Accept {
  uint64_t op = 0;
  Ballot ballot;
  State state;
  std::string_view name;
};
struct Accepted {
  uint64_t op = 0;
  Ballot ballot;
  uint64_t version = 0;
};
struct AcceptedRange {  // round-0 accepts first..last of this incarnation of the receiver are
                        // durable
  Incarnation incarnation;
  Sequence first;
  Sequence last;
};
struct Rejected {  // of a Prepare or an Accept; `promised` is what it lost to
  uint64_t op = 0;
  Ballot ballot;
  Ballot promised;
};

// --- reads ------------------------------------------------------------------------------------

struct ReadState {
  uint64_t op = 0;
  std::string_view name;
};
struct ReadReply {
  uint64_t op = 0;
  bool decided = false;
  Ballot accepted_ballot;
  State accepted;
};

// --- the home: progress, decisions, claim (DESIGN 3.2, 3.6) -------------------------------------

struct HomeProgress {  // every round-0 accept of this incarnation up to `durable` is on the home's
                       // disk
  Incarnation incarnation;
  Sequence durable;
};
struct ChosenRange {  // the home's round-0 accepts first..last of this incarnation are chosen
  Incarnation incarnation;
  Sequence first;
  Sequence last;
};
struct Decided {  // (ballot, version) is chosen for this name
  Ballot ballot;
  uint64_t version = 0;
  std::string_view name;
};
struct ClaimHome {  // pages through one acceptor's unsettled list; page 0 is the claim itself
  Incarnation incarnation;
  uint64_t list = 0;    // 0 for the first page, then what the reply said
  uint64_t cursor = 0;  // first entry wanted
};
struct ClaimReply {
  Incarnation incarnation;
  uint64_t list = 0;  // changes when the list was renumbered: then begin again
  uint64_t cursor = 0;
  uint64_t next = 0;  // cursor of the next page
  bool last = false;
  std::string_view names;  // packed: u16 size, bytes, ...
};
struct SettleQuery {  // acceptor to home: do you hold at least this for the name, durably?
  Ballot promised;
  Ballot accepted;
  std::string_view name;
};
struct Settled {  // home to acceptor: yes
  Ballot promised;
  Ballot accepted;
  std::string_view name;
};

// --- catching up: sync_messages.h has the others -------------------------------------------------

// `decided`: it was chosen at or below `ballot`, and proposed under it. That is null: nothing is
// held.
struct SyncState {
  uint64_t op = 0;
  bool decided = false;
  Ballot ballot;
  State state;
  std::string_view name;
};

// --- forwarding -------------------------------------------------------------------------------

struct Forward {
  uint64_t op = 0;
  Incarnation incarnation;  // the sender's, and its own number in it: each is taken once at most
  uint64_t number = 0;
  Operation operation = Operation::kRead;
  RequestId id;
  uint32_t timeout_ms = 0;
  std::string_view name;
  std::string_view value;
  uint64_t version = 0;
};
struct ForwardReply {
  uint64_t op = 0;
  Status status = Status::kDone;
  State state;
};

using Message = std::variant<Prepare, Promise, Accept, Accepted, AcceptedRange, Rejected, ReadState,
                             ReadReply, HomeProgress, ChosenRange, Decided, ClaimHome, ClaimReply,
                             SettleQuery, Settled, Forward, ForwardReply, SyncCompare, SyncDigest,
                             SyncNames, SyncPage, SyncFetch, SyncState>;

// What no honest peer can say: he lies, or somebody speaks in his name.
enum class Offence : uint8_t {
  kContradiction,  // another state where one was accepted under that ballot, or is decided
  kFarBallot,      // further ahead than honest duels can have come
};
inline constexpr size_t kOffences = 2;

// --- clients ----------------------------------------------------------------------------------

struct ClientRequest {
  uint64_t token = 0;  // the shard's own; returned in the reply
  Operation operation = Operation::kRead;
  RequestId id;
  uint32_t timeout_ms = 0;
  std::string_view name;
  std::string_view value;
  uint64_t version = 0;  // of cas, seal, check and wait
};
struct ClientReply {
  uint64_t token = 0;
  Status status = Status::kDone;
  State state;
};

}  // namespace once::paxos

// What the client library answers: outcomes of operations, the status of a node, pages of names.
// Installed as <once/results.h>, which <once/client.h> includes. Values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"

namespace once::client {

enum class Outcome : uint8_t {
  kDone,         // a change: this request made the version that is shown; else the state follows
  kRefused,      // it has not happened and never will: see Refusal; the register's state follows
  kEmpty,        // read: nothing was ever written
  kNotYet,       // wait: no newer version was heard of by the deadline
  kUnknown,      // a change that may have happened, or may still happen
  kUnavailable,  // nothing happened; no majority answered in time, or too much is pending
  kInvalid,      // the request breaks a limit; nothing happened
  kError,      // the client cannot work: its options or the machine are at fault; nothing happened
  kCancelled,  // cancelled, and nothing happened: a change that may have happened is kUnknown
  // No node of this release says these two; later ones may.
  kRetired,  // the name is out of use for good; nothing happened
  kDenied,   // the nodes do not allow this client to do that; nothing happened
};
std::string_view outcome_name(Outcome outcome);  // "done", "refused", ..., "not_yet", ...

enum class Refusal : uint8_t {  // why, when refused
  kNone,
  kAlreadySet,  // write: another request had set the name
  kConflict,    // cas, seal, check: another version stands there
  kSealed,      // the register never changes again; wait: no newer version will ever come
  kIdReused,    // the request id has made the version that is shown with another operation,
                // version or value; draw a new id for each change
};
std::string_view refusal_name(Refusal refusal);

struct Result {
  Outcome outcome = Outcome::kError;
  Refusal refusal = Refusal::kNone;
  uint64_t version = 0;  // 0: no state is shown
  bool sealed = false;
  RequestId writer;      // who made the version that is shown
  RequestId request_id;  // of this change; all 0 if it was given none: read, check, wait, kError
  std::string value;     // of that version; may be left out of a change that is done
  std::string message;   // for people; empty when done
};

struct NodeStatus {
  std::string address;
  bool reachable = false;
  std::string message;  // why not
  NodeId node;
  Uuid cluster;
  uint64_t pid = 0;
  std::vector<std::pair<std::string, uint64_t>> counters;
  std::vector<std::pair<NodeId, std::string>> members;  // of the answering node, by slot
  bool wrong_port = false;     // what answers there is no node, or not its port for clients
  bool other_cluster = false;  // what answers there is a node of another cluster than is meant
};

struct ListedName {
  std::string name;
  uint64_t version = 0;
  uint32_t value_bytes = 0;
  bool sealed = false;
  bool decided = false;  // false: a change to that version was begun, and its end is not known
};

// What one node knows at the moment, which may lack what others have just decided: to look at, not
// to decide by. A read asks a majority.
struct NamesPage {
  Outcome outcome = Outcome::kDone;  // else the page ends where it failed
  Refusal refusal = Refusal::kNone;  // kConflict: the node has started again since `after`
  std::vector<ListedName> names;     // in no order that means anything
  std::string after;                 // where the next page begins; empty: this was the last one
  NodeId node;                       // who was asked
  std::string message;               // for people; empty when done
};

}  // namespace once::client

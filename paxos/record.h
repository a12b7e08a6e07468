// What the core writes to its log: bytes <-> values. docs/log-format.md describes the blocks around
// it. Little-endian: u8 kind, then the fields of the kind in the order of its struct; names and
// values last.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/types.h"
#include "paxos/messages.h"

namespace once::paxos {

struct IncarnationRecord {
  Incarnation incarnation;
};
struct PromiseRecord {
  Ballot ballot;
  std::string_view name;
};
struct AcceptRecord {
  Ballot ballot;
  CoreId lane;        // round 0: the home's core that numbered it
  Sequence sequence;  // round 0: the home's number
  State state;
  std::string_view name;
};
struct RangePromiseRecord {  // nothing more from this home below this incarnation
  NodeId home;
  Incarnation incarnation;
};
struct ChosenRangeRecord {
  Endpoint home;
  Incarnation incarnation;
  Sequence first;
  Sequence last;
};
struct HomeProgressRecord {
  Endpoint home;
  Incarnation incarnation;
  Sequence durable;
};
struct DecidedRecord {
  Ballot ballot;
  uint64_t version = 0;
  std::string_view name;
};

// All that an acceptor holds of a name that it has accepted something of: what was told in several
// records, written once more so that they are needed no longer; or what a majority chose, and this
// acceptor only heard of. The second is why its ballot may be below a promise made before.
struct KeptRecord {
  Ballot promised;  // not below `accepted`
  Ballot accepted;
  State state;
  bool decided = false;  // `accepted` chose the state
  bool settled = false;  // the home has it on its disk: it is on no unsettled list
  std::string_view name;
};

using Record = std::variant<IncarnationRecord, PromiseRecord, AcceptRecord, RangePromiseRecord,
                            ChosenRangeRecord, HomeProgressRecord, DecidedRecord, KeptRecord>;

// Encoded, of a name and a value of these sizes.
constexpr size_t promise_record_bytes(size_t name) { return 11 + name; }
constexpr size_t accept_record_bytes(size_t name, size_t value) { return 48 + name + value; }
constexpr size_t kept_record_bytes(size_t name, size_t value) { return 49 + name + value; }
size_t record_bytes(const Record& record);
std::string_view name_of(const Record& record);  // empty: of none
// Of no name; or of a decision, which is known again from others.
bool is_news(const Record& record);

void encode_record(const Record& record, std::vector<char>& out);
// The same: almost every record is one of these, and is not to be copied first.
void encode_record(const AcceptRecord& record, std::vector<char>& out);
std::optional<Record> decode_record(std::string_view bytes);  // nothing: not a record of ours

}  // namespace once::paxos

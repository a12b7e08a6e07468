#include "paxos/record.h"

#include <algorithm>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/limits.h"

namespace once::paxos {
namespace {

enum Kind : uint8_t {
  kIncarnation = 1,
  kPromise = 2,
  kAccept = 3,
  kRangePromise = 4,
  kChosenRange = 5,
  kHomeProgress = 6,
  kDecided = 7,
  kKept = 8,
};

// Of a kept record, one bit each.
constexpr uint8_t kMarkDecided = 1;
constexpr uint8_t kMarkSettled = 2;

struct Sizes {
  size_t operator()(const IncarnationRecord&) const { return 5; }
  size_t operator()(const PromiseRecord& r) const { return promise_record_bytes(r.name.size()); }
  size_t operator()(const AcceptRecord& r) const {
    return accept_record_bytes(r.name.size(), r.state.value.size());
  }
  size_t operator()(const RangePromiseRecord&) const { return 7; }
  size_t operator()(const ChosenRangeRecord&) const { return 25; }
  size_t operator()(const HomeProgressRecord&) const { return 17; }
  size_t operator()(const DecidedRecord& r) const { return 19 + r.name.size(); }
  size_t operator()(const KeptRecord& r) const {
    return kept_record_bytes(r.name.size(), r.state.value.size());
  }
};

// Writes without checks: Sizes made the room.
class Encoder {
 public:
  explicit Encoder(char* at) : at_(at) {}
  const char* at() const { return at_; }
  void operator()(const IncarnationRecord& r) {
    put<uint8_t>(kIncarnation);
    put(r.incarnation.value);
  }
  void operator()(const PromiseRecord& r) {
    put<uint8_t>(kPromise);
    ballot(r.ballot);
    bytes(r.name);
  }
  void operator()(const AcceptRecord& r) {
    put<uint8_t>(kAccept);
    ballot(r.ballot);
    put(r.lane.value);
    put(r.sequence.value);
    state(r.state, r.name);
  }
  void operator()(const RangePromiseRecord& r) {
    put<uint8_t>(kRangePromise);
    put(r.home.value);
    put(r.incarnation.value);
  }
  void operator()(const ChosenRangeRecord& r) {
    put<uint8_t>(kChosenRange);
    lane(r.home, r.incarnation);
    put(r.first.value);
    put(r.last.value);
  }
  void operator()(const HomeProgressRecord& r) {
    put<uint8_t>(kHomeProgress);
    lane(r.home, r.incarnation);
    put(r.durable.value);
  }
  void operator()(const DecidedRecord& r) {
    put<uint8_t>(kDecided);
    ballot(r.ballot);
    put(r.version);
    bytes(r.name);
  }
  void operator()(const KeptRecord& r) {
    put<uint8_t>(kKept);
    ballot(r.promised);
    ballot(r.accepted);
    put(static_cast<uint8_t>((r.decided ? kMarkDecided : 0) | (r.settled ? kMarkSettled : 0)));
    state(r.state, r.name);
  }

 private:
  template <class T>
  void put(T value) {
    store(at_, value);
    at_ += sizeof value;
  }
  void bytes(std::string_view bytes) { at_ = std::copy(bytes.begin(), bytes.end(), at_); }
  void ballot(const Ballot& b) {
    put(b.round.value);
    put(b.node.value);
    put(b.incarnation.value);
  }
  void state(const State& state, std::string_view name) {
    put(state.version);
    put(making_of(state));
    put(state.writer.high);
    put(state.writer.low);
    put(static_cast<uint16_t>(name.size()));
    bytes(name);
    bytes(state.value);
  }
  void lane(const Endpoint& home, Incarnation incarnation) {
    put(home.node.value);
    put(home.core.value);
    put(incarnation.value);
  }
  char* at_;
};

template <class R>
void encode(const R& record, std::vector<char>& out) {
  const size_t begin = out.size();
  out.resize(begin + Sizes{}(record));
  Encoder encoder(out.data() + begin);
  encoder(record);
  ONCE_ASSERT(encoder.at() == out.data() + out.size());
}

Ballot get_ballot(ByteReader& in) {
  Ballot b;
  b.round.value = in.get<uint32_t>();
  b.node.value = in.get<uint16_t>();
  b.incarnation.value = in.get<uint32_t>();
  return b;
}

Endpoint get_endpoint(ByteReader& in) {
  Endpoint e;
  e.node.value = in.get<uint16_t>();
  e.core.value = in.get<uint16_t>();
  return e;
}

bool name_fits(std::string_view name) { return !name.empty() && name.size() <= kMaxNameBytes; }

// The rest of a record. False: it is none of ours.
bool get_state(ByteReader& in, State& state, std::string_view& name) {
  state.version = in.get<uint64_t>();
  const bool makes_sense = set_making(in.get<uint8_t>(), state);
  state.writer = in.get_uuid<RequestId>();
  name = in.get_bytes(in.get<uint16_t>());
  state.value = in.get_bytes(in.remaining());
  return in.finished() && makes_sense && name_fits(name) && state.value.size() <= kMaxValueBytes;
}

std::optional<Record> decode_accept(ByteReader& in) {
  AcceptRecord r;
  r.ballot = get_ballot(in);
  r.lane.value = in.get<uint16_t>();
  r.sequence.value = in.get<uint64_t>();
  if (!get_state(in, r.state, r.name)) return {};
  return r;
}

std::optional<Record> decode_kept(ByteReader& in) {
  KeptRecord r;
  r.promised = get_ballot(in);
  r.accepted = get_ballot(in);
  const auto marks = in.get<uint8_t>();
  r.decided = (marks & kMarkDecided) != 0;
  r.settled = (marks & kMarkSettled) != 0;
  if ((marks & ~(kMarkDecided | kMarkSettled)) != 0 || r.promised < r.accepted) return {};
  if (!get_state(in, r.state, r.name)) return {};
  return r;
}

}  // namespace

size_t record_bytes(const Record& record) { return std::visit(Sizes{}, record); }

std::string_view name_of(const Record& record) {
  return std::visit(
      [](const auto& r) {
        if constexpr (requires { r.name; }) return r.name;
        return std::string_view();
      },
      record);
}

bool is_news(const Record& record) {
  return !std::holds_alternative<PromiseRecord>(record) &&
         !std::holds_alternative<AcceptRecord>(record) &&
         !std::holds_alternative<KeptRecord>(record);
}

void encode_record(const Record& record, std::vector<char>& out) {
  std::visit([&out](const auto& one) { encode(one, out); }, record);
}
void encode_record(const AcceptRecord& record, std::vector<char>& out) { encode(record, out); }

std::optional<Record> decode_record(std::string_view bytes) {
  ByteReader in(bytes);
  std::optional<Record> record;
  switch (in.get<uint8_t>()) {
    case kIncarnation:
      record = IncarnationRecord{Incarnation{in.get<uint32_t>()}};
      break;
    case kPromise: {
      PromiseRecord r{get_ballot(in), in.get_bytes(in.remaining())};
      if (name_fits(r.name)) record = r;
      break;
    }
    case kAccept:
      return decode_accept(in);
    case kKept:
      return decode_kept(in);
    case kRangePromise: {
      RangePromiseRecord r;
      r.home.value = in.get<uint16_t>();
      r.incarnation.value = in.get<uint32_t>();
      record = r;
      break;
    }
    case kChosenRange: {
      ChosenRangeRecord r;
      r.home = get_endpoint(in);
      r.incarnation.value = in.get<uint32_t>();
      r.first.value = in.get<uint64_t>();
      r.last.value = in.get<uint64_t>();
      if (r.first <= r.last) record = r;
      break;
    }
    case kHomeProgress: {
      HomeProgressRecord r;
      r.home = get_endpoint(in);
      r.incarnation.value = in.get<uint32_t>();
      r.durable.value = in.get<uint64_t>();
      record = r;
      break;
    }
    case kDecided: {
      DecidedRecord r;
      r.ballot = get_ballot(in);
      r.version = in.get<uint64_t>();
      r.name = in.get_bytes(in.remaining());
      if (name_fits(r.name)) record = r;
      break;
    }
    default:
      return {};
  }
  return in.finished() ? record : std::nullopt;
}

}  // namespace once::paxos

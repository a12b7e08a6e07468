#include "paxos/record.h"

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
};

class Encoder {
 public:
  explicit Encoder(std::vector<char>& out) : out_(out) {}
  void operator()(const IncarnationRecord& r) {
    out_.put<uint8_t>(kIncarnation);
    out_.put(r.incarnation);
  }
  void operator()(const PromiseRecord& r) {
    out_.put<uint8_t>(kPromise);
    ballot(r.ballot);
    out_.put_bytes(r.name);
  }
  void operator()(const AcceptRecord& r) {
    out_.put<uint8_t>(kAccept);
    ballot(r.ballot);
    out_.put(r.lane.value);
    out_.put(r.sequence);
    out_.put(r.state.version);
    out_.put(making_of(r.state));
    out_.put_uuid(r.state.writer);
    out_.put(static_cast<uint16_t>(r.name.size()));
    out_.put_bytes(r.name);
    out_.put_bytes(r.state.value);
  }
  void operator()(const RangePromiseRecord& r) {
    out_.put<uint8_t>(kRangePromise);
    out_.put(r.home.value);
    out_.put(r.incarnation);
  }
  void operator()(const ChosenRangeRecord& r) {
    out_.put<uint8_t>(kChosenRange);
    lane(r.home, r.incarnation);
    out_.put(r.first);
    out_.put(r.last);
  }
  void operator()(const HomeProgressRecord& r) {
    out_.put<uint8_t>(kHomeProgress);
    lane(r.home, r.incarnation);
    out_.put(r.durable);
  }
  void operator()(const DecidedRecord& r) {
    out_.put<uint8_t>(kDecided);
    ballot(r.ballot);
    out_.put(r.version);
    out_.put_bytes(r.name);
  }

 private:
  void ballot(const Ballot& b) {
    out_.put(b.round);
    out_.put(b.node.value);
    out_.put(b.incarnation);
  }
  void lane(const Endpoint& home, uint32_t incarnation) {
    out_.put(home.node.value);
    out_.put(home.core.value);
    out_.put(incarnation);
  }
  ByteWriter out_;
};

Ballot get_ballot(ByteReader& in) {
  Ballot b;
  b.round = in.get<uint32_t>();
  b.node.value = in.get<uint16_t>();
  b.incarnation = in.get<uint32_t>();
  return b;
}

Endpoint get_endpoint(ByteReader& in) {
  Endpoint e;
  e.node.value = in.get<uint16_t>();
  e.core.value = in.get<uint16_t>();
  return e;
}

bool name_fits(std::string_view name) { return !name.empty() && name.size() <= kMaxNameBytes; }

std::optional<Record> decode_accept(ByteReader& in) {
  AcceptRecord r;
  r.ballot = get_ballot(in);
  r.lane.value = in.get<uint16_t>();
  r.sequence = in.get<uint64_t>();
  r.state.version = in.get<uint64_t>();
  const bool makes_sense = set_making(in.get<uint8_t>(), r.state);
  r.state.writer = in.get_uuid<RequestId>();
  r.name = in.get_bytes(in.get<uint16_t>());
  r.state.value = in.get_bytes(in.remaining());
  if (!in.finished() || !makes_sense || !name_fits(r.name)) return {};
  if (r.state.value.size() > kMaxValueBytes) return {};
  return r;
}

}  // namespace

void encode_record(const Record& record, std::vector<char>& out) {
  std::visit(Encoder(out), record);
}

std::optional<Record> decode_record(std::string_view bytes) {
  ByteReader in(bytes);
  std::optional<Record> record;
  switch (in.get<uint8_t>()) {
    case kIncarnation:
      record = IncarnationRecord{in.get<uint32_t>()};
      break;
    case kPromise: {
      PromiseRecord r{get_ballot(in), in.get_bytes(in.remaining())};
      if (name_fits(r.name)) record = r;
      break;
    }
    case kAccept:
      return decode_accept(in);
    case kRangePromise: {
      RangePromiseRecord r;
      r.home.value = in.get<uint16_t>();
      r.incarnation = in.get<uint32_t>();
      record = r;
      break;
    }
    case kChosenRange: {
      ChosenRangeRecord r;
      r.home = get_endpoint(in);
      r.incarnation = in.get<uint32_t>();
      r.first = in.get<uint64_t>();
      r.last = in.get<uint64_t>();
      if (r.first <= r.last) record = r;
      break;
    }
    case kHomeProgress: {
      HomeProgressRecord r;
      r.home = get_endpoint(in);
      r.incarnation = in.get<uint32_t>();
      r.durable = in.get<uint64_t>();
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

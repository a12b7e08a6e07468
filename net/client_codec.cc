// Layouts as in docs/protocol.md; a test compares the two. Requests and replies are the hot path:
// one resize, then plain stores.
#include "net/client_codec.h"

#include <algorithm>
#include <string>

#include "base/limits.h"
#include "net/wire.h"

namespace once::net {
namespace {

using paxos::Operation;
using paxos::Status;

constexpr size_t kLengthBytes = 4;
constexpr size_t kMinLength = kFrameHeaderBytes - kLengthBytes;
constexpr size_t kMaxBody = kMaxFrameBytes - kFrameHeaderBytes;
constexpr size_t kRequestFixedBytes = 28;
constexpr size_t kReplyFixedBytes = 32;
constexpr size_t kMaxErrorBytes = 1024;
constexpr size_t kVersionBytes = 8;
static_assert(kRequestFixedBytes + kVersionBytes + kMaxNameBytes + kMaxValueBytes <= kMaxBody);
static_assert(kReplyFixedBytes + kMaxValueBytes <= kMaxBody);
constexpr size_t kListFixedBytes = 20;
constexpr size_t kListedFixedBytes = 16;
static_assert(kListFixedBytes + paxos::kMostListedAtOnce * kListedFixedBytes +
                  paxos::kMostListedBytes <=
              kMaxBody);

// Returns where the body begins.
char* begin_frame(FrameType type, uint64_t correlation, size_t body_size, std::vector<char>& out) {
  ONCE_ASSERT(body_size <= kMaxBody);
  char* at = extend(out, kFrameHeaderBytes + body_size);
  store(at, static_cast<uint32_t>(kMinLength + body_size));
  store(at + 4, static_cast<uint32_t>(type));
  store(at + 8, correlation);
  return at + kFrameHeaderBytes;
}

// Where the name begins: behind the version, in a request that has one.
size_t request_head(Operation operation) {
  return kRequestFixedBytes + (paxos::takes_version(operation) ? kVersionBytes : 0);
}

void copy(char* to, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
}

// The version comes first in every version of the protocol, so that a stranger can be told so.
Result<void> check_version(std::string_view body, std::string_view whose) {
  if (body.size() < 2) return error("the hello is cut off");
  uint16_t version = load<uint16_t>(body.data());
  if (version == kProtocolVersion) return {};
  return error("protocol version " + std::to_string(version) + " of the " + std::string(whose) +
               " is not supported, only version " + std::to_string(kProtocolVersion) +
               ": use the same release of once on both sides");
}

template <class Wire, class H>
void client_hello_fields(Wire& wire, H& hello) {
  wire.number(hello.version);
  wire.number(hello.core);
  wire.zeros(4);
  wire.uuid(hello.cluster);
}

template <class Wire, class H>
void server_hello_fields(Wire& wire, H& hello, uint16_t& member_count) {
  wire.number(hello.version);
  wire.number(hello.shard_count);
  wire.number(hello.node.value);
  wire.number(hello.core.value);
  wire.uuid(hello.cluster);
  wire.number(hello.epoch);
  wire.number(hello.hash_seed);
  wire.number(member_count);
  wire.zeros(6);
}

template <class Wire, class M>
void placed_member_fields(Wire& wire, M& member) {
  wire.number(member.node.value);
  wire.number(member.cores);
  wire.template bytes<uint16_t>(member.client_address, 512);
}

template <class Wire, class R>
void status_fields(Wire& wire, R& report, uint16_t& counter_count) {
  wire.number(report.node.value);
  wire.number(counter_count);
  wire.zeros(4);
  wire.number(report.pid);
}

template <class Wire, class R>
void list_request_fields(Wire& wire, R& request) {
  wire.number(request.run);
  wire.number(request.query.most);
  wire.number(request.query.from);
  wire.template bytes<uint16_t>(request.query.prefix, kMaxNameBytes);
}

template <class Wire, class R>
void list_reply_fields(Wire& wire, R& reply, uint32_t& count) {
  wire.enumeration(reply.status, Status::kDone, paxos::kLastStatus);
  wire.zeros(3);
  wire.number(reply.run);
  wire.number(reply.page.next);
  wire.number(count);
}

template <class Wire, class N>
void listed_fields(Wire& wire, N& listed) {
  wire.number(listed.version);
  wire.number(listed.value_bytes);
  wire.flag(listed.sealed);
  wire.flag(listed.decided);
  wire.template bytes<uint16_t>(listed.name, kMaxNameBytes);
}

template <class Wire, class R>
void explain_request_fields(Wire& wire, R& request) {
  wire.template bytes<uint16_t>(request.name, kMaxNameBytes);
}

template <class Wire, class B>
void ballot_fields(Wire& wire, B& ballot) {
  wire.number(ballot.round.value);
  wire.number(ballot.node.value);
  wire.zeros(2);
  wire.number(ballot.incarnation.value);
}

template <class Wire, class R>
void explain_reply_fields(Wire& wire, R& reply) {
  wire.enumeration(reply.status, Status::kDone, paxos::kLastStatus);
  wire.flag(reply.explanation.known);
  wire.flag(reply.explanation.sealed);
  wire.flag(reply.explanation.decided);
  wire.flag(reply.explanation.durable);
  wire.zeros(3);
  wire.number(reply.core.value);
  wire.number(reply.explanation.home.value);
  wire.number(reply.explanation.value_bytes);
  ballot_fields(wire, reply.explanation.promised);
  ballot_fields(wire, reply.explanation.accepted);
  wire.number(reply.explanation.version);
  wire.uuid(reply.explanation.writer);
  auto& work = reply.explanation.under_way;
  wire.enumeration(work.work, paxos::Work::kNothing, paxos::kLastWork);
  wire.number(work.attempts);
  wire.number(work.votes);
  wire.number(work.changes);
  wire.number(work.version);
  ballot_fields(wire, work.ballot);
  wire.zeros(4);
  wire.number(work.age_us);
  auto& queues = reply.explanation.queues;
  wire.number(queues.queued);
  wire.number(queues.reading);
  wire.number(queues.waits);
  wire.number(queues.forwarded);
  wire.number(queues.forwarded_to.value);
  wire.zeros(6);
}

}  // namespace

Result<bool> take_frame(std::string_view& bytes, Frame& frame) {
  if (bytes.size() < kLengthBytes) return false;
  size_t length = load<uint32_t>(bytes.data());
  if (length < kMinLength)
    return error("a frame of length " + std::to_string(length) + " is too short");
  if (length > kMaxFrameBytes - kLengthBytes) {
    return error("a frame of length " + std::to_string(length) + " is over the limit of " +
                 std::to_string(kMaxFrameBytes - kLengthBytes));
  }
  if (bytes.size() < kFrameHeaderBytes) return false;
  uint32_t type = load<uint32_t>(bytes.data() + 4);
  if (type < 1 || type > static_cast<uint32_t>(kLastFrameType)) {
    return error("unknown frame type or reserved bytes in use");
  }
  if (bytes.size() - kLengthBytes < length) return false;
  frame.type = static_cast<FrameType>(type);
  frame.correlation = load<uint64_t>(bytes.data() + 8);
  frame.body = bytes.substr(kFrameHeaderBytes, length - kMinLength);
  bytes.remove_prefix(kLengthBytes + length);
  return true;
}

void encode_client_hello(const ClientHello& hello, std::vector<char>& out) {
  WireSizer sizer;
  client_hello_fields(sizer, hello);
  WireWriter writer(begin_frame(FrameType::kClientHello, 0, sizer.size(), out));
  client_hello_fields(writer, hello);
}

void encode_server_hello(const ServerHello& hello, std::vector<char>& out) {
  ONCE_ASSERT(hello.members.size() <= kMaxNodes);
  uint16_t count = static_cast<uint16_t>(hello.members.size());
  WireSizer sizer;
  server_hello_fields(sizer, hello, count);
  for (const auto& member : hello.members) placed_member_fields(sizer, member);
  WireWriter writer(begin_frame(FrameType::kServerHello, 0, sizer.size(), out));
  server_hello_fields(writer, hello, count);
  for (const auto& member : hello.members) placed_member_fields(writer, member);
}

void encode_request(uint64_t correlation, const paxos::ClientRequest& request,
                    std::vector<char>& out) {
  const size_t head = request_head(request.operation);
  const size_t size = head + request.name.size() + request.value.size();
  ONCE_ASSERT(request.name.size() <= 0xffff);
  char* body = begin_frame(FrameType::kRequest, correlation, size, out);
  store(body, static_cast<uint8_t>(request.operation));
  store(body + 1, uint8_t{0});
  store(body + 2, static_cast<uint16_t>(request.name.size()));
  store(body + 4, static_cast<uint32_t>(request.value.size()));
  store(body + 8, request.timeout_ms);
  store(body + 12, request.id.high);
  store(body + 20, request.id.low);
  if (head != kRequestFixedBytes) store(body + kRequestFixedBytes, request.version);
  copy(body + head, request.name);
  copy(body + head + request.name.size(), request.value);
}

void encode_reply(uint64_t correlation, const paxos::ClientReply& reply, std::vector<char>& out) {
  const paxos::State& state = reply.state;
  char* body =
      begin_frame(FrameType::kReply, correlation, kReplyFixedBytes + state.value.size(), out);
  store(body, static_cast<uint8_t>(reply.status));
  store(body + 1, static_cast<uint8_t>(state.sealed ? 1 : 0));
  store(body + 2, uint16_t{0});
  store(body + 4, static_cast<uint32_t>(state.value.size()));
  store(body + 8, state.version);
  store(body + 16, state.writer.high);
  store(body + 24, state.writer.low);
  copy(body + kReplyFixedBytes, state.value);
}

void encode_status_request(uint64_t correlation, std::vector<char>& out) {
  begin_frame(FrameType::kStatusRequest, correlation, 0, out);
}

void encode_status_reply(uint64_t correlation, const StatusReport& report, std::vector<char>& out) {
  ONCE_ASSERT(report.counters.size() <= 0xffff);
  uint16_t count = static_cast<uint16_t>(report.counters.size());
  WireSizer sizer;
  status_fields(sizer, report, count);
  for (const auto& [name, value] : report.counters) {
    sizer.bytes<uint16_t>(name, kMaxNameBytes);
    sizer.number(value);
  }
  WireWriter writer(begin_frame(FrameType::kStatusReply, correlation, sizer.size(), out));
  status_fields(writer, report, count);
  for (const auto& [name, value] : report.counters) {
    writer.bytes<uint16_t>(name, kMaxNameBytes);
    writer.number(value);
  }
}

void encode_list_request(uint64_t correlation, const ListRequest& request, std::vector<char>& out) {
  WireSizer sizer;
  list_request_fields(sizer, request);
  WireWriter writer(begin_frame(FrameType::kListRequest, correlation, sizer.size(), out));
  list_request_fields(writer, request);
}

void encode_list_reply(uint64_t correlation, const ListReply& reply, std::vector<char>& out) {
  auto count = static_cast<uint32_t>(reply.page.names.size());
  WireSizer sizer;
  list_reply_fields(sizer, reply, count);
  for (const auto& listed : reply.page.names) listed_fields(sizer, listed);
  WireWriter writer(begin_frame(FrameType::kListReply, correlation, sizer.size(), out));
  list_reply_fields(writer, reply, count);
  for (const auto& listed : reply.page.names) listed_fields(writer, listed);
}

void encode_explain_request(uint64_t correlation, const ExplainRequest& request,
                            std::vector<char>& out) {
  WireSizer sizer;
  explain_request_fields(sizer, request);
  WireWriter writer(begin_frame(FrameType::kExplainRequest, correlation, sizer.size(), out));
  explain_request_fields(writer, request);
}

void encode_explain_reply(uint64_t correlation, const ExplainReply& reply, std::vector<char>& out) {
  WireSizer sizer;
  explain_reply_fields(sizer, reply);
  WireWriter writer(begin_frame(FrameType::kExplainReply, correlation, sizer.size(), out));
  explain_reply_fields(writer, reply);
}

void encode_error(uint64_t correlation, std::string_view text, std::vector<char>& out) {
  text = text.substr(0, kMaxErrorBytes);
  copy(begin_frame(FrameType::kError, correlation, text.size(), out), text);
}

Result<ClientHello> decode_client_hello(std::string_view body) {
  if (auto version = check_version(body, "client"); !version)
    return tl::unexpected(version.error());
  ClientHello hello;
  WireReader reader(body);
  client_hello_fields(reader, hello);
  if (!reader.finished()) return error("malformed client hello");
  return hello;
}

Result<ServerHello> decode_server_hello(std::string_view body) {
  if (auto version = check_version(body, "server"); !version)
    return tl::unexpected(version.error());
  ServerHello hello;
  uint16_t count = 0;
  WireReader reader(body);
  server_hello_fields(reader, hello, count);
  if (!reader.ok() || count > kMaxNodes) return error("malformed server hello");
  hello.members.resize(count);
  for (auto& member : hello.members) placed_member_fields(reader, member);
  if (!reader.finished()) return error("malformed server hello");
  return hello;
}

Result<paxos::ClientRequest> decode_request(std::string_view body) {
  if (body.size() < kRequestFixedBytes) return error("a request is cut off");
  uint8_t operation = load<uint8_t>(body.data());
  size_t name_size = load<uint16_t>(body.data() + 2);
  size_t value_size = load<uint32_t>(body.data() + 4);
  if (operation < static_cast<uint8_t>(Operation::kWrite) ||
      operation > static_cast<uint8_t>(paxos::kLastOperation)) {
    return error("unknown operation " + std::to_string(operation));
  }
  if (body[1] != 0) return error("reserved byte of a request in use");
  const size_t head = request_head(static_cast<Operation>(operation));
  if (head + name_size + value_size != body.size()) {
    return error("the sizes in a request do not add up to its length");
  }
  paxos::ClientRequest request;
  request.operation = static_cast<Operation>(operation);
  request.timeout_ms = load<uint32_t>(body.data() + 8);
  request.id = request_id(load<uint64_t>(body.data() + 12), load<uint64_t>(body.data() + 20));
  if (head != kRequestFixedBytes) {
    request.version = load<uint64_t>(body.data() + kRequestFixedBytes);
  }
  request.name = body.substr(head, name_size);
  request.value = body.substr(head + name_size);
  return request;
}

Result<paxos::ClientReply> decode_reply(std::string_view body) {
  if (body.size() < kReplyFixedBytes) return error("a reply is cut off");
  uint8_t status = load<uint8_t>(body.data());
  uint8_t sealed = load<uint8_t>(body.data() + 1);
  if (status > static_cast<uint8_t>(paxos::kLastStatus)) {
    return error("unknown status " + std::to_string(status));
  }
  if (sealed > 1 || load<uint16_t>(body.data() + 2) != 0) {
    return error("reserved bits of a reply in use");
  }
  if (kReplyFixedBytes + size_t{load<uint32_t>(body.data() + 4)} != body.size()) {
    return error("the sizes in a reply do not add up to its length");
  }
  paxos::ClientReply reply;
  reply.status = static_cast<Status>(status);
  reply.state.sealed = sealed == 1;
  reply.state.version = load<uint64_t>(body.data() + 8);
  reply.state.writer =
      request_id(load<uint64_t>(body.data() + 16), load<uint64_t>(body.data() + 24));
  reply.state.value = body.substr(kReplyFixedBytes);
  return reply;
}

Result<StatusReport> decode_status_reply(std::string_view body) {
  StatusReport report;
  uint16_t count = 0;
  WireReader reader(body);
  status_fields(reader, report, count);
  for (uint16_t i = 0; i < count && reader.ok(); ++i) {
    auto& [name, value] = report.counters.emplace_back();
    reader.bytes<uint16_t>(name, kMaxNameBytes);
    reader.number(value);
  }
  if (!reader.finished()) return error("malformed status reply");
  return report;
}

Result<ListRequest> decode_list_request(std::string_view body) {
  ListRequest request;
  WireReader reader(body);
  list_request_fields(reader, request);
  if (!reader.finished()) return error("malformed list request");
  return request;
}

Result<ListReply> decode_list_reply(std::string_view body) {
  ListReply reply;
  uint32_t count = 0;
  WireReader reader(body);
  list_reply_fields(reader, reply, count);
  if (!reader.ok() || count > paxos::kMostListedAtOnce) return error("malformed list reply");
  reply.page.names.resize(count);
  for (auto& listed : reply.page.names) listed_fields(reader, listed);
  if (!reader.finished()) return error("malformed list reply");
  return reply;
}

Result<ExplainRequest> decode_explain_request(std::string_view body) {
  ExplainRequest request;
  WireReader reader(body);
  explain_request_fields(reader, request);
  if (!reader.finished()) return error("malformed explain request");
  return request;
}

Result<ExplainReply> decode_explain_reply(std::string_view body) {
  ExplainReply reply;
  WireReader reader(body);
  explain_reply_fields(reader, reply);
  if (!reader.finished()) return error("malformed explain reply");
  return reply;
}

}  // namespace once::net

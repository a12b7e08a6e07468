// Client frames and peer messages: what is encoded comes back, what is cut off or
// broken is refused, and docs/protocol.md shows the very bytes.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/prng.h"
#include "net/client_codec.h"
#include "net/peer_codec.h"
#include "net/peer_frame.h"
#include "tests/unit/net/some_explanation.h"

namespace once::net {
namespace {

using namespace paxos;

std::string text(const std::vector<char>& bytes) { return {bytes.begin(), bytes.end()}; }

template <class Encode>
std::string made(Encode encode) {
  std::vector<char> out;
  encode(out);
  return text(out);
}

std::string encoded(const Message& message) {
  return made([&](auto& out) { encode_message(message, out); });
}

const Ballot kBallot{Round{7}, NodeId{3}, Incarnation{0x01020304}};
const Ballot kOther{Round{8}, NodeId{2}, Incarnation{5}};
State some_state() { return {0x1122334455667788, true, request_id(1, 2), "the value"}; }

std::vector<Message> every_message() {
  return {
      Prepare{1, kBallot, "name"},
      Promise{2, kBallot, kOther, some_state()},
      Accept{3, kBallot, some_state(), "name"},
      Accepted{4, kBallot, 9},
      AcceptedRange{Incarnation{5}, Sequence{6}, Sequence{7}},
      Rejected{8, kBallot, kOther},
      ReadState{9, "name"},
      ReadReply{10, true, kOther, some_state()},
      HomeProgress{Incarnation{11}, Sequence{12}},
      ChosenRange{Incarnation{13}, Sequence{14}, Sequence{15}},
      Decided{kBallot, 16, "name"},
      ClaimHome{Incarnation{17}, 18, 19},
      ClaimReply{Incarnation{20}, 21, 22, 23, true,
                 std::string_view("\x02\x00"
                                  "ab"
                                  "\x01\x00"
                                  "c",
                                  7)},
      SettleQuery{kBallot, kOther, "name"},
      Settled{kBallot, kOther, "name"},
      Forward{24, Incarnation{7}, 1234, Operation::kWrite, request_id(3, 4), 500, "name", "value"},
      ForwardReply{25, Status::kAlreadySet, some_state()},
      SyncCompare{26, 27, 28},
      SyncDigest{29, 30, 31, "digests"},
      SyncNames{32, 33, 34, "buckets"},
      SyncPage{35, 36, 37, 38, "names"},
      SyncFetch{38, "name"},
      SyncState{39, true, kOther, some_state(), "name"}};
}

TEST(PeerCodec, EveryMessageComesBack) {
  auto all = every_message();
  ASSERT_EQ(all.size(), std::variant_size_v<Message>);
  for (size_t i = 0; i < all.size(); ++i) {
    std::string bytes = encoded(all[i]);
    std::string_view left = bytes;
    auto back = take_message(left);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_TRUE(left.empty());
    EXPECT_EQ(back->index(), i);
    EXPECT_EQ(encoded(*back), bytes);
  }
  std::string bytes = encoded(all[2]);
  std::string_view left = bytes;
  auto accept = std::get<Accept>(*take_message(left));
  EXPECT_EQ(accept.op, 3u);
  EXPECT_EQ(accept.ballot, kBallot);
  EXPECT_EQ(accept.name, "name");
  EXPECT_EQ(accept.state.value, "the value");
  EXPECT_EQ(accept.state.version, some_state().version);
  EXPECT_TRUE(accept.state.sealed);
  EXPECT_EQ(accept.state.writer, request_id(1, 2));
}

// How a state was made comes along in all messages that show one.
TEST(PeerCodec, TheOperationOfAStateComesBack) {
  for (const Operation operation : {Operation::kRead, Operation::kWrite, Operation::kSet,
                                    Operation::kCas, Operation::kSeal, Operation::kNext}) {
    State state{7, seals(operation), request_id(1, 2), "v", operation};
    for (const Message& message :
         {Message(Accept{1, kBallot, state, "n"}), Message(Promise{2, kBallot, kOther, state}),
          Message(ReadReply{3, false, kOther, state})}) {
      const std::string bytes = encoded(message);
      std::string_view left = bytes;
      const auto back = take_message(left);
      ASSERT_TRUE(back) << static_cast<int>(operation);
      EXPECT_EQ(encoded(*back), bytes);
      const auto* accept = std::get_if<Accept>(&*back);
      if (accept == nullptr) continue;
      EXPECT_EQ(accept->state.made_by, operation);
      EXPECT_EQ(accept->state.sealed, seals(operation));
    }
  }
}

// Bit 0 says sealed, the operation stands above it: the two must agree, and be of a change.
TEST(PeerCodec, AStateThatNoOperationMakesIsRefused) {
  std::string bytes = encoded(Accept{1, kBallot, State{7, false, request_id(1, 2), "v"}, "n"});
  const size_t at = bytes.size() - 1 - 4 - 16 - 1;
  size_t taken = 0;
  for (int byte = 0; byte < 256; ++byte) {
    bytes[at] = static_cast<char>(byte);
    std::string_view left = bytes;
    const auto back = take_message(left);
    const auto operation = static_cast<Operation>(byte >> 1);
    const bool made = byte <= 1 || (byte >> 1 <= 6 && changes(operation) &&
                                    seals(operation) == ((byte & 1) != 0));
    EXPECT_EQ(back.has_value(), made) << byte;
    taken += back ? 1 : 0;
  }
  EXPECT_EQ(taken, 2u + 5u);
}

TEST(PeerCodec, EveryTruncationIsRefused) {
  for (const auto& message : every_message()) {
    std::string bytes = encoded(message);
    for (size_t size = 0; size < bytes.size(); ++size) {
      std::string_view left = std::string_view(bytes).substr(0, size);
      EXPECT_FALSE(take_message(left));
      // The same with a header that agrees with the cut.
      if (size < 4) continue;
      std::string cut = bytes.substr(0, size);
      store(cut.data(), static_cast<uint32_t>(static_cast<uint8_t>(cut[0])) |
                            static_cast<uint32_t>(size - 4) << 8);
      left = cut;
      EXPECT_FALSE(take_message(left));
    }
  }
}

TEST(PeerCodec, NamesAndValuesOverTheLimitAreRefused) {
  std::string name(kMaxNameBytes, 'n'), value(kMaxValueBytes, 'v');
  State state{1, true, request_id(1, 1), value};
  std::string bytes = encoded(Accept{1, kBallot, state, name});
  EXPECT_LE(bytes.size(), kMaxMessageBytes);
  std::string_view left = bytes;
  ASSERT_TRUE(take_message(left));
  std::string longer = encoded(ReadState{1, name});
  longer += 'n';
  store(longer.data(), 7u | static_cast<uint32_t>(longer.size() - 4) << 8);
  store(longer.data() + 12, static_cast<uint16_t>(kMaxNameBytes + 1));
  left = longer;
  EXPECT_FALSE(take_message(left));
}

// --- client frames ------------------------------------------------------------------------------

ServerHello some_server_hello() {
  ServerHello hello;
  hello.cluster = ClusterId{{0x0123456789abcdef, 0xfedcba9876543210}};
  hello.hash_seed = 0x1122334455667788;
  hello.shard_count = 64;
  hello.node = NodeId{1};
  hello.members = {
      {NodeId{1}, 1, "127.0.0.1:7401"}, {NodeId{2}, 1, "127.0.0.1:7402"}, {NodeId{3}, 1, ""}};
  return hello;
}

const RequestId kId = request_id(0x0011223344556677, 0x8899aabbccddeeff);

ClientRequest some_request(Operation operation, std::string_view value) {
  return {0, operation, kId, 1000, "door", value};
}

ListRequest some_list_request() { return {{"job/", 2048, 100}, 3}; }
ListReply some_list_reply() {
  return {Status::kDone, 3, {{{"job/42", 1, 6, true, true}, {"job/43", 7, 0, false, false}}, 4096}};
}

std::map<std::string, std::string> documented_frames() {
  ClientReply done{0, Status::kDone, {1, true, kId, ""}}, empty{0, Status::kEmpty, {}};
  ClientReply already{0, Status::kAlreadySet, {1, true, request_id(1, 2), "closed"}};
  ClientHello hello, expects;
  expects.cluster = some_server_hello().cluster;
  return {
      {"client hello", made([&](auto& out) { encode_client_hello(hello, out); })},
      {"client hello to one cluster", made([&](auto& out) { encode_client_hello(expects, out); })},
      {"server hello", made([](auto& out) { encode_server_hello(some_server_hello(), out); })},
      {"write request",
       made([](auto& out) { encode_request(1, some_request(Operation::kWrite, "open"), out); })},
      {"reply done", made([&](auto& out) { encode_reply(1, done, out); })},
      {"reply already_set", made([&](auto& out) { encode_reply(1, already, out); })},
      {"read request",
       made([](auto& out) { encode_request(2, some_request(Operation::kRead, ""), out); })},
      {"reply empty", made([&](auto& out) { encode_reply(2, empty, out); })},
      {"status request", made([](auto& out) { encode_status_request(3, out); })},
      {"list request", made([](auto& out) { encode_list_request(4, some_list_request(), out); })},
      {"list reply", made([](auto& out) { encode_list_reply(4, some_list_reply(), out); })},
      {"explain request", made([](auto& out) { encode_explain_request(6, {"door"}, out); })},
      {"explain reply", made([](auto& out) { encode_explain_reply(6, some_explanation(), out); })},
  };
}

StatusReport some_report() { return {NodeId{2}, 4711, {{"writes", 5}, {"reads", 6}}}; }

std::vector<std::string> every_frame() {
  std::vector<std::string> all;
  for (const auto& [name, bytes] : documented_frames()) all.push_back(bytes);
  all.push_back(made([](auto& out) { encode_status_reply(3, some_report(), out); }));
  all.push_back(made([](auto& out) { encode_error(4, "why", out); }));
  all.push_back(made([](auto& out) { encode_list_request(5, {}, out); }));
  all.push_back(made([](auto& out) { encode_list_reply(5, {Status::kConflict, 9, {}}, out); }));
  return all;
}

// Encodes again what the decoder made of a frame; "" if it refused.
std::string again(const Frame& frame) {
  auto encode = [&](auto value, auto encoder) {
    return value ? made([&](auto& out) { encoder(*value, out); }) : std::string();
  };
  const uint64_t id = frame.correlation;
  auto encode_with_id = [&](auto value, auto encoder) {
    return value ? made([&](auto& out) { encoder(id, *value, out); }) : std::string();
  };
  switch (frame.type) {
    case FrameType::kClientHello:
      return encode(decode_client_hello(frame.body), encode_client_hello);
    case FrameType::kServerHello:
      return encode(decode_server_hello(frame.body), encode_server_hello);
    case FrameType::kRequest:
      return encode_with_id(decode_request(frame.body), encode_request);
    case FrameType::kReply:
      return encode_with_id(decode_reply(frame.body), encode_reply);
    case FrameType::kStatusRequest:
      return frame.body.empty() ? made([&](auto& out) { encode_status_request(id, out); }) : "";
    case FrameType::kStatusReply:
      return encode_with_id(decode_status_reply(frame.body), encode_status_reply);
    case FrameType::kListRequest:
      return encode_with_id(decode_list_request(frame.body), encode_list_request);
    case FrameType::kListReply:
      return encode_with_id(decode_list_reply(frame.body), encode_list_reply);
    case FrameType::kExplainRequest:
      return encode_with_id(decode_explain_request(frame.body), encode_explain_request);
    case FrameType::kExplainReply:
      return encode_with_id(decode_explain_reply(frame.body), encode_explain_reply);
    case FrameType::kError:
      return made([&](auto& out) { encode_error(id, frame.body, out); });
  }
  return "";
}

TEST(ClientCodec, EveryFrameComesBackAndEveryTruncationDoesNot) {
  for (const std::string& bytes : every_frame()) {
    Frame frame;
    std::string_view left = bytes;
    ASSERT_TRUE(take_frame(left, frame).value());
    EXPECT_TRUE(left.empty());
    EXPECT_EQ(again(frame), bytes);
    for (size_t size = 0; size < bytes.size(); ++size) {
      left = std::string_view(bytes).substr(0, size);
      EXPECT_FALSE(take_frame(left, frame).value());  // more bytes are wanted
      if (size < kFrameHeaderBytes) continue;
      std::string cut = bytes.substr(0, size);
      store(cut.data(), static_cast<uint32_t>(size - 4));
      left = cut;
      ASSERT_TRUE(take_frame(left, frame).value());
      if (frame.type != FrameType::kError) {
        EXPECT_EQ(again(frame), "");
      }
      std::string longer = bytes + '\0';
      store(longer.data(), static_cast<uint32_t>(longer.size() - 4));
      left = longer;
      ASSERT_TRUE(take_frame(left, frame).value());
      if (frame.type != FrameType::kError) {
        EXPECT_EQ(again(frame), "");
      }
    }
  }
}

TEST(ClientCodec, AFrameOverTheLimitIsRefusedFromItsLengthAlone) {
  Frame frame;
  std::string_view huge("\xff\xff\xff\xff", 4);
  EXPECT_FALSE(take_frame(huge, frame));
  char bytes[4];
  store(bytes, static_cast<uint32_t>(kMaxFrameBytes - 3));
  std::string_view over(bytes, 4);
  EXPECT_FALSE(take_frame(over, frame));
  store(bytes, static_cast<uint32_t>(kMaxFrameBytes - 4));
  std::string_view most(bytes, 4);
  EXPECT_FALSE(take_frame(most, frame).value());
  store(bytes, 11u);
  std::string_view shortest(bytes, 4);
  EXPECT_FALSE(take_frame(shortest, frame));
}

TEST(ClientCodec, ReservedBytesAndUnknownNumbersAreRefused) {
  Frame frame;
  auto all = documented_frames();
  using Places = std::pair<std::string, std::vector<size_t>>;
  for (const auto& [name, places] :
       {Places{"write request", {16, 17}}, Places{"reply done", {16, 17, 18, 19}},
        Places{"client hello", {16, 20}},
        Places{"explain reply", {16, 17, 20, 21, 38, 80, 108, 138}}}) {
    for (const size_t at : places) {
      std::string bytes = all[name];
      bytes[at] = 99;
      std::string_view left = bytes;
      ASSERT_TRUE(take_frame(left, frame).value());
      EXPECT_EQ(again(frame), "") << name << " " << at;
    }
  }
  for (size_t at : {4u, 5u, 6u, 7u}) {
    std::string bytes = all["write request"];
    bytes[at] = 99;
    std::string_view left = bytes;
    EXPECT_FALSE(take_frame(left, frame));
  }
}

// Each side tells a stranger both versions, and what to do.
TEST(ClientCodec, AnotherVersionIsRefusedByName) {
  auto all = documented_frames();
  for (const uint16_t version : {0, 1, 3, 999}) {
    const std::string rest =
        " is not supported, only version 2: use the same release of once on "
        "both sides";
    const std::string number = "protocol version " + std::to_string(version);
    std::string client = all["client hello"].substr(kFrameHeaderBytes);
    std::string server = all["server hello"].substr(kFrameHeaderBytes);
    store(client.data(), version);
    store(server.data(), version);
    ASSERT_FALSE(decode_client_hello(client));
    EXPECT_EQ(decode_client_hello(client).error().message, number + " of the client" + rest);
    ASSERT_FALSE(decode_server_hello(server));
    EXPECT_EQ(decode_server_hello(server).error().message, number + " of the server" + rest);
  }
}

// Also those that no node says yet: retired (11) and denied (12).
TEST(ClientCodec, StatusesUpToTheLastOneAreRead) {
  std::string bytes = documented_frames()["reply empty"].substr(kFrameHeaderBytes);
  for (int status = 0; status < 256; ++status) {
    bytes[0] = static_cast<char>(status);
    const auto reply = decode_reply(bytes);
    ASSERT_EQ(reply.has_value(), status <= 12) << status;
    if (reply) {
      EXPECT_EQ(static_cast<int>(reply->status), status);
    }
  }
  EXPECT_EQ(static_cast<int>(Status::kRetired), 11);
  EXPECT_EQ(static_cast<int>(Status::kDenied), 12);
}

TEST(ClientCodec, LimitsOfNamesAndValuesAreLeftToTheServer) {
  std::string name(kMaxNameBytes + 1, 'n'), value(kMaxValueBytes + 1, 'v');
  ClientRequest request{0, Operation::kWrite, kId, 1, name, value};
  std::string bytes = made([&](auto& out) { encode_request(1, request, out); });
  std::string_view left = bytes;
  Frame frame;
  ASSERT_TRUE(take_frame(left, frame).value());
  auto back = decode_request(frame.body);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->name, name);
  EXPECT_EQ(back->value, value);
}

TEST(ClientCodec, GarbageIsNeverACrash) {
  Prng prng(1);
  auto frames = every_frame();
  auto messages = every_message();
  for (int i = 0; i < 100'000; ++i) {
    std::string bytes =
        i % 2 ? frames[prng.below(frames.size())] : std::string(prng.below(96), '\0');
    for (char& c : bytes) {
      if (i % 2 == 0 || prng.below(8) == 0) c = static_cast<char>(prng.next());
    }
    if (bytes.size() >= 16 && prng.below(2)) {
      store(bytes.data(), static_cast<uint32_t>(bytes.size() - 4));
      store(bytes.data() + 4, static_cast<uint32_t>(1 + prng.below(11)));
    }
    std::string_view left = bytes;
    Frame frame;
    auto taken = take_frame(left, frame);
    if (taken && *taken) again(frame);
    std::string peer = encoded(messages[prng.below(messages.size())]);
    size_t flips = prng.below(4);
    for (size_t f = 0; f < flips; ++f)
      peer[prng.below(peer.size())] = static_cast<char>(prng.next());
    left = i % 2 ? std::string_view(peer) : std::string_view(bytes);
    while (!left.empty() && take_message(left)) {
    }
    (void)decode_greeting(bytes);
  }
}

std::map<std::string, std::string> hex_blocks() {
  std::ifstream file(ONCE_SOURCE_DIR "/docs/protocol.md");
  std::map<std::string, std::string> blocks;
  std::string line, name;
  while (std::getline(file, line)) {
    if (line.rfind("```", 0) == 0) {
      name = line.rfind("```hex ", 0) == 0 ? line.substr(7) : "";
      continue;
    }
    if (name.empty()) continue;
    std::istringstream words(line.substr(0, line.find('#')));
    for (std::string byte; words >> byte;) {
      blocks[name] += static_cast<char>(std::stoi(byte, nullptr, 16));
    }
  }
  return blocks;
}

std::string hex(std::string_view bytes) {
  std::string out;
  char digits[4];
  for (unsigned char c : bytes) {
    std::snprintf(digits, sizeof digits, "%02x ", c);
    out += digits;
  }
  return out;
}

TEST(ProtocolPage, EachExampleIsWhatTheCodeMakesAndReads) {
  auto shown = hex_blocks();
  auto frames = documented_frames();
  EXPECT_EQ(shown.size(), frames.size());
  for (const auto& [name, bytes] : frames) {
    EXPECT_EQ(hex(shown[name]), hex(bytes)) << name;
    std::string_view left = shown[name];
    Frame frame;
    ASSERT_TRUE(take_frame(left, frame).value_or(false)) << name;
    EXPECT_EQ(again(frame), bytes) << name;
  }
}

TEST(ProtocolPage, TheWorkedHashIsRight) {
  uint64_t hash = name_hash("door", some_server_hello().hash_seed);
  std::ifstream file(ONCE_SOURCE_DIR "/docs/protocol.md");
  std::stringstream page;
  page << file.rdbuf();
  char digits[64];
  std::snprintf(digits, sizeof digits, "`0x%016lx`, home slot %u, shard %u",
                static_cast<unsigned long>(hash), home_slot_of(hash, 3).value,
                shard_of(hash, 64).value);
  EXPECT_NE(page.str().find(digits), std::string::npos) << digits;
}

}  // namespace
}  // namespace once::net

// What peers say to each other, at every limit: met exactly it is taken, one beyond it is refused,
// and a length or a size that lies finds nobody who believes it.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "net/frame_assembler.h"
#include "net/peer_codec.h"
#include "net/peer_frame.h"

namespace once::net {
namespace peer_messages_test {

using namespace paxos;

constexpr uint64_t k32 = uint64_t{1} << 32;
const RequestId kId = request_id(k32 + 3, k32 + 4);

template <class Encode>
std::string made(Encode encode) {
  std::vector<char> out;
  encode(out);
  return {out.begin(), out.end()};
}

std::string encoded(const Message& message) {
  return made([&](auto& out) { encode_message(message, out); });
}
bool takes(const std::string& bytes) {
  std::string_view left = bytes;
  return take_message(left).has_value() && left.empty();
}

const Ballot kBallot{Round{7}, NodeId{3}, Incarnation{0x01020304}};

std::vector<Message> named(std::string_view name) {
  const State state{1, true, kId, "v"};
  return {Prepare{1, kBallot, name},
          Accept{3, kBallot, state, name},
          ReadState{9, name},
          Decided{kBallot, 16, name},
          SettleQuery{kBallot, kBallot, name},
          Settled{kBallot, kBallot, name},
          SyncFetch{26, name},
          SyncState{27, true, kBallot, state, name},
          Forward{24, Incarnation{7}, 1, Operation::kCas, kId, 500, name, "v", 3}};
}
std::vector<Message> valued(std::string_view value) {
  const State state{1, true, kId, value};
  return {Promise{2, kBallot, kBallot, state},
          Accept{3, kBallot, state, "name"},
          ReadReply{10, true, kBallot, state},
          ForwardReply{25, Status::kDone, state},
          SyncState{27, true, kBallot, state, "name"},
          Forward{24, Incarnation{7}, 1, Operation::kCas, kId, 500, "name", value, 3}};
}

// `message`, its one run of x longer by a byte, as is each size that counts it.
template <class Size>
std::string one_more(std::string bytes, size_t run) {
  const size_t at = bytes.find(std::string(run, 'x'));
  EXPECT_EQ(load<Size>(bytes.data() + at - sizeof(Size)), run);
  store(bytes.data() + at - sizeof(Size), static_cast<Size>(run + 1));
  bytes.insert(at, 1, 'x');
  const uint32_t type = static_cast<uint8_t>(bytes[0]);
  store(bytes.data(), type | static_cast<uint32_t>(bytes.size() - 4) << 8);
  return bytes;
}

TEST(PeerMessages, EveryNameHasUpTo1024Bytes) {
  const std::string longest(kMaxNameBytes, 'x');
  for (const Message& message : named(longest)) {
    const std::string bytes = encoded(message);
    EXPECT_TRUE(takes(bytes)) << message.index();
    EXPECT_FALSE(takes(one_more<uint16_t>(bytes, longest.size()))) << message.index();
  }
}

TEST(PeerMessages, EveryValueHasUpTo65536Bytes) {
  const std::string longest(kMaxValueBytes, 'x');
  for (const Message& message : valued(longest)) {
    const std::string bytes = encoded(message);
    EXPECT_TRUE(takes(bytes)) << message.index();
    EXPECT_FALSE(takes(one_more<uint32_t>(bytes, longest.size()))) << message.index();
  }
}

TEST(PeerMessages, TheNamesOfAPageAreEachUpTo1024Bytes) {
  for (const size_t size : {1024u, 1025u}) {
    std::string packed =
        std::string("\x01\x00y", 3) + std::string(2, '\0') + std::string(size, 'x');
    store(packed.data() + 3, static_cast<uint16_t>(size));
    EXPECT_EQ(takes(encoded(ClaimReply{Incarnation{1}, 2, 3, 4, true, packed})), size == 1024);
    packed.pop_back();
    EXPECT_FALSE(takes(encoded(ClaimReply{Incarnation{1}, 2, 3, 4, true, packed})))
        << "the last is cut off";
    packed.resize(4);
    EXPECT_FALSE(takes(encoded(ClaimReply{Incarnation{1}, 2, 3, 4, true, packed})))
        << "in its size";
  }
}

TEST(PeerMessages, TheLongestIsTakenAndOneMoreByteIsNot) {
  constexpr size_t kMaxBody = kMaxEnvelopeBytes / 2 - 64, kFixed = 4 + 3 * 8 + 1 + 4;
  const auto of_body = [](size_t body) {
    std::string bytes(4 + body, '\0');
    store(bytes.data(), static_cast<uint32_t>(13 | body << 8));  // a ClaimReply
    store(bytes.data() + 4 + kFixed - 4, static_cast<uint32_t>(body - kFixed));
    return bytes;
  };
  // Zeros are names of no bytes, two zeros each.
  ASSERT_EQ((kMaxBody - kFixed) % 2, 1u);
  const auto odd = [&](size_t body) {
    std::string bytes = of_body(body);
    bytes[4 + kFixed] = 1;
    return bytes;
  };
  EXPECT_TRUE(takes(of_body(kMaxBody - 1)));
  EXPECT_TRUE(takes(odd(kMaxBody)));
  EXPECT_FALSE(takes(of_body(kMaxBody + 1)));
}

TEST(PeerMessages, VersionsAndNumbersKeepAllOfTheirBits) {
  const State state{k32 + 5, false, kId, "v"};
  for (const Message& message : std::vector<Message>{
           Accept{k32 + 1, kBallot, state, "n"}, Promise{k32 + 1, kBallot, kBallot, state},
           ReadReply{k32 + 1, false, kBallot, state}, Accepted{k32 + 1, kBallot, k32 + 5},
           AcceptedRange{Incarnation{UINT32_MAX}, Sequence{k32 + 1}, Sequence{k32 + 2}},
           ChosenRange{Incarnation{UINT32_MAX}, Sequence{k32 + 1}, Sequence{k32 + 2}},
           HomeProgress{Incarnation{UINT32_MAX}, Sequence{k32 + 1}}, Decided{kBallot, k32 + 5, "n"},
           ClaimHome{Incarnation{UINT32_MAX}, k32 + 1, k32 + 2},
           ClaimReply{Incarnation{UINT32_MAX}, k32 + 1, k32 + 2, k32 + 3, false, {}},
           Forward{k32 + 1, Incarnation{UINT32_MAX}, k32 + 2, Operation::kCas, kId, UINT32_MAX, "n",
                   "v", k32 + 5},
           ForwardReply{k32 + 1, Status::kConflict, state}}) {
    const std::string bytes = encoded(message);
    std::string_view left = bytes;
    const auto back = take_message(left);
    ASSERT_TRUE(back) << message.index();
    EXPECT_EQ(encoded(*back), bytes);
  }
  // Both ways might lose the same bits.
  const std::string bytes = encoded(Accepted{k32 + 1, kBallot, k32 + 5});
  EXPECT_EQ(load<uint64_t>(bytes.data() + 4), k32 + 1);
  EXPECT_EQ(load<uint64_t>(bytes.data() + 4 + 8 + 10), k32 + 5);
  const std::string forward =
      encoded(Forward{1, Incarnation{2}, 3, Operation::kCas, kId, 4, "n", "v", k32 + 5});
  EXPECT_EQ(load<uint64_t>(forward.data() + 4 + 8 + 4 + 8 + 1 + 16 + 4), k32 + 5);
}

TEST(PeerMessages, EachIsTakenFromWhereTheOneBeforeItEnds) {
  std::string bytes;
  const auto all = named("name");
  for (const Message& message : all) bytes += encoded(message);
  std::string_view left = bytes;
  for (const Message& message : all) {
    const auto back = take_message(left);
    ASSERT_TRUE(back);
    EXPECT_EQ(encoded(*back), encoded(message));
  }
  EXPECT_TRUE(left.empty());
}

TEST(PeerMessages, AFlagIsZeroOrOne) {
  std::string bytes = encoded(ReadReply{10, true, Ballot{}, State{}});
  ASSERT_TRUE(takes(bytes));
  for (const int flag : {2, 3, 128, 255}) {
    bytes[4 + 8] = static_cast<char>(flag);
    EXPECT_FALSE(takes(bytes)) << flag;
  }
}

std::string envelope(std::string_view content) {
  std::vector<char> out(kPeerHeaderBytes + content.size());
  std::copy(content.begin(), content.end(), out.begin() + kPeerHeaderBytes);
  seal_peer_frame(out, 0);
  return {out.begin(), out.end()};
}

TEST(PeerFrames, ABitThatIsFlippedAnywhereBehindTheLengthIsFound) {
  for (const size_t size : {0u, 1u, 8u, 200u, 5000u}) {
    const std::string whole = envelope(std::string(size, 'x'));
    ASSERT_TRUE(open_peer_frame(whole));
    EXPECT_EQ(open_peer_frame(whole)->size(), size);
    for (size_t at = 4; at < whole.size(); at += 1 + size / 100) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string flipped = whole;
        flipped[at] = static_cast<char>(flipped[at] ^ 1 << bit);
        EXPECT_FALSE(open_peer_frame(flipped)) << size << " " << at;
      }
    }
  }
}

// The checksum does not cover the length itself: a frame that is cut elsewhere has another content.
TEST(PeerFrames, ALengthThatLiesIsFoundByTheChecksum) {
  const std::string stream = envelope("the first") + envelope("the second") + envelope("third");
  for (const int lie : {-9, -1, 1, 12, 20}) {
    std::string bytes = stream;
    store(bytes.data(), static_cast<uint32_t>(load<uint32_t>(bytes.data()) + lie));
    RoundMemory memory;
    FrameAssembler assembler;
    std::vector<std::string> frames;
    assembler.feed(
        bytes, memory, [] { return std::pair(kPeerHeaderBytes, kMaxEnvelopeBytes); },
        [&](std::string_view frame, std::string_view) {
          frames.emplace_back(frame);
          return false;
        });
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_FALSE(open_peer_frame(frames[0])) << lie;
  }
}

TEST(PeerFrames, OneThatIsShorterThanItsHeaderIsRefused) {
  const std::string whole = envelope({});
  ASSERT_EQ(whole.size(), kPeerHeaderBytes);
  EXPECT_TRUE(open_peer_frame(whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(open_peer_frame(whole.substr(0, size))) << size;
  }
}

// --- greetings
// -----------------------------------------------------------------------------------------

PeerHello hello_of(uint16_t node, uint16_t core, uint16_t cores) {
  PeerHello hello;
  hello.node = NodeId{node};
  hello.core = CoreId{core};
  hello.cores = cores;
  hello.target_node = NodeId{1};
  if (node <= kMaxNodes) hello.members.add(NodeId{node});
  return hello;
}

TEST(Greetings, NodesTo15AndCoresTo64) {
  for (const auto& [node, core, cores, fits] :
       {std::tuple<uint16_t, uint16_t, uint16_t, bool>{1, 0, 1, true},
        {15, 63, 64, true},
        {0, 0, 1, false},
        {16, 0, 1, false},
        {1, 0, 0, false},
        {1, 0, 65, false},
        {1, 64, 64, false},
        {1, 1, 1, false}}) {
    const std::string bytes =
        made([&](auto& out) { encode_peer_hello(hello_of(node, core, cores), out); });
    EXPECT_EQ(decode_greeting(bytes).has_value(), fits) << node << " " << core << "/" << cores;
  }
}

TEST(Greetings, AddressesOf512BytesAndNothingBehindThem) {
  PeerHello hello = hello_of(1, 0, 1);
  hello.client_address = std::string(512, 'x');
  std::vector<char> out;
  encode_peer_hello(hello, out);
  EXPECT_LE(out.size(), kMaxGreetingBytes);
  const std::string whole(out.begin(), out.end());
  ASSERT_TRUE(decode_greeting(whole));
  out.push_back('x');
  seal_peer_frame(out, 0);
  EXPECT_FALSE(decode_greeting(std::string_view(out.data(), out.size()))) << "a byte behind it";
  store(out.data() + out.size() - 515, uint16_t{513});
  seal_peer_frame(out, 0);
  EXPECT_FALSE(decode_greeting(std::string_view(out.data(), out.size()))) << "513 bytes";
}

}  // namespace peer_messages_test
}  // namespace once::net

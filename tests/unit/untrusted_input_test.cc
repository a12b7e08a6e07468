// What the fuzzers found, each as a case of its own: input that was accepted though nothing of ours
// can have made it, or that met an assertion instead of a reason.
#include <gtest/gtest.h>

#include <string>

#include "base/bytes.h"
#include "base/limits.h"
#include "net/peer_codec.h"
#include "net/peer_frame.h"
#include "paxos/record.h"
#include "paxos/replica.h"

namespace once {
namespace {

using paxos::Ballot;
using paxos::Record;

std::string_view view(const std::vector<char>& bytes) { return {bytes.data(), bytes.size()}; }

std::vector<char> encoded(const Record& record) {
  std::vector<char> out;
  encode_record(record, out);
  return out;
}

const Ballot kBallot{0, NodeId{2}, 3};
const paxos::State kState{1, true, request_id(1, 2), "v"};
const Record kAccept = paxos::AcceptRecord{kBallot, CoreId{0}, 1, kState, "name"};

// docs/protocol.md: a receiver refuses zero bytes that are not zero.
TEST(UntrustedInput, AHelloWithAReservedByteInUseIsRefused) {
  std::vector<char> frame;
  net::PeerHello hello;
  hello.node = NodeId{1};
  encode_peer_hello(hello, frame);
  ASSERT_TRUE(net::decode_greeting(view(frame)));
  frame[net::kPeerHeaderBytes + 9] = 1;
  net::seal_peer_frame(frame, 0);
  const auto greeting = net::decode_greeting(view(frame));
  ASSERT_FALSE(greeting);
  EXPECT_EQ(greeting.error().message, "its hello is malformed");
}

// What is taken from a peer can be sent on: the encoder's limit holds for the decoder too.
TEST(UntrustedInput, AMessageLongerThanAnyThatIsSentIsRefused) {
  const auto of_names = [](size_t names) {
    std::vector<char> out;
    out.reserve(kMaxEnvelopeBytes);
    const size_t body = 4 + 3 * 8 + 1 + 4 + names;
    for (size_t i = 0; i < 4 + body; ++i) out.push_back(0);
    store(out.data(), static_cast<uint32_t>(13 | body << 8));  // a ClaimReply
    store(out.data() + 4 + 29, static_cast<uint32_t>(names));
    return out;
  };
  const std::vector<char> good = of_names(kMaxEnvelopeBytes / 2 - 1000);
  std::string_view left = view(good);
  ASSERT_TRUE(net::take_message(left));
  const std::vector<char> bad = of_names(kMaxEnvelopeBytes / 2 - 64);
  left = view(bad);
  const auto message = net::take_message(left);
  ASSERT_FALSE(message);
  EXPECT_NE(message.error().message.find("too long"), std::string::npos);
}

TEST(UntrustedInput, ARecordWithAFlagThatIsNeitherYesNorNoIsNotOurs) {
  std::vector<char> bytes = encoded(kAccept);
  ASSERT_TRUE(paxos::decode_record(view(bytes)));
  const size_t sealed = 1 + 10 + 2 + 8 + 8;  // kind, ballot, lane, sequence, version
  ASSERT_EQ(bytes[sealed], 1);
  bytes[sealed] = 2;
  EXPECT_FALSE(paxos::decode_record(view(bytes)));
}

bool recovers(const Record& record) {
  paxos::ReplicaOptions options;
  options.self = Endpoint{NodeId{1}, CoreId{0}};
  options.members = {NodeId{1}, NodeId{2}, NodeId{3}};
  options.shard_count = 1;
  options.max_operations = options.max_tasks = options.round_zero_window = 16;
  return paxos::Replica::make(options)->recover(view(encoded(record)));
}

// Each would have been taken into the state: the first made the next start assert, and every
// stranger's lane cost memory.
TEST(UntrustedInput, ALogThatNoRunOfThisNodeCanHaveWrittenIsRefused) {
  const Endpoint stranger{NodeId{4}, CoreId{0}};
  const Endpoint no_core{NodeId{2}, CoreId{kMaxCores}};
  paxos::State empty = kState;
  empty.version = 0;
  EXPECT_TRUE(recovers(paxos::IncarnationRecord{UINT32_MAX - 1}));
  EXPECT_FALSE(recovers(paxos::IncarnationRecord{UINT32_MAX}));
  EXPECT_TRUE(recovers(kAccept));
  EXPECT_FALSE(recovers(paxos::AcceptRecord{{0, stranger.node, 3}, CoreId{0}, 1, kState, "name"}));
  EXPECT_FALSE(recovers(paxos::AcceptRecord{kBallot, no_core.core, 1, kState, "name"}));
  EXPECT_FALSE(recovers(paxos::AcceptRecord{kBallot, CoreId{0}, 1, empty, "name"}));
  EXPECT_TRUE(recovers(paxos::PromiseRecord{kBallot, "name"}));
  EXPECT_FALSE(recovers(paxos::PromiseRecord{{1, stranger.node, 1}, "name"}));
  EXPECT_FALSE(recovers(paxos::RangePromiseRecord{stranger.node, 1}));
  EXPECT_FALSE(recovers(paxos::ChosenRangeRecord{no_core, 1, 1, 1}));
  EXPECT_FALSE(recovers(paxos::HomeProgressRecord{no_core, 1, 1}));
}

}  // namespace
}  // namespace once

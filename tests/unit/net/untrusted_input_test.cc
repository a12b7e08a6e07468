// What the fuzzers found, each as a case of its own: input that was accepted though nothing of ours
// can have made it, or that met an assertion instead of a reason.
#include <gtest/gtest.h>

#include <string>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/limits.h"
#include "client/socket.h"
#include "net/peer_codec.h"
#include "net/peer_frame.h"
#include "paxos/record.h"
#include "paxos/replica.h"
#include "reactor/address.h"
#include "server/directory_text.h"

namespace once {
namespace untrusted_input_test {

using paxos::Ballot;
using paxos::Record;

std::string_view view(const std::vector<char>& bytes) { return {bytes.data(), bytes.size()}; }

std::vector<char> encoded(const Record& record) {
  std::vector<char> out;
  encode_record(record, out);
  return out;
}

const Ballot kBallot{Round{0}, NodeId{2}, Incarnation{3}};
const paxos::State kState{1, true, request_id(1, 2), "v"};
const Record kAccept = paxos::AcceptRecord{kBallot, CoreId{0}, paxos::Sequence{1}, kState, "name"};

// docs/protocol.md: a receiver refuses zero bytes that are not zero.
TEST(UntrustedInput, AHelloWithAReservedByteInUseIsRefused) {
  std::vector<char> frame;
  net::PeerHello hello;
  hello.node = NodeId{1};
  hello.members.add(hello.node);
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

// "127.0.0.1:99999" was the port 34463.
TEST(UntrustedInput, APortThatIsNoneIsRefusedAndNotTakenForAnother) {
  for (const char* good : {"127.0.0.1:0", "127.0.0.1:7401", "[::1]:65535"}) {
    EXPECT_TRUE(resolve_now(good, false)) << good;
  }
  for (const char* bad : {"127.0.0.1:65536", "127.0.0.1:99999", "127.0.0.1:+80", "127.0.0.1:-1",
                          "127.0.0.1: 80", "127.0.0.1:http", "127.0.0.1:4294967376"}) {
    const auto address = resolve_now(bad, false);
    ASSERT_FALSE(address) << bad;
    EXPECT_NE(address.error().message.find("write HOST:PORT"), std::string::npos) << bad;
    const auto found = NameResolver().find(bad);
    EXPECT_NE(found.trouble.find("write HOST:PORT"), std::string::npos) << bad;
  }
}

// The node would have met an assertion of its log, or waited for files of 2^64 bytes.
TEST(UntrustedInput, AnIdentityWithAnImpossibleSegmentSizeIsDamaged) {
  server::Configuration configuration;
  configuration.node = NodeId{1};
  configuration.shard_count = 64;
  configuration.members = {{NodeId{1}, "a:1"}};
  const auto is_taken = [&](uint64_t segment_bytes) {
    configuration.segment_bytes = segment_bytes;
    return server::parse_identity("identity", identity_text(configuration)).has_value();
  };
  EXPECT_TRUE(is_taken(kDefaultSegmentBytes));
  EXPECT_TRUE(is_taken(kMaxSegmentBytes));
  for (const uint64_t size : {uint64_t{0}, uint64_t{4096}, kDefaultSegmentBytes + uint64_t{4096},
                              kMaxSegmentBytes * 2, UINT64_MAX}) {
    EXPECT_FALSE(is_taken(size)) << size;
  }
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
  EXPECT_TRUE(recovers(paxos::IncarnationRecord{Incarnation{UINT32_MAX - 1}}));
  EXPECT_FALSE(recovers(paxos::IncarnationRecord{Incarnation{UINT32_MAX}}));
  EXPECT_TRUE(recovers(kAccept));
  EXPECT_FALSE(recovers(paxos::AcceptRecord{
      {Round{0}, stranger.node, Incarnation{3}}, CoreId{0}, paxos::Sequence{1}, kState, "name"}));
  EXPECT_FALSE(
      recovers(paxos::AcceptRecord{kBallot, no_core.core, paxos::Sequence{1}, kState, "name"}));
  EXPECT_FALSE(
      recovers(paxos::AcceptRecord{kBallot, CoreId{0}, paxos::Sequence{1}, empty, "name"}));
  EXPECT_TRUE(recovers(paxos::PromiseRecord{kBallot, "name"}));
  EXPECT_FALSE(recovers(paxos::PromiseRecord{{Round{1}, stranger.node, Incarnation{1}}, "name"}));
  EXPECT_FALSE(recovers(paxos::RangePromiseRecord{stranger.node, Incarnation{1}}));
  EXPECT_FALSE(recovers(
      paxos::ChosenRangeRecord{no_core, Incarnation{1}, paxos::Sequence{1}, paxos::Sequence{1}}));
  EXPECT_FALSE(recovers(paxos::HomeProgressRecord{no_core, Incarnation{1}, paxos::Sequence{1}}));
}

// Which runs of others are believed goes by the last one that the log knows.
TEST(UntrustedInput, TheLogKnowsTheLastRunOfEachMember) {
  paxos::ReplicaOptions options;
  options.self = Endpoint{NodeId{1}, CoreId{0}};
  options.members = {NodeId{1}, NodeId{2}, NodeId{3}};
  options.shard_count = 1;
  options.max_operations = options.max_tasks = options.round_zero_window = 16;
  const auto replica = paxos::Replica::make(options);
  const Record records[] = {
      paxos::RangePromiseRecord{NodeId{2}, Incarnation{7}},
      paxos::HomeProgressRecord{{NodeId{2}, CoreId{1}}, Incarnation{9}, paxos::Sequence{1}},
      paxos::HomeProgressRecord{{NodeId{2}, CoreId{0}}, Incarnation{8}, paxos::Sequence{1}},
      paxos::RangePromiseRecord{NodeId{3}, Incarnation{5}}};
  for (const Record& record : records) ASSERT_TRUE(replica->recover(view(encoded(record))));
  EXPECT_EQ(replica->recovered_incarnation_of(NodeId{2}), Incarnation{9});
  EXPECT_EQ(replica->recovered_incarnation_of(NodeId{3}), Incarnation{5});
  EXPECT_EQ(replica->recovered_incarnation_of(NodeId{4}), Incarnation{0});
}

// One member of three, in its second run, so that a write takes both phases; the others lie.
struct AmongLiars : testing::Test {
  AmongLiars() {
    paxos::ReplicaOptions options;
    options.self = Endpoint{NodeId{1}, CoreId{0}};
    options.members = {NodeId{1}, NodeId{2}, NodeId{3}};
    options.shard_count = 1;
    options.max_operations = options.max_tasks = options.round_zero_window = 16;
    replica = paxos::Replica::make(options);
    replica->start(Incarnation{2}, now_ns, out);
    taken();
    for (uint16_t node : {2, 3}) step({Endpoint{NodeId{node}, CoreId{0}}, paxos::LinkUp{1}});
    while (home_slot_of(name_hash(name, 0), 3).value != 0) name += "x";
  }
  void step(const paxos::Event& event) {
    out.clear();
    replica->step(&event, 1, now_ns, out);
    taken();
  }
  void sync() {
    out.clear();
    replica->on_durable(RecordNumber{made}, now_ns, out);
    taken();
  }
  void taken() {
    uint32_t begin = 0;
    for (uint32_t end : out.record_ends) {
      records.emplace_back(out.records.data() + begin, end - begin);
      begin = end;
    }
    made += out.record_ends.size();
  }
  template <class M>
  M sent() const {
    for (const paxos::Outgoing& outgoing : out.messages) {
      if (const auto* message = std::get_if<M>(&outgoing.message)) return *message;
    }
    ADD_FAILURE() << "not sent";
    return {};
  }

  const Endpoint liar{NodeId{2}, CoreId{0}};
  int64_t now_ns = 1'000'000'000;
  uint64_t made = 0;
  std::string name = "n";
  std::vector<std::string> records;
  paxos::Output out;
  std::unique_ptr<paxos::Replica> replica;
};

// It went into the log as an accept of nothing, in which no later start would have believed.
TEST_F(AmongLiars, APromiseThatReportsAnEmptyStateIsNotCounted) {
  step({{}, paxos::ClientRequest{1, paxos::Operation::kWrite, request_id(1, 1), 100, name, "v"}});
  const auto prepare = sent<paxos::Prepare>();
  step({liar,
        paxos::Promise{prepare.op, prepare.ballot, {Round{0}, NodeId{2}, Incarnation{1}}, {}}});
  step({liar, paxos::Promise{prepare.op, prepare.ballot, {}, kState}});
  auto above = prepare.ballot;
  ++above.round.value;
  step({liar, paxos::Promise{prepare.op, prepare.ballot, above, kState}});
  EXPECT_EQ(replica->counters().ignored_messages, 3u);
  sync();
  for (const std::string& record : records) {
    EXPECT_FALSE(std::holds_alternative<paxos::AcceptRecord>(*paxos::decode_record(record)));
  }
  step({liar, paxos::Promise{prepare.op, prepare.ballot, {}, {}}});
  EXPECT_EQ(sent<paxos::Accept>().state.value, "v") << "an honest one still counts";
}

TEST_F(AmongLiars, NobodyCanDecideThatANameIsEmptyForEver) {
  step({{}, paxos::ClientRequest{1, paxos::Operation::kRead, {}, 100, name, {}}});
  const auto read = sent<paxos::ReadState>();
  step({liar, paxos::ReadReply{read.op, true, {}, {}}});
  step({liar, paxos::ReadReply{read.op, true, {}, kState}});
  step({liar, paxos::ReadReply{read.op, false, kBallot, {}}});
  EXPECT_TRUE(out.replies.empty());
  EXPECT_EQ(replica->counters().ignored_messages, 3u);
  step({liar, paxos::ReadReply{read.op, false, {}, {}}});
  ASSERT_EQ(out.replies.size(), 1u);
  EXPECT_EQ(out.replies[0].status, paxos::Status::kEmpty);
}

// In weeks it could be driven to the highest round there is: the one after that would be the
// lowest, and a promise would be taken back.
TEST_F(AmongLiars, NobodyCanMakeRoundsBeginAgain) {
  uint32_t promised = 0;
  for (uint64_t n = 1; n <= 100; ++n) {
    const uint64_t round = n * kRoundsAtOnce;
    const Round wanted{static_cast<uint32_t>(std::min<uint64_t>(round, UINT32_MAX))};
    const paxos::Ballot ballot{wanted, liar.node, Incarnation{1}};
    step({liar, paxos::Prepare{n, ballot, name}});
    for (const auto& sent : out.messages) {
      if (std::holds_alternative<paxos::Promise>(sent.message)) promised = ballot.round.value;
    }
    sync();
    now_ns += kRoundsAtOnce * kNsPerRound;
  }
  EXPECT_GT(promised, kMaxRound.value - 2 * kRoundsAtOnce);
  EXPECT_LE(promised, kMaxRound.value);
  step({liar, paxos::Prepare{0, {kMaxRound, liar.node, Incarnation{1}}, name}});
  sync();
  // The name is spoilt by its member; nothing else is: no answer, and no promise goes back.
  step({{}, paxos::ClientRequest{1, paxos::Operation::kWrite, request_id(1, 1), 100, name, "v"}});
  for (int i = 0; i < 100; ++i) {
    out.clear();
    replica->on_tick(now_ns += 5'000'000, out);
    for (const auto& sent : out.messages) {
      const auto* prepare = std::get_if<paxos::Prepare>(&sent.message);
      EXPECT_TRUE(prepare == nullptr || prepare->ballot.round >= kMaxRound);
    }
    if (!out.replies.empty()) break;
  }
  ASSERT_EQ(out.replies.size(), 1u);
  EXPECT_EQ(out.replies[0].status, paxos::Status::kUnavailable);
}

}  // namespace untrusted_input_test
}  // namespace once

// Strangers on the peer port, who say that they are a node: what they are told, what they get, and
// what they may say on a link.
#include <gtest/gtest.h>

#include <optional>

#include "net/wire.h"
#include "tests/unit/net/peer_links_fixture.h"

namespace once::net {
namespace peer_strangers_test {

using namespace test;
using once::test::Pipe;

constexpr int64_t kMs = 1'000'000;

// Node 2, live, with a link of node 1; strangers say that they are node 1.
struct Strangers : PeerLinksTest {
  void SetUp() override {
    one = &add(1);
    two = &add(2);
    two->begin();
    one->begin();
    rounds(5);
    ASSERT_TRUE(two->links->is_up(kOne));
  }
  PeerHello hello() {
    PeerHello hello = one->options.self;
    hello.shard_count = kShardCount;
    hello.target_node = NodeId{2};
    hello.votes = hello.link = true;
    return hello;
  }
  std::shared_ptr<Pipe> connect(std::string_view bytes) {
    auto pipe = std::make_shared<Pipe>();
    pipe->to[1] = bytes;
    two->io.accept_stream(pipe, 1, two->links->listen_handler());
    two->io.round();
    return pipe;
  }
  static std::string framed(const PeerHello& hello) {
    std::vector<char> bytes;
    encode_peer_hello(hello, bytes);
    return {bytes.begin(), bytes.end()};
  }
  std::shared_ptr<Pipe> say(const PeerHello& hello) { return connect(framed(hello)); }
  static std::optional<Greeting> answer(const Pipe& pipe) {
    if (pipe.to[0].empty()) return std::nullopt;
    const size_t size = 4 + load<uint32_t>(pipe.to[0].data());
    auto greeting = decode_greeting(std::string_view(pipe.to[0]).substr(0, size));
    EXPECT_TRUE(greeting.has_value());
    return *greeting;
  }
  void send(Pipe& pipe, const std::vector<paxos::Message>& messages) {
    std::vector<char> frame(kPeerHeaderBytes);
    for (const auto& message : messages) encode_message(message, frame);
    seal_peer_frame(frame, 0);
    pipe.to[1].append(frame.begin(), frame.end());
    two->io.round();
  }
  static paxos::Forward forward_of(uint32_t incarnation) {
    paxos::Forward forward;
    forward.incarnation = Incarnation{incarnation};
    return forward;
  }
  static paxos::ClaimReply reply_to(uint32_t incarnation) {
    paxos::ClaimReply reply;
    reply.incarnation = Incarnation{incarnation};
    return reply;
  }
  // Node 1 is gone without a word, and is not heard of.
  void freeze() { one->io.frozen = true; }

  Core* one = nullptr;
  Core* two = nullptr;
};

TEST_F(Strangers, ALiveLinkIsAskedAndKept) {
  for (uint64_t n = 1; n <= 3; ++n) {
    const auto pipe = say(hello());
    EXPECT_FALSE(answer(*pipe)) << "he waits";
    rounds(20);
    ASSERT_TRUE(answer(*pipe));
    EXPECT_EQ(answer(*pipe)->refusal, "that node has a live link");
    EXPECT_TRUE(pipe->closed[1]);
    EXPECT_EQ(two->refused(PeerRefusal::kSecondLink), n);
  }
  EXPECT_TRUE(contains(two->log, "a second link of node 1 is refused")) << two->log;
  EXPECT_TRUE(two->downs.empty());
  EXPECT_TRUE(one->downs.empty());
  EXPECT_EQ(two->seats, 1);
}

// A node that lost its power, and is back before its silence was noticed.
TEST_F(Strangers, ALinkThatDoesNotAnswerGivesWay) {
  freeze();
  const auto pipe = say(hello());
  rounds(980);
  EXPECT_FALSE(answer(*pipe));
  EXPECT_TRUE(two->downs.empty());
  rounds(30);
  ASSERT_TRUE(answer(*pipe));
  EXPECT_FALSE(answer(*pipe)->refused);
  EXPECT_TRUE(two->links->is_up(kOne));
  ASSERT_EQ(two->downs.size(), 1u);
  EXPECT_TRUE(contains(two->downs[0].second, "did not answer"));
  EXPECT_EQ(two->ups.size(), 2u);
  EXPECT_EQ(two->seats, 1);
}

// An earlier answer is none to this question.
TEST_F(Strangers, WhatWasOnItsWayBeforeIsNoAnswer) {
  rounds(300);
  freeze();
  rounds(600);
  const auto pipe = say(hello());
  rounds(1010);
  ASSERT_TRUE(answer(*pipe));
  EXPECT_FALSE(answer(*pipe)->refused);
}

TEST_F(Strangers, OneThatIsClosedGivesWayAtOnce) {
  freeze();
  const auto pipe = say(hello());
  rounds(10);
  EXPECT_FALSE(answer(*pipe));
  one->io.cut_all();
  rounds(3);
  ASSERT_TRUE(answer(*pipe));
  EXPECT_FALSE(answer(*pipe)->refused);
  EXPECT_TRUE(two->links->is_up(kOne));
  EXPECT_EQ(two->ups.size(), 2u);
}

TEST_F(Strangers, OneAtATimeIsAskedFor) {
  freeze();
  const auto first = say(hello());
  const auto second = say(hello());
  ASSERT_TRUE(answer(*second));
  EXPECT_TRUE(contains(answer(*second)->refusal, "is being asked"));
  EXPECT_FALSE(answer(*first));
  rounds(1010);
  EXPECT_TRUE(answer(*first)) << "and the first one gets his turn";
}

TEST_F(Strangers, OneThatGoesWhileHeWaitsLeavesNothing) {
  freeze();
  const auto first = say(hello());
  first->closed[0] = true;
  rounds(10);
  const auto second = say(hello());
  EXPECT_FALSE(answer(*second)) << "he is the one who waits";
  rounds(1010);
  ASSERT_TRUE(answer(*second));
  EXPECT_FALSE(answer(*second)->refused);
}

TEST_F(Strangers, OneWhoDoesNotWaitIsRefused) {
  freeze();
  const auto pipe = say(hello());
  send(*pipe, {paxos::ReadState{1, "name"}});
  ASSERT_TRUE(answer(*pipe));
  EXPECT_TRUE(contains(answer(*pipe)->refusal, "did not wait"));
  EXPECT_TRUE(two->messages.empty());
  rounds(500);
  EXPECT_TRUE(two->downs.empty());
}

// As this node's own log does. The disks of members are what a stranger needs next.
TEST_F(Strangers, NothingThatHeIsToldNamesASecret) {
  const auto secrets = [&](const Pipe& pipe) {
    const auto bytes = [](const Uuid& id) {
      std::string raw(16, 0);
      std::memcpy(raw.data(), &id.high, 8);
      std::memcpy(raw.data() + 8, &id.low, 8);
      return raw;
    };
    return contains(pipe.to[0], bytes(two->options.self.disk)) ||
           contains(pipe.to[0], bytes(one->options.self.disk)) ||
           contains(pipe.to[0], bytes(two->options.self.cluster)) ||
           contains(pipe.to[0], "00000000000001");
  };
  two->strange_disk = 77;
  two->known_by_another = true;
  std::vector<std::function<void(PeerHello&)>> lies = {
      [](PeerHello& lie) { lie.cluster.low = 9; },
      [](PeerHello& lie) { lie.disk.low = 77; },
      [](PeerHello& lie) { lie.hash_seed = 7; },
      [](PeerHello& lie) { lie.node = NodeId{2}; },
      [](PeerHello& lie) { lie.target_node = NodeId{3}; },
  };
  for (size_t i = 0; i < lies.size(); ++i) {
    PeerHello lie = hello();
    lies[i](lie);
    const auto pipe = say(lie);
    ASSERT_TRUE(answer(*pipe)) << i;
    EXPECT_TRUE(answer(*pipe)->refused) << i;
    EXPECT_EQ(answer(*pipe)->other_disk, i == 1);
    EXPECT_FALSE(secrets(*pipe)) << i << ": " << answer(*pipe)->refusal;
  }
  EXPECT_EQ(two->refused(PeerRefusal::kStranger), 4u);
  EXPECT_EQ(two->refused(PeerRefusal::kOtherDisk), 1u);
}

TEST_F(PeerLinksTest, WhoIsCalledSaysThatItKnowsAnotherDisk) {
  for (const bool by_table : {false, true}) {
    cores.clear();
    network.listeners.clear();
    Core &one = add(1), &two = add(2);
    two.strange_disk = 1;
    two.known_by_another = by_table;
    two.begin();
    one.begin();
    rounds(100);
    EXPECT_EQ(one.told_of_another_disk.empty(), !by_table);
    if (by_table) {
      EXPECT_EQ(one.told_of_another_disk[0], NodeId{2});
    }
    EXPECT_TRUE(two.told_of_another_disk.empty());
  }
}

TEST_F(Strangers, OtherTermsAreRefusedByWhoeverCountsTheLinks) {
  two->no_such_cores = 64;
  PeerHello lie = hello();
  lie.core = CoreId{63};
  lie.cores = 64;
  const auto pipe = say(lie);
  ASSERT_TRUE(answer(*pipe));
  EXPECT_EQ(answer(*pipe)->refusal, "it says other cores");
  EXPECT_EQ(two->refused(PeerRefusal::kOtherTerms), 1u);
  EXPECT_TRUE(contains(two->log, "no link to node 1: it says other cores"));
  EXPECT_EQ(two->ups.size(), 1u);
  EXPECT_EQ(two->seats, 1);
}

TEST_F(Strangers, SeatsAreGivenBack) {
  EXPECT_EQ(one->seats, 1);
  EXPECT_EQ(two->seats, 1);
  rounds(800);
  two->io.cut_all();
  rounds(10);
  EXPECT_EQ(two->ups.size(), 2u);
  EXPECT_EQ(one->seats, 1);
  EXPECT_EQ(two->seats, 1);
  one->io.frozen = true;
  rounds(2100);
  EXPECT_EQ(two->seats, 0);
}

// --- on a link ---

// A later run would close the fast path of the real one for ever.
TEST_F(Strangers, OnALinkOnlyMessagesOfItsRunAreTaken) {
  freeze();
  rounds(2100);
  PeerHello mine = hello();
  mine.incarnation = Incarnation{7};
  const auto pipe = say(mine);
  ASSERT_TRUE(two->links->is_up(kOne));
  const auto by = [](uint32_t run) { return paxos::Ballot{Round{5}, NodeId{1}, Incarnation{run}}; };
  const paxos::State state{1, true, {}, "v"};
  uint64_t ignored = 0;
  for (const uint32_t run : {uint32_t{6}, uint32_t{8}, UINT32_MAX}) {
    const std::vector<paxos::Message> lies = {
        paxos::ClaimHome{Incarnation{run}, 0, 0},
        paxos::HomeProgress{Incarnation{run}, paxos::Sequence{1}},
        paxos::ChosenRange{Incarnation{run}, paxos::Sequence{1}, paxos::Sequence{2}},
        forward_of(run),
        paxos::Prepare{1, by(run), "name"},
        paxos::Accept{1, by(run), state, "name"},
        paxos::Decided{by(run), 1, "name"},
    };
    send(*pipe, lies);
    ignored += lies.size();
    EXPECT_EQ(two->refused(PeerRefusal::kOtherRun), ignored);
    EXPECT_TRUE(two->messages.empty());
  }
  EXPECT_TRUE(contains(two->log, "node 1 sends messages of another run")) << two->log;
  const paxos::Ballot other{Round{5}, NodeId{2}, Incarnation{99}};
  const std::vector<paxos::Message> honest = {
      paxos::ClaimHome{Incarnation{7}, 0, 0},
      paxos::HomeProgress{Incarnation{7}, paxos::Sequence{1}},
      paxos::ChosenRange{Incarnation{7}, paxos::Sequence{1}, paxos::Sequence{2}},
      forward_of(7),
      paxos::Prepare{1, by(7), "name"},
      paxos::Accept{1, by(7), state, "name"},
      paxos::Decided{by(7), 1, "name"},
      // What these say is of this node's run, or of anybody's.
      paxos::AcceptedRange{Incarnation{1}, paxos::Sequence{1}, paxos::Sequence{2}},
      reply_to(1),
      paxos::Promise{1, other, {}, {}},
      paxos::Rejected{1, other, other},
      paxos::SettleQuery{other, other, "name"},
      paxos::Settled{other, other, "name"},
      paxos::SyncState{1, true, other, state, "name"},
  };
  send(*pipe, honest);
  EXPECT_EQ(two->messages.size(), honest.size());
  EXPECT_EQ(two->refused(PeerRefusal::kOtherRun), ignored);
}

TEST_F(Strangers, OffencesAreSaidByKind) {
  two->log.clear();
  for (int i = 0; i < 10; ++i) {
    two->links->report(NodeId{1}, paxos::Offence::kContradiction);
    two->links->report(NodeId{1}, paxos::Offence::kFarBallot);
  }
  EXPECT_TRUE(contains(two->log, "node 1 denies what was accepted or decided")) << two->log;
  EXPECT_TRUE(contains(two->log, "node 1 names rounds of a name further ahead")) << two->log;
  EXPECT_EQ(std::count(two->log.begin(), two->log.end(), '\n'), 2);
}

// --- places ---

TEST_F(Strangers, AGreetingHasFiveSecondsInAllHoweverItDrips) {
  const std::string bytes = framed(hello());
  const auto pipe = connect(bytes.substr(0, 1));
  for (size_t at = 1; at < 49; ++at) {
    pipe->to[1] += bytes[at];
    rounds(10, 10 * kMs);
  }
  EXPECT_FALSE(pipe->closed[1]);
  for (size_t at = 49; at < 52; ++at) {
    pipe->to[1] += bytes[at];
    rounds(10, 10 * kMs);
  }
  EXPECT_TRUE(pipe->closed[1]);
  EXPECT_EQ(two->refused(PeerRefusal::kSlowGreeting), 1u);
  EXPECT_TRUE(contains(two->log, "does not end its greeting within 5 s")) << two->log;
  EXPECT_TRUE(two->links->is_up(kOne));
}

// For each is a descriptor, beside those of the links, which are none of them.
TEST_F(Strangers, WhenAllPlacesAreTakenTheLongestGreetingMakesRoom) {
  cores.clear();
  network.listeners.clear();
  one = &add(1);
  two = &add(2);
  two->options.max_greetings = 4;
  two->begin();
  one->begin();
  rounds(5);
  ASSERT_TRUE(two->links->is_up(kOne));
  std::vector<std::shared_ptr<Pipe>> pipes;
  const size_t others = two->io.streams();  // the link, and its own dials
  const auto fill = [&] {
    while (two->io.streams() < others + 4) pipes.push_back(connect("x"));
  };
  pipes.push_back(connect("x"));
  rounds(1, 300 * kMs);
  fill();
  const auto newest = say(hello());
  EXPECT_TRUE(pipes.front()->closed[1]) << "the oldest";
  EXPECT_FALSE(pipes.back()->closed[1]);
  EXPECT_FALSE(newest->closed[1]);
  EXPECT_TRUE(two->links->is_up(kOne)) << "a link is never one of them";
  const auto turned_away = connect("x");
  EXPECT_TRUE(turned_away->closed[1]) << "all are young";
}

// --- time ---

// It could not hear the answer: the time in which none was taken does not count.
TEST_F(Strangers, ALinkThatIsAskedHasItsTimeBesideAPauseOfThisNode) {
  freeze();
  const auto pipe = say(hello());
  rounds(5);
  rounds(1, 1'500 * kMs);
  EXPECT_TRUE(two->downs.empty());
  EXPECT_FALSE(answer(*pipe)) << "he waits on";
  one->io.frozen = false;
  rounds(20);
  ASSERT_TRUE(answer(*pipe));
  EXPECT_EQ(answer(*pipe)->refusal, "that node has a live link");
  EXPECT_TRUE(two->downs.empty());
}

// As UBSan sees: a peer may send any number, and none of them overflows.
TEST_F(Strangers, AnAnswerToAPingThatWasNeverSentChangesNothing) {
  freeze();
  rounds(2100);
  const auto pipe = say(hello());
  ASSERT_TRUE(two->links->is_up(kOne));
  const auto pong = [&](int64_t time_ns) {
    std::vector<char> frame(kPeerHeaderBytes + 12);
    store<uint32_t>(frame.data() + kPeerHeaderBytes, 201U | 8U << 8);
    store<int64_t>(frame.data() + kPeerHeaderBytes + 4, time_ns);
    seal_peer_frame(frame, 0);
    pipe->to[1].append(frame.begin(), frame.end());
    two->io.round();
    return two->links->round_trip_ns(NodeId{1});
  };
  const int64_t before = two->links->round_trip_ns(NodeId{1});
  for (const int64_t time_ns : {INT64_MIN, INT64_MIN + 1, int64_t{-1}, int64_t{0},
                                network.now_ns - 2'000'000'001, network.now_ns + 1, INT64_MAX}) {
    EXPECT_EQ(pong(time_ns), before) << time_ns;
  }
  EXPECT_NE(pong(network.now_ns - 1'000'000'000), before) << "one that may be";
  EXPECT_TRUE(two->links->is_up(kOne));
}

}  // namespace peer_strangers_test
}  // namespace once::net

// Nodes that meet before all of them may vote: hellos only, in both directions, with pauses.
#include <gtest/gtest.h>

#include "tests/unit/net/peer_links_fixture.h"

namespace once::net {
namespace peer_meetings_test {

using namespace test;

TEST_F(PeerLinksTest, WithoutAVoteOnBothSidesOnlyHellosAreExchanged) {
  for (const bool lower_votes : {false, true}) {
    for (const bool higher_votes : {false, true}) {
      cores.clear();
      network.listeners.clear();
      Core &one = add(1), &two = add(2);
      one.votes = lower_votes;
      two.votes = higher_votes;
      two.begin();
      one.begin();
      rounds(600);
      const bool up = lower_votes && higher_votes;
      EXPECT_EQ(one.links->is_up(kTwo), up);
      EXPECT_EQ(two.links->is_up(kOne), up);
      EXPECT_TRUE(up || (one.ups.empty() && two.ups.empty()));
      ASSERT_FALSE(one.meetings.empty());
      ASSERT_FALSE(two.meetings.empty());
      EXPECT_EQ(two.meetings.back().votes, lower_votes);
      if (!up) {  // each tells what it knows of the other, once it has met it
        EXPECT_TRUE(one.meetings.back().known.names(NodeId{1}, DiskId{{3, 1}}));
        EXPECT_TRUE(two.meetings.back().known.names(NodeId{2}, DiskId{{3, 2}}));
      }
      one.votes = two.votes = true;
      rounds(30);
      if (lower_votes == higher_votes) {
        EXPECT_TRUE(one.links->is_up(kTwo)) << "no long pause when both may vote";
      }
      rounds(1200);
      EXPECT_TRUE(one.links->is_up(kTwo));
      EXPECT_TRUE(two.links->is_up(kOne));
    }
  }
}

// On whichever side. Nobody complains, the port is not knocked at all the time, and a link comes up
// when it is done.
TEST_F(PeerLinksTest, ThereIsNoLinkWhileADiskIsBeingWrittenDown) {
  for (const bool at_the_dialler : {false, true}) {
    cores.clear();
    network.listeners.clear();
    Core &one = add(1), &two = add(2);
    (at_the_dialler ? one : two).writes_slowly = true;
    two.begin();
    one.begin();
    rounds(3000);
    EXPECT_FALSE(one.links->is_up(kTwo));
    EXPECT_FALSE(two.links->is_up(kOne));
    EXPECT_TRUE(one.ups.empty());
    EXPECT_TRUE(at_the_dialler || two.ups.empty());
    EXPECT_GE(two.meetings.size(), 3u) << "again and again";
    EXPECT_LE(two.meetings.size(), 40u) << "and not all the time";
    EXPECT_FALSE(contains(one.log + two.log, "not a peer") ||
                 contains(one.log + two.log, "refuses"));
    EXPECT_EQ(one.seats + two.seats, 0);
    one.writes_slowly = two.writes_slowly = false;
    rounds(1200);
    EXPECT_TRUE(one.links->is_up(kTwo));
    EXPECT_TRUE(two.links->is_up(kOne));
  }
}

// The lower number dials for a link. A node below that counts itself as the whole cluster dials
// nobody: it hears of the others because they ask.
TEST_F(PeerLinksTest, AHigherNodeAsksALowerOneThatItHasNoLinkTo) {
  for (const bool votes : {false, true}) {
    cores.clear();
    network.listeners.clear();
    Core &one = add(1), &three = add(3);
    one.options.peers.clear();
    one.options.self.members = {1};
    three.votes = votes;
    one.begin();
    three.begin();
    rounds(3000);
    ASSERT_GE(one.contacts.size(), 2u) << "again and again";
    EXPECT_LE(one.contacts.size(), votes ? 8u : 20u) << "and not all the time";
    EXPECT_EQ(one.contacts.back().node, NodeId{3});
    EXPECT_TRUE(one.meetings.empty()) << "a list that differs is refused first";
    EXPECT_TRUE(three.meetings.empty());
    EXPECT_TRUE(contains(one.log, "node 3 was formatted with the members 1, 2, 3, node 1 with 1"));
    EXPECT_TRUE(contains(three.log, "refuses this node: node 3 was formatted with the members"));
  }
}

// A node that counts itself as the whole cluster stops to vote when another one of its cluster
// calls: anybody may say a number, and only who knows the cluster is one.
TEST_F(PeerLinksTest, WhoIsOfAnotherClusterIsNoContact) {
  Core &one = add(1), &three = add(3);
  one.options.peers.clear();
  one.options.self.members = {1};
  three.options.self.cluster.low = 9;
  one.begin();
  three.begin();
  rounds(3000);
  EXPECT_TRUE(contains(one.log, "not a peer of this cluster")) << one.log;
  EXPECT_TRUE(one.contacts.empty());
  EXPECT_TRUE(three.contacts.empty());
}

TEST_F(PeerLinksTest, ALinkFromBelowNeedsNoQuestions) {
  Core &one = add(1), &two = add(2);
  two.begin();
  one.begin();
  rounds(20);
  ASSERT_TRUE(two.links->is_up(kOne));
  const size_t met = one.meetings.size();
  rounds(5000);
  EXPECT_EQ(one.meetings.size(), met);
  EXPECT_TRUE(two.downs.empty());
}

TEST_F(PeerLinksTest, AStrangeDiskGetsNoLinkOnWhicheverSideItIs) {
  for (const bool at_the_dialler : {false, true}) {
    cores.clear();
    network.listeners.clear();
    Core &one = add(1), &two = add(2);
    (at_the_dialler ? one.strange_disk : two.strange_disk) = at_the_dialler ? 2 : 1;
    two.begin();
    one.begin();
    rounds(2000);
    EXPECT_FALSE(one.links->is_up(kTwo));
    EXPECT_FALSE(two.links->is_up(kOne));
    EXPECT_TRUE(contains((at_the_dialler ? one : two).log, "this is another disk"));
    const Core& finder = at_the_dialler ? one : two;
    EXPECT_FALSE(finder.meetings.empty());
    EXPECT_LT(finder.meetings.size(), 40u) << "with pauses";
  }
}

// What anybody can say, each time with other numbers, does not keep back the line that matters.
TEST_F(PeerLinksTest, AFloodOfStrangersHidesNoOtherDisk) {
  Core& two = add(2);
  two.strange_disk = 77;
  two.begin();
  const auto say = [&](const PeerHello& hello) {
    std::vector<char> bytes;
    encode_peer_hello(hello, bytes);
    auto pipe = std::make_shared<once::test::Pipe>();
    pipe->to[1].assign(bytes.begin(), bytes.end());
    two.io.accept_stream(pipe, 1, two.links->listen_handler());
    two.io.round();
  };
  PeerHello good = add(1).options.self;
  good.shard_count = kShardCount;
  good.members = {1, 2, 3};
  good.target_node = NodeId{2};
  two.io.round();
  two.log.clear();
  for (uint32_t number = 1; number <= 40; ++number) {
    PeerHello stranger = good;
    stranger.cluster.low += number;
    say(stranger);
    stranger = good;
    stranger.node = NodeId{2};
    stranger.epoch = good.epoch + number;
    say(stranger);
  }
  EXPECT_EQ(std::count(two.log.begin(), two.log.end(), '\n'), 3) << two.log;
  two.log.clear();
  good.disk.low = 77;
  say(good);
  EXPECT_TRUE(contains(two.log, "this is another disk")) << two.log;
  good.node = NodeId{2};
  say(good);
  EXPECT_TRUE(contains(two.log, "two nodes use the number 2")) << two.log;
  two.log.clear();
  network.now_ns += 10'000'000'000;
  two.links->on_tick(network.now_ns);
  EXPECT_TRUE(contains(two.log, "not a peer of this cluster: ... and 77 more like this in 10 s"))
      << two.log;
}

// Whoever answers a dial is compared as whoever dials: an answer with another list is no peer.
TEST_F(PeerLinksTest, TheDiallerComparesTheAnswerToo) {
  for (const bool fits : {true, false}) {
    cores.clear();
    network.listeners.clear();
    Core &one = add(1), &two = add(2);
    struct Deaf final : reactor::ListenHandler {
      explicit Deaf(Core& core) : core(core) {}
      reactor::StreamHandler* on_accept(reactor::StreamId stream) override {
        PeerHello hello = core.options.self;
        hello.target_node = NodeId{1};
        hello.votes = hello.link = true;
        hello.shard_count = kShardCount;
        if (!fits) hello.members.add(NodeId{4});
        if (auto* out = core.io.outbox(stream)) encode_peer_hello(hello, *out);
        return &sink;
      }
      struct Sink final : reactor::StreamHandler {
        void on_connected(reactor::StreamId) override {}
        void on_bytes(reactor::StreamId, std::string_view) override {}
        void on_closed(reactor::StreamId, std::string_view) override {}
      } sink;
      Core& core;
      bool fits = true;
    } deaf(two);
    deaf.fits = fits;
    ASSERT_TRUE(two.io.listen(address_of(2), &deaf));
    one.begin();
    for (int i = 0; i < 20; ++i) {
      network.now_ns += 1'000'000;
      one.links->on_tick(network.now_ns);
      one.io.round();
      two.io.round();
    }
    EXPECT_EQ(one.links->is_up(kTwo), fits) << one.log;
    EXPECT_EQ(contains(one.log, "formatted with the members"), !fits) << one.log;
  }
}

}  // namespace peer_meetings_test
}  // namespace once::net

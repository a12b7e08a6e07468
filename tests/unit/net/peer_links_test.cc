// Two or more nodes' links over pipes in memory: greeting, messages cut at every border, refusals,
// reconnection, silence.
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/net/peer_links_fixture.h"

namespace once::net {
namespace peer_links_test {

using namespace test;

TEST_F(PeerLinksTest, TheLowerNumberDialsAndBothSidesComeUp) {
  Core &one = add(1), &two = add(2);
  two.begin();
  rounds(5);
  EXPECT_EQ(one.io.streams(), 0u);
  one.begin();
  rounds(5);
  EXPECT_EQ(one.ups, std::vector{kTwo});
  EXPECT_EQ(two.ups, std::vector{kOne});
  EXPECT_TRUE(one.links->is_up(kTwo));
  EXPECT_TRUE(two.links->is_up(kOne));
  EXPECT_FALSE(two.links->is_up(kTwo));
}

TEST_F(PeerLinksTest, MessagesSurviveEverySplit) {
  std::string value(100, 'v');
  std::vector<std::string> sent;
  for (size_t chunk = 1; chunk < 420; ++chunk) {
    cores.clear();
    Core &one = add(1), &two = add(2);
    two.begin();
    one.begin();
    rounds(5);
    ASSERT_TRUE(one.links->is_up(kTwo));
    two.io.chunk_bytes = chunk;
    std::vector<char> held;
    encode_message(paxos::ReadState{77, "held"}, held);
    for (uint64_t i = 0; i < 3; ++i) {
      one.links->send(kTwo, paxos::Accept{i, kBallot, {1, true, {}, value}, "name"});
      one.links->send(kTwo, paxos::HomeProgress{Incarnation{1}, paxos::Sequence{i}});
      one.links->send_encoded(kTwo, {held.data(), held.size()});
      one.io.round();
    }
    for (int i = 0; i < 1000 && two.messages.size() < 9; ++i) two.io.round();
    ASSERT_EQ(two.messages.size(), 9u) << chunk;
    std::vector<std::string> got;
    for (const auto& [from, bytes] : two.messages) {
      EXPECT_EQ(from, kOne);
      got.push_back(bytes);
    }
    if (sent.empty()) sent = got;
    EXPECT_EQ(got, sent) << chunk;
    EXPECT_TRUE(two.downs.empty());
  }
}

TEST_F(PeerLinksTest, ManyLargeMessagesFillSeveralEnvelopes) {
  Core &one = add(1), &two = add(2);
  two.begin();
  one.begin();
  rounds(5);
  std::string value(kMaxValueBytes, 'v');
  std::vector<char> held;
  for (uint64_t i = 0; i < 20; ++i) {
    one.links->send(kTwo, paxos::Accept{i, kBallot, {1, true, {}, value}, "name"});
    encode_message(paxos::Accept{i, kBallot, {1, true, {}, value}, "held"}, held);
  }
  one.links->send_encoded(kTwo, {held.data(), held.size()});
  two.io.chunk_bytes = 50'000;
  rounds(100);
  EXPECT_EQ(two.messages.size(), 40u);
  EXPECT_TRUE(two.downs.empty());
}

TEST_F(PeerLinksTest, AFullOutboxDropsMessagesAndKeepsTheLink) {
  Core &one = add(1), &two = add(2);
  two.begin();
  one.begin();
  rounds(5);
  // Half of it: what is open grows on, and at the whole the stream would be closed.
  one.io.pretend_unsent = kMaxOutboxBytes / 2 + 1;
  one.links->send(kTwo, paxos::ReadState{1, "name"});
  rounds(3);
  EXPECT_TRUE(two.messages.empty());
  EXPECT_TRUE(contains(one.log, "dropped"));
  one.io.pretend_unsent = kMaxOutboxBytes / 2;
  one.links->send(kTwo, paxos::ReadState{2, "name"});
  rounds(3);
  EXPECT_EQ(two.messages.size(), 1u);
}

TEST_F(PeerLinksTest, EachMismatchIsRefusedAndBothSidesAreTold) {
  struct Case {
    std::function<void(Core& one, Core& two)> spoil;
    std::string reason;
    std::string told = {};  // to the other side, if it is not the same
  };
  std::vector<Case> cases = {
      {[](Core& one, Core&) { one.options.self.cluster.low = 9; }, "belongs to cluster",
       "it belongs to another cluster"},
      {[](Core& one, Core&) { one.options.self.version = 2; },
       "peer protocol version 2 is not spoken, only version 4: run one release"},
      {[](Core& one, Core&) { one.options.self.version = 9; },
       "peer protocol version 9 is not spoken, only version 4"},
      {[](Core& one, Core&) { one.options.self.epoch = 2; }, "configuration epoch"},
      {[](Core&, Core& two) { two.refused_disk = 1; }, "not the disk", "cannot be taken note of"},
      {[](Core& one, Core&) { one.refused_disk = 2; }, "not the disk", "cannot be taken note of"},
      {[](Core& one, Core&) { one.options.peers[1].second = address_of(2); }, "looked for"},
      {[](Core&, Core& two) {
         two.options.self.members = {2, 3};
       },
       "formatted with the members"},
      {[](Core& one, Core&) {
         one.options.self.members = {1, 2};
       },
       "formatted with the members 1, 2,"},
      {[](Core&, Core& two) {
         two.options.self.members = {1, 2, 3, 4};
       },
       "node 2 with 1, 2, 3, 4"},
      {[](Core& one, Core&) {
         one.options.self.members = {1, 2, 5};
       },
       "the members 1, 2, 5"},
      {[](Core&, Core& two) {
         two.options.self.members = {1, 3, 2};
       },
       "formatted with node 3 in slot 1, node 1 with node 2 there (members 1, 3, 2 and 1, 2, 3)",
       "in slot 1"},
      {[](Core& one, Core&) {
         one.options.self.members = {3, 2, 1};
       },
       "formatted with node 3 in slot 0, node 2 with node 1 there (members 3, 2, 1 and 1, 2, 3)",
       "in slot 0"},
      {[](Core& one, Core&) { one.options.shard_count = 32; }, "shards"},
      {[](Core&, Core& two) { two.options.self.hash_seed = 7; }, "seed"},
      {[](Core&, Core& two) {
         two.options.self.disk = DiskId{{3, 1}};
       },
       "leads back"},
  };
  for (const auto& one_case : cases) {
    cores.clear();
    network.listeners.clear();
    Core &one = add(1), &two = add(2);
    one_case.spoil(one, two);
    two.begin();
    one.begin();
    rounds(20);
    if (one_case.reason != "looked for") {
      EXPECT_FALSE(one.links->is_up(kTwo)) << one_case.reason;
    }
    const std::string told = one_case.told.empty() ? one_case.reason : one_case.told;
    const auto knows = [](const Core& core, const std::string& reason) {
      return contains(core.log, reason) ||
             (!core.downs.empty() && contains(core.downs[0].second, reason));
    };
    EXPECT_TRUE(knows(one, one_case.reason) || knows(two, one_case.reason)) << one_case.reason;
    for (const Core* core : {&one, &two}) {
      EXPECT_TRUE(knows(*core, told) || knows(*core, one_case.reason)) << told << ": " << core->log;
    }
  }
}

TEST_F(PeerLinksTest, AClientOnThePeerPortGetsAClearLogLine) {
  Core& two = add(2);
  two.begin();
  for (std::string garbage :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(64, '\0'), std::string()}) {
    std::vector<char> hello;
    encode_client_hello(ClientHello{}, hello);
    if (garbage.empty()) garbage.assign(hello.begin(), hello.end());
    two.log.clear();
    network.now_ns += 11'000'000'000;
    auto pipe = std::make_shared<once::test::Pipe>();
    pipe->to[1] = garbage;
    two.io.accept_stream(pipe, 1, two.links->listen_handler());
    two.io.round();
    EXPECT_TRUE(contains(two.log, "not a peer of this cluster")) << two.log;
    EXPECT_TRUE(pipe->closed[1]);
  }
  EXPECT_TRUE(two.ups.empty());
}

TEST_F(PeerLinksTest, ABrokenEnvelopeClosesTheLinkWhichComesBack) {
  Core &one = add(1), &two = add(2);
  two.begin();
  one.begin();
  rounds(5);
  for (size_t at = 0; at < 40; ++at) {
    if (at == 1)
      continue;  // a length of some kilobytes more: noticed, but only once they have come
    size_t downs = two.downs.size();
    rounds(800);  // long enough to count as a link that worked
    one.links->send(kTwo, paxos::ReadState{1, "a name of some length"});
    one.links->flush();
    // The bytes are still in the outbox: the envelope is the last thing in it.
    one.io.corrupt_outboxes(at);
    rounds(2300);
    EXPECT_GT(two.downs.size(), downs) << at;
    EXPECT_TRUE(one.links->is_up(kTwo)) << at;
    EXPECT_TRUE(two.links->is_up(kOne)) << at;
  }
}

TEST_F(PeerLinksTest, TheDiallerBacksOffAndComesBack) {
  Core& one = add(1);
  one.begin();
  int before = one.io.connects;
  rounds(10'000);
  int tries = one.io.connects - before;
  EXPECT_GE(tries, 30);  // two peers, each at most every 500 ms
  EXPECT_LE(tries, 110);
  EXPECT_TRUE(contains(one.log, "cannot be reached: connection refused"));
  Core& two = add(2);
  two.begin();
  rounds(510);
  EXPECT_TRUE(one.links->is_up(kTwo));
  // A link that worked is dialled again at once.
  rounds(1000);
  two.io.cut_all();
  rounds(6);
  EXPECT_EQ(one.downs.size(), 1u);
  EXPECT_TRUE(one.links->is_up(kTwo));
  EXPECT_EQ(two.ups.size(), 2u);  // the new connection replaced the old one
}

TEST_F(PeerLinksTest, ASilentPeerIsNoticedAndRoundTripsAreMeasured) {
  Core &one = add(1), &two = add(2);
  two.begin();
  one.begin();
  rounds(3000);
  EXPECT_TRUE(one.downs.empty());
  EXPECT_GT(one.links->round_trip_ns(NodeId{2}), 0);
  EXPECT_LE(one.links->round_trip_ns(NodeId{2}), 3'000'000);
  EXPECT_EQ(one.links->round_trip_ns(NodeId{3}), 0);
  two.io.frozen = true;
  rounds(1700);
  EXPECT_TRUE(one.downs.empty());
  rounds(500);
  ASSERT_FALSE(one.downs.empty());
  EXPECT_TRUE(contains(one.downs[0].second, "nothing was heard"));
  two.io.frozen = false;
  rounds(3000);
  EXPECT_TRUE(one.links->is_up(kTwo));
  EXPECT_TRUE(two.links->is_up(kOne));
}

TEST_F(PeerLinksTest, PeersAreToldOfModestClientsAsLongAsTheyAsk) {
  Core &one = add(1), &two = add(2), &three = add(3);
  for (Core* core : {&three, &two, &one}) core->begin();
  rounds(1000);
  ASSERT_EQ(two.told_of_modest, 0);
  for (int ms = 0; ms < 100; ++ms) {
    one.links->tell_modest(network.now_ns + 100'000'000);
    rounds(1);
  }
  EXPECT_EQ(two.told_of_modest, 4) << "each 25 ms, for they are remembered for 100";
  EXPECT_EQ(three.told_of_modest, 4);
  EXPECT_EQ(one.told_of_modest, 0) << "nobody tells what he was told";
  rounds(1000);
  EXPECT_EQ(two.told_of_modest, 4) << "they ask no more";
}

// The pairs follow from the shard count that the cluster was formatted with, be it less or more
// than what is formatted today. A pair that is missed would lose every message about its shards.
TEST_F(PeerLinksTest, TheFormattedShardCountDecidesWhichCoresAreLinked) {
  struct Case {
    uint16_t shards, ours, theirs;
  };
  for (const Case& c : {Case{3, 2, 4}, Case{96, 3, 32}}) {
    cores.clear();
    network.listeners.clear();
    std::vector<Core*> ours, theirs;
    for (uint16_t core = 0; core < c.ours; ++core) ours.push_back(&add(1, core, c.ours));
    for (uint16_t core = 0; core < c.theirs; ++core) theirs.push_back(&add(2, core, c.theirs));
    for (auto* group : {&theirs, &ours}) {
      for (Core* core : *group) {
        core->siblings = *group;
        core->options.shard_count = c.shards;
      }
      for (Core* core : *group) core->begin();
    }
    rounds(50);
    std::set<std::pair<uint16_t, uint16_t>> expected, up;
    for (uint16_t shard = 0; shard < c.shards; ++shard) {
      expected.emplace(shard % c.ours, shard % c.theirs);
    }
    for (uint16_t a = 0; a < c.ours; ++a) {
      for (uint16_t b = 0; b < c.theirs; ++b) {
        if (ours[a]->links->is_up({NodeId{2}, CoreId{b}})) up.emplace(a, b);
      }
    }
    EXPECT_EQ(up, expected) << c.shards;
  }
}

TEST_F(PeerLinksTest, CoresThatShareAShardAreLinkedAndNoOthers) {
  std::vector<Core*> small, large;
  for (uint16_t core = 0; core < 2; ++core) small.push_back(&add(1, core, 2));
  for (uint16_t core = 0; core < 4; ++core) large.push_back(&add(2, core, 4));
  for (auto* group : {&large, &small}) {
    for (Core* core : *group) core->siblings = *group;
    for (Core* core : *group) core->begin();
  }
  rounds(50);
  for (uint16_t a = 0; a < 2; ++a) {
    for (uint16_t b = 0; b < 4; ++b) {
      bool shared = b % 2 == a;
      EXPECT_EQ(small[a]->links->is_up({NodeId{2}, CoreId{b}}), shared) << a << " " << b;
      EXPECT_EQ(large[b]->links->is_up({NodeId{1}, CoreId{a}}), shared) << a << " " << b;
    }
  }
  small[1]->links->send({NodeId{2}, CoreId{3}},
                        paxos::HomeProgress{Incarnation{1}, paxos::Sequence{2}});
  rounds(3);
  ASSERT_EQ(large[3]->messages.size(), 1u);
  EXPECT_EQ(large[3]->messages[0].first, (Endpoint{NodeId{1}, CoreId{1}}));
}

}  // namespace peer_links_test
}  // namespace once::net

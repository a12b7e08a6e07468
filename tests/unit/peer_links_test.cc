// Two or more nodes' links over pipes in memory: greeting, messages cut at every border, refusals,
// reconnection, silence.
#include <gtest/gtest.h>

#include <set>

#include "base/limits.h"
#include "net/client_codec.h"
#include "net/peer_codec.h"
#include "net/peer_frame.h"
#include "net/peer_links.h"
#include "tests/unit/fake_net_io.h"

namespace once::net {
namespace {

using test::FakeIo;
using test::FakeNetwork;

std::string address_of(uint16_t node) { return "peer:" + std::to_string(node); }

// One core of one node.
struct Core final : PeerLinksHandler {
  Core(FakeNetwork& network, uint16_t node, uint16_t core = 0, uint16_t cores = 1) : io(network) {
    options.self.cluster = ClusterId{{1, 2}};
    options.self.disk = DiskId{{3, node}};
    options.self.node = NodeId{node};
    options.self.core = CoreId{core};
    options.self.cores = cores;
    options.self.incarnation = 1;
    options.shard_count = kShardCount;
    options.self.client_address = "client:" + std::to_string(node);
    for (uint16_t other : {1, 2, 3}) {
      if (other != node) options.peers.emplace_back(NodeId{other}, address_of(other));
    }
  }
  void begin() {
    links = make_peer_links(io, options, this);
    if (options.self.core.value == 0) {
      ASSERT_TRUE(io.listen(address_of(options.self.node.value), links->listen_handler()));
    }
    io.on_batch_end = [this] { end_round(); };
    links->start();
  }
  void end_round() {
    for (const auto& [from, message] : views) {
      std::vector<char> out;
      encode_message(message, out);
      messages.emplace_back(from, std::string(out.begin(), out.end()));
    }
    views.clear();
    links->flush();
  }

  void on_link_up(Endpoint peer, const PeerHello& hello) override {
    ups.push_back(peer);
    EXPECT_EQ(hello.node, peer.node);
  }
  void on_link_down(Endpoint peer, std::string_view why) override {
    downs.emplace_back(peer, std::string(why));
  }
  void on_message(Endpoint from, const paxos::Message& message) override {
    views.emplace_back(from, message);  // looked at when the round ends, which must still be fine
  }
  bool may_vote() override { return votes; }
  DiskTable known_disks() override { return known; }
  void on_contact(const PeerHello& hello) override { contacts.push_back(hello); }
  Meeting meet(const PeerHello& hello) override {
    meetings.push_back(hello);
    Meeting meeting;
    if (hello.disk.low == refused_disk) meeting.refusal = "this is not the disk that was known";
    if (hello.disk.low == strange_disk) meeting.stranger = "this is another disk";
    meeting.learned = !known.nodes.has(hello.node);
    known.set(hello.node, hello.disk);
    return meeting;
  }
  void hand_over(CoreId core, std::unique_ptr<reactor::Handoff> handoff) override {
    siblings.at(core.value)->links->accept(std::move(handoff));
  }
  void log_line(std::string_view line) override { log += std::string(line) + "\n"; }

  FakeIo io;
  PeerLinksOptions options;
  std::unique_ptr<PeerLinks> links;
  std::vector<Core*> siblings;
  std::vector<Endpoint> ups;
  std::vector<std::pair<Endpoint, std::string>> downs;
  std::vector<std::pair<Endpoint, paxos::Message>> views;
  std::vector<std::pair<Endpoint, std::string>> messages;
  bool votes = true;
  DiskTable known;
  std::vector<PeerHello> contacts;
  std::vector<PeerHello> meetings;
  uint64_t refused_disk = 0;
  uint64_t strange_disk = 0;
  std::string log;
};

struct PeerLinksTest : testing::Test {
  FakeNetwork network;
  std::vector<std::unique_ptr<Core>> cores;

  Core& add(uint16_t node, uint16_t core = 0, uint16_t count = 1) {
    cores.push_back(std::make_unique<Core>(network, node, core, count));
    return *cores.back();
  }
  void rounds(int count, int64_t step_ns = 1'000'000) {
    for (int i = 0; i < count; ++i) {
      network.now_ns += step_ns;
      for (auto& core : cores) {
        if (!core->links || core->io.frozen) continue;
        core->links->on_tick(network.now_ns);
        core->io.round();
      }
    }
  }
  static bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  }
};

const Endpoint kOne{NodeId{1}, CoreId{0}};
const Endpoint kTwo{NodeId{2}, CoreId{0}};
const paxos::Ballot kBallot{0, NodeId{1}, 1};

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
      one.links->send(kTwo, paxos::HomeProgress{1, i});
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
  one.io.pretend_unsent = kMaxOutboxBytes;
  one.links->send(kTwo, paxos::ReadState{1, "name"});
  rounds(3);
  EXPECT_TRUE(two.messages.empty());
  EXPECT_TRUE(contains(one.log, "dropped"));
  one.io.pretend_unsent = 0;
  one.links->send(kTwo, paxos::ReadState{2, "name"});
  rounds(3);
  EXPECT_EQ(two.messages.size(), 1u);
}

TEST_F(PeerLinksTest, EachMismatchIsRefusedAndBothSidesAreTold) {
  struct Case {
    std::function<void(Core& one, Core& two)> spoil;
    std::string reason;
  };
  std::vector<Case> cases = {
      {[](Core& one, Core&) { one.options.self.cluster.low = 9; }, "belongs to cluster"},
      {[](Core& one, Core&) { one.options.self.version = 9; }, "version 9"},
      {[](Core& one, Core&) { one.options.self.epoch = 2; }, "configuration epoch"},
      {[](Core&, Core& two) { two.refused_disk = 1; }, "not the disk"},
      {[](Core& one, Core&) { one.refused_disk = 2; }, "not the disk"},
      {[](Core& one, Core&) { one.options.peers[1].second = address_of(2); }, "looked for"},
      {[](Core&, Core& two) { two.options.peers.erase(two.options.peers.begin()); },
       "formatted with the members"},
      {[](Core& one, Core&) { one.options.peers.pop_back(); }, "formatted with the members 1, 2,"},
      {[](Core&, Core& two) { two.options.peers.emplace_back(NodeId{4}, "peer:4"); },
       "node 2 with 1, 2, 3, 4"},
      {[](Core& one, Core&) { one.options.peers[1].first = NodeId{5}; }, "the members 1, 2, 5"},
      {[](Core& one, Core&) { one.options.shard_count = 32; }, "shards"},
      {[](Core&, Core& two) { two.options.self.hash_seed = 7; }, "seed"},
      {[](Core&, Core& two) { two.options.self.disk = DiskId{{3, 1}}; }, "leads back"},
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
    EXPECT_TRUE(contains(one.log, one_case.reason)) << one_case.reason << ": " << one.log;
    EXPECT_TRUE(contains(two.log, one_case.reason) ||
                (!two.downs.empty() && contains(two.downs[0].second, one_case.reason)))
        << one_case.reason << ": " << two.log;
  }
}

// --- before all may vote ---

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
      // Each tells what it knows of the other, once it has met it.
      EXPECT_TRUE(one.meetings.back().known.names(NodeId{1}, DiskId{{3, 1}}));
      EXPECT_TRUE(two.meetings.back().known.names(NodeId{2}, DiskId{{3, 2}}));
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

// The lower number dials for a link. A node below that counts itself as the whole cluster dials
// nobody: it hears of the others because they ask.
TEST_F(PeerLinksTest, AHigherNodeAsksALowerOneThatItHasNoLinkTo) {
  for (const bool votes : {false, true}) {
    cores.clear();
    network.listeners.clear();
    Core &one = add(1), &three = add(3);
    one.options.peers.clear();
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

TEST_F(PeerLinksTest, AStrangeDiskGetsAHelloAndNoLinkOnWhicheverSideItIs) {
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
    EXPECT_FALSE(one.meetings.empty());
    EXPECT_LT(one.meetings.size(), 40u) << "with pauses";
  }
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
        hello.members = NodeSet{static_cast<uint16_t>(fits ? 0b1110 : 0b11110)};
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
    auto pipe = std::make_shared<test::Pipe>();
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
  small[1]->links->send({NodeId{2}, CoreId{3}}, paxos::HomeProgress{1, 2});
  rounds(3);
  ASSERT_EQ(large[3]->messages.size(), 1u);
  EXPECT_EQ(large[3]->messages[0].first, (Endpoint{NodeId{1}, CoreId{1}}));
}

}  // namespace
}  // namespace once::net

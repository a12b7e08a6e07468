// Links beside a peer that the test plays byte by byte: silence, pauses, replaced connections, lies
// about time, and how often a peer that is away is dialled.
#include <gtest/gtest.h>

#include <cstring>

#include "base/limits.h"
#include "net/peer_codec.h"
#include "net/peer_frame.h"
#include "net/peer_links.h"
#include "tests/unit/net/fake_net_io.h"

namespace once::net {
namespace peer_links_faults_test {

using once::test::FakeIo;
using once::test::FakeNetwork;
using once::test::Pipe;

constexpr int64_t kMs = 1'000'000;
constexpr Endpoint kOne{NodeId{1}, CoreId{0}};

PeerHello hello_of(uint16_t node) {
  PeerHello hello;
  hello.cluster = ClusterId{{1, 2}};
  hello.disk = DiskId{{3, node}};
  hello.node = NodeId{node};
  hello.incarnation = Incarnation{1};
  hello.client_address = "client:" + std::to_string(node);
  hello.members = {1, 2, 3};
  return hello;
}

struct Core final : PeerLinksHandler {
  Core(FakeNetwork& network, uint16_t node, uint16_t core, uint16_t cores, uint64_t seed)
      : io(network) {
    options.self = hello_of(node);
    options.self.core = CoreId{core};
    options.self.cores = cores;
    options.shard_count = kShardCount;
    options.seed = seed;
    for (uint16_t other : {1, 2, 3}) {
      if (other == node) continue;
      options.peers.emplace_back(NodeId{other}, "peer:" + std::to_string(other));
    }
    links = make_peer_links(io, options, this);
    io.on_batch_end = [this] {
      if (at_batch_end) at_batch_end();
      links->flush();
    };
  }
  void on_link_up(Endpoint peer, const PeerHello&) override { ups.push_back(peer); }
  void on_link_down(Endpoint, std::string_view why) override { downs.emplace_back(why); }
  void on_message(Endpoint, const paxos::Message& message) override {
    std::vector<char> out;
    encode_message(message, out);
    messages.emplace_back(out.begin(), out.end());
  }
  bool may_vote() override { return true; }
  DiskTable known_disks() override { return {}; }
  void on_contact(const PeerHello&) override {}
  Meeting meet(const PeerHello&) override { return {}; }
  void hand_over(CoreId, std::unique_ptr<reactor::Handoff> handoff) override {
    if (sibling != nullptr) sibling->links->accept(std::move(handoff));
  }
  void log_line(std::string_view line) override { log += std::string(line) + "\n"; }

  FakeIo io;
  PeerLinksOptions options;
  std::unique_ptr<PeerLinks> links;
  std::function<void()> at_batch_end;
  Core* sibling = nullptr;
  std::vector<Endpoint> ups;
  std::vector<std::string> downs;
  std::vector<std::string> messages;
  std::string log;
};

struct PeerLinksFaults : testing::Test {
  FakeNetwork network;
  Core two{network, 2, 0, 1, 7};

  // A connection that node 1 is said to have made.
  std::shared_ptr<Pipe> connect(Core& to) {
    auto pipe = std::make_shared<Pipe>();
    to.io.accept_stream(pipe, 1, to.links->listen_handler());
    return pipe;
  }
  static std::string greeting(CoreId target = CoreId{0}) {
    PeerHello hello = hello_of(1);
    hello.target_node = NodeId{2};
    hello.target_core = target;
    hello.votes = hello.link = true;
    hello.shard_count = kShardCount;
    std::vector<char> out;
    encode_peer_hello(hello, out);
    return {out.begin(), out.end()};
  }
  static std::string message(uint64_t operation, std::string_view name = "name") {
    std::vector<char> out;
    encode_message(paxos::ReadState{operation, name}, out);
    return {out.begin(), out.end()};
  }
  static std::string envelope(std::string_view content) {
    std::vector<char> out(kPeerHeaderBytes + content.size());
    std::copy(content.begin(), content.end(), out.begin() + kPeerHeaderBytes);
    seal_peer_frame(out, 0);
    return {out.begin(), out.end()};
  }
  std::shared_ptr<Pipe> greeted() {
    auto pipe = connect(two);
    pipe->to[1] = greeting();
    step();
    EXPECT_TRUE(two.links->is_up(kOne));
    return pipe;
  }
  void step(int64_t by_ns = kMs) {
    network.now_ns += by_ns;
    two.links->on_tick(network.now_ns);
    two.io.round();
  }
  // The content of every frame that the peer got; each must be whole, its checksum right.
  static std::vector<std::string> frames(Pipe& pipe) {
    std::vector<std::string> contents;
    std::string bytes = std::exchange(pipe.to[0], {});
    while (!bytes.empty()) {
      uint32_t length = 0;
      EXPECT_GE(bytes.size(), kPeerHeaderBytes);
      if (bytes.size() < kPeerHeaderBytes) break;
      std::memcpy(&length, bytes.data(), 4);
      EXPECT_GE(bytes.size(), length + 4);
      const std::string frame = bytes.substr(0, length + 4);
      const auto content = open_peer_frame(frame);
      EXPECT_TRUE(content.has_value()) << "a frame without its checksum";
      if (!content) break;
      contents.emplace_back(*content);
      bytes.erase(0, frame.size());
    }
    return contents;
  }
};

TEST_F(PeerLinksFaults, WhoSaysNothingIsSentAwayAfterTwoSeconds) {
  auto pipe = connect(two);
  for (int i = 0; i < 199; ++i) step(10 * kMs);
  EXPECT_FALSE(pipe->closed[1]);
  step(10 * kMs);
  EXPECT_TRUE(pipe->closed[1]);
}

TEST_F(PeerLinksFaults, WhoFallsSilentIsGivenUpAfterExactlyTwoSeconds) {
  auto pipe = greeted();
  step(10 * kMs);
  pipe->to[1] = envelope(message(1));
  step(10 * kMs);
  for (int i = 0; i < 199; ++i) step(10 * kMs);
  EXPECT_TRUE(two.links->is_up(kOne));
  step(10 * kMs);
  EXPECT_FALSE(two.links->is_up(kOne));
  EXPECT_EQ(two.downs, std::vector<std::string>{"nothing was heard for 2 s"});
}

TEST_F(PeerLinksFaults, AMessageOfNoKindEndsTheLink) {
  for (const uint32_t type : {199U, 203U, 255U}) {
    auto pipe = greeted();
    std::string own(12, 0);
    store<uint32_t>(own.data(), type | 8U << 8);
    pipe->to[1] = envelope(own);
    step();
    EXPECT_FALSE(two.links->is_up(kOne)) << type;
  }
}

// A process that was stopped has heard nobody, and blames nobody for it.
TEST_F(PeerLinksFaults, APauseOfThisNodeBreaksNoLink) {
  auto pipe = greeted();
  step(100 * kMs);
  step(30'000 * kMs);
  EXPECT_TRUE(two.links->is_up(kOne));
  for (int i = 0; i < 19; ++i) step(100 * kMs);
  EXPECT_TRUE(two.links->is_up(kOne));
  step(100 * kMs);
  EXPECT_FALSE(two.links->is_up(kOne)) << "from then on it counts again";
}

TEST_F(PeerLinksFaults, ANewConnectionReplacesAnOldOneThatDoesNotAnswer) {
  auto old = greeted();
  auto fresh = connect(two);
  fresh->to[1] = greeting();
  step();
  EXPECT_TRUE(two.downs.empty());
  step(600 * kMs);
  step(600 * kMs);
  EXPECT_EQ(two.downs, std::vector<std::string>{"replaced by a new connection: it did not answer"});
  EXPECT_EQ(two.ups, (std::vector{kOne, kOne}));
  EXPECT_TRUE(old->closed[1]);
  old->to[1] += envelope(message(1));
  fresh->to[1] += envelope(message(2));
  step();
  EXPECT_EQ(two.messages, std::vector{message(2)}) << "only the new one is listened to";
  old->closed[0] = true;
  step();
  EXPECT_TRUE(two.links->is_up(kOne)) << "the end of the old one is not the end of the new";
  frames(*fresh);
  two.links->send(kOne, paxos::ReadState{3, "name"});
  step();
  EXPECT_EQ(frames(*fresh), std::vector{message(3)});
}

// Whatever was begun is sealed before a link is closed: the peer must not blame the network.
TEST_F(PeerLinksFaults, WhatLeavesBeforeACloseIsWhole) {
  auto pipe = greeted();
  frames(*pipe);
  two.at_batch_end = [&] {
    two.links->send(kOne, paxos::ReadState{1, "name"});
    two.links->on_tick(network.now_ns += 900 * kMs);
    two.links->on_tick(network.now_ns += 900 * kMs);
    two.links->on_tick(network.now_ns += 900 * kMs);  // silent for 2.7 s: given up
  };
  two.io.round();
  ASSERT_FALSE(two.links->is_up(kOne));
  const auto got = frames(*pipe);
  ASSERT_FALSE(got.empty());
  EXPECT_TRUE(got[0].starts_with(message(1)));
}

TEST_F(PeerLinksFaults, WhatStandsBehindAHelloForAnotherCoreGoesAlong) {
  for (const size_t chunk : {size_t{1}, size_t{13}, SIZE_MAX}) {
    Core first(network, 2, 0, 2, 1);
    Core second(network, 2, 1, 2, 2);
    first.sibling = &second;
    first.io.chunk_bytes = second.io.chunk_bytes = chunk;
    auto pipe = connect(first);
    pipe->to[1] = greeting(CoreId{1}) + envelope(message(1) + message(2)) + envelope(message(3));
    for (int i = 0; i < 400; ++i) {
      first.io.round();
      second.io.round();
    }
    EXPECT_TRUE(first.ups.empty());
    EXPECT_EQ(second.ups, std::vector{kOne});
    EXPECT_EQ(second.messages, (std::vector{message(1), message(2), message(3)})) << chunk;
  }
}

TEST_F(PeerLinksFaults, ASecondHelloEndsTheLink) {
  auto pipe = greeted();
  pipe->to[1] = greeting();
  step();
  EXPECT_EQ(two.downs, std::vector<std::string>{"a second hello"});
  EXPECT_TRUE(two.messages.empty());
}

// Before it is known who speaks, little is stored for him.
TEST_F(PeerLinksFaults, AGreetingIsShort) {
  auto pipe = connect(two);
  const uint32_t length = kMaxGreetingBytes - 4 + 1;
  pipe->to[1] = std::string(reinterpret_cast<const char*>(&length), 4);
  step();
  EXPECT_TRUE(pipe->closed[1]);
  EXPECT_NE(two.log.find("out of bounds"), std::string::npos) << two.log;
}

TEST_F(PeerLinksFaults, EveryFlippedBitOfAnEnvelopeEndsTheLink) {
  const std::string good = envelope(message(1, "a name of some length") + message(2));
  for (size_t bit = 8 * 4; bit < 8 * good.size(); ++bit) {
    auto pipe = greeted();
    two.downs.clear();
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
    pipe->to[1] = bad;
    step();
    ASSERT_EQ(two.downs, std::vector<std::string>{"an envelope has a wrong checksum"}) << bit;
    ASSERT_TRUE(two.messages.empty()) << bit;
    step();
  }
}

// A peer cannot make its round trip negative, nor longer than what counts as silence.
TEST_F(PeerLinksFaults, APongOfTheFutureOrOfLongAgoIsNoMeasurement) {
  auto pipe = greeted();
  auto pong = [&](int64_t time_ns) {
    std::string bytes(12, '\0');
    const uint32_t header = 201 | 8u << 8;
    std::memcpy(bytes.data(), &header, 4);
    std::memcpy(bytes.data() + 4, &time_ns, 8);
    pipe->to[1] = envelope(bytes);
    step();
  };
  pong(network.now_ns + 50 * kMs);
  EXPECT_EQ(two.links->round_trip_ns(NodeId{1}), 0);
  pong(network.now_ns - 2'001 * kMs);
  EXPECT_EQ(two.links->round_trip_ns(NodeId{1}), 0);
  pong(network.now_ns - 7 * kMs);
  EXPECT_EQ(two.links->round_trip_ns(NodeId{1}), 8 * kMs);
  pong(network.now_ns + 50 * kMs);
  EXPECT_EQ(two.links->round_trip_ns(NodeId{1}), 8 * kMs);
}

// When the core dials, over so many milliseconds.
std::vector<int64_t> dials(FakeNetwork& network, Core& core, int milliseconds) {
  std::vector<int64_t> times;
  int before = core.io.connects;
  for (int i = 0; i < milliseconds; ++i) {
    network.now_ns += kMs;
    core.links->on_tick(network.now_ns);
    core.io.round();
    for (; before < core.io.connects; ++before) times.push_back(network.now_ns);
  }
  return times;
}

TEST_F(PeerLinksFaults, ADialThatFailsIsRepeatedMoreAndMoreSeldomAndNotInStep) {
  std::vector<std::vector<int64_t>> all;
  for (const uint64_t seed : {1, 2}) {
    FakeNetwork alone;
    Core dialler(alone, 1, 0, 1, seed);
    dialler.options.peers.resize(1);  // node 2 only
    dialler.links = make_peer_links(dialler.io, dialler.options, &dialler);
    dialler.links->start();
    all.push_back(dials(alone, dialler, 20'000));
  }
  for (const auto& times : all) {
    ASSERT_GE(times.size(), 35u) << "half a second apart at most";
    ASSERT_LE(times.size(), 95u) << "a quarter of a second apart at least, in the end";
    int64_t longest = 0;
    for (size_t i = 10; i < times.size(); ++i) {
      const int64_t gap = times[i] - times[i - 1];
      EXPECT_GE(gap, 250 * kMs - kMs);
      EXPECT_LE(gap, 502 * kMs);
      longest = std::max(longest, gap);
    }
    EXPECT_LT(times[1] - times[0], 25 * kMs) << "quick at first";
  }
  EXPECT_NE(all[0], all[1]) << "each in its own rhythm";
}

// A link that breaks as soon as it is up is no success.
TEST_F(PeerLinksFaults, ALinkThatFlapsIsDialledMoreAndMoreSeldom) {
  Core dialler(network, 1, 0, 1, 3);
  ASSERT_TRUE(two.io.listen("peer:2", two.links->listen_handler()));
  dialler.links->start();
  size_t ups = 0;
  for (int i = 0; i < 3000; ++i) {
    network.now_ns += kMs;
    for (Core* core : {&dialler, &two}) {
      core->links->on_tick(network.now_ns);
      core->io.round();
    }
    if (dialler.ups.size() == ups) continue;
    ups = dialler.ups.size();
    dialler.io.cut_all();
  }
  EXPECT_GE(ups, 5u);
  EXPECT_LE(ups, 25u);
}

}  // namespace peer_links_faults_test
}  // namespace once::net

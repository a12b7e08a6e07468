// The simulator's own parts: what it does to bytes and disks must be what it says, and its checks
// must find what they are there for.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/limits.h"
#include "paxos/record.h"
#include "tests/sim/disk.h"
#include "tests/sim/network.h"
#include "tests/sim/oracle.h"
#include "tests/sim/run.h"
#include "tests/sim/trace.h"
#include "wal/block_format.h"

namespace once::sim {
namespace sim_test {

// --- disk
// -----------------------------------------------------------------------------------------

std::string blocks_of(char byte, size_t blocks) { return std::string(blocks * kBlockBytes, byte); }

TEST(SimDisk, LandsOnlyTheSectorsThatItIsTold) {
  World world(1);
  SimDisk disk(world);
  ASSERT_TRUE(disk.create("d/a", 4 * kBlockBytes, {}));
  disk.write("d/a", kBlockBytes, blocks_of('o', 2));
  disk.write_some("d/a", kBlockBytes, blocks_of('n', 2), [](size_t sector) { return sector == 9; });
  std::string read(4 * kBlockBytes, '?');
  ASSERT_EQ(disk.read("d/a", 0, read).value(), read.size());
  std::string expected = blocks_of('\0', 1) + blocks_of('o', 2) + blocks_of('\0', 1);
  expected.replace(kBlockBytes + 9 * kSectorBytes, kSectorBytes, std::string(kSectorBytes, 'n'));
  EXPECT_EQ(read, expected);
}

TEST(SimDisk, FlipsOneBitOfWhatWasWrittenAndOfWhatWasNot) {
  World world(1);
  SimDisk disk(world);
  ASSERT_TRUE(disk.create("d/a", kBlockBytes, {}));
  disk.flip_bit("d/a", 4000, 3);
  std::string read(kBlockBytes, '?');
  ASSERT_TRUE(disk.read("d/a", 0, read));
  EXPECT_EQ(read[4000], 8);
  read[4000] = 0;
  EXPECT_EQ(read, blocks_of('\0', 1));
}

TEST(SimDisk, HasNoRoomForNewFilesWhenFull) {
  World world(1);
  SimDisk disk(world);
  disk.full = true;
  EXPECT_FALSE(disk.create("d/a", kBlockBytes, {}));
  disk.full = false;
  EXPECT_TRUE(disk.create("d/a", kBlockBytes, {}));
}

// --- network
// --------------------------------------------------------------------------------------

class End final : public Plug, public Acceptor {
 public:
  explicit End(Network* network) : network_(network) {}
  void plug_connected(uint64_t) override { connected = true; }
  void plug_bytes(uint64_t, std::string bytes) override { received += bytes; }
  void plug_closed(uint64_t, const char* why) override { closed = *why ? why : "in order"; }
  void incoming(uint64_t connection, const std::string&) override {
    end = Network::end_of(connection, 1);
    network_->plug(end, this, 0);
  }
  bool connected = false;
  std::string received;
  std::string closed;
  uint64_t end = 0;

 private:
  Network* network_;
};

std::string frame(const std::string& body) {
  std::string text(4, '\0');
  const auto size = static_cast<uint32_t>(8 + body.size());
  std::memcpy(text.data(), &size, sizeof size);
  return text + std::string(8, 'c') + body;
}

// One connection from host 0 to node 1; host 0 is a node too unless there is only one.
struct Wire {
  explicit Wire(const NetworkRates& rates, size_t nodes = 2)
      : network(world, nodes, 2, rates), dialler(&network), listener(&network) {
    const HostId server = nodes == 2 ? 1 : 0;
    const HostId client = 1 - server;
    network.listen(server, "node" + std::to_string(server + 1) + ":x", &listener);
    const auto id =
        network.connect(client, "node" + std::to_string(server + 1) + ":x", &dialler, 7);
    dialler.end = Network::end_of(id, 0);
    world.run_until(kSecond);
  }
  World world{1};
  Network network;
  End dialler;
  End listener;
};

TEST(SimNetwork, KeepsAStreamWholeAndInOrderInPiecesOfAnySize) {
  Wire wire({.split = 900'000, .jitter_ns = 5 * kMs}, 1);
  ASSERT_TRUE(wire.dialler.connected);
  std::string sent;
  for (int i = 0; i < 200; ++i) {
    const std::string part = "part " + std::to_string(i) + ";";
    wire.network.send(wire.dialler.end, part);
    sent += part;
  }
  wire.network.close(wire.dialler.end);
  wire.world.run_until(10 * kSecond);
  EXPECT_EQ(wire.listener.received, sent);
  EXPECT_EQ(wire.listener.closed, "in order");
}

TEST(SimNetwork, LosesAndDoublesWholeFramesBetweenNodes) {
  Wire wire({.loss = 300'000, .duplicate = 300'000, .split = 500'000});
  size_t bytes = 0;
  for (int i = 0; i < 1000; ++i) wire.network.send(wire.dialler.end, frame("0123456789"));
  wire.world.run_until(10 * kSecond);
  bytes = wire.listener.received.size();
  EXPECT_EQ(bytes % frame("0123456789").size(), 0u);
  EXPECT_GT(wire.world.faults()[static_cast<size_t>(Fault::kLoss)], 100u);
  EXPECT_GT(wire.world.faults()[static_cast<size_t>(Fault::kDuplicate)], 100u);
}

TEST(SimNetwork, NeverLosesAGreeting) {
  Wire wire({.loss = 1'000'000});
  wire.network.send(wire.dialler.end, frame("ONCEPEER hello") + frame("a message"));
  wire.world.run_until(10 * kSecond);
  EXPECT_EQ(wire.listener.received, frame("ONCEPEER hello"));
}

TEST(SimNetwork, HoldsBackWhatABlockedDirectionCarries) {
  Wire wire({}, 1);
  wire.network.block(1, 0);
  wire.network.send(wire.dialler.end, "late");
  wire.network.send(wire.listener.end, "answer");
  wire.world.run_until(5 * kSecond);
  EXPECT_EQ(wire.listener.received, "");
  EXPECT_EQ(wire.dialler.received, "answer") << "the other direction is open";
  wire.network.unblock(1, 0);
  wire.world.run_until(6 * kSecond);
  EXPECT_EQ(wire.listener.received, "late");
}

TEST(SimNetwork, CutsInTheMiddleOfWhatIsOnItsWay) {
  Wire wire({}, 1);
  wire.network.send(wire.dialler.end, std::string(1000, 'x'));
  ASSERT_TRUE(wire.network.cut_one());
  wire.world.run_until(5 * kSecond);
  EXPECT_LT(wire.listener.received.size(), 1000u);
  EXPECT_GT(wire.listener.received.size(), 0u);
  EXPECT_EQ(wire.listener.closed, "connection reset");
  EXPECT_EQ(wire.dialler.closed, "connection reset");
}

TEST(SimNetwork, AMachineThatIsBackResetsWhatItForgot) {
  Wire wire({}, 1);
  wire.network.kill_host(0, /*silent=*/true);
  wire.world.run_until(5 * kSecond);
  EXPECT_EQ(wire.dialler.closed, "") << "nobody has told";
  wire.network.host_up(0);
  wire.network.send(wire.dialler.end, "are you there?");
  wire.world.run_until(6 * kSecond);
  EXPECT_EQ(wire.dialler.closed, "connection reset");
}

// --- oracle
// ---------------------------------------------------------------------------------------

paxos::AcceptRecord accept(uint32_t round, uint16_t node, const char* value) {
  return {paxos::Ballot{Round{round}, NodeId{node}, Incarnation{1}}, CoreId{0}, paxos::Sequence{1},
          paxos::State{1, true, request_id(node, 1), value}, "name"};
}

// The blocks of a batch that holds one record.
std::string batch_of(const paxos::Record& record) {
  std::vector<char> bytes;
  paxos::encode_record(record, bytes);
  std::string block(kBlockBytes, '\0');
  wal::BlockHeader header{};
  header.kind = static_cast<uint32_t>(wal::BlockKind::kData);
  header.payload_bytes = static_cast<uint32_t>(4 + bytes.size());
  std::memcpy(block.data(), &header, sizeof header);
  const auto size = static_cast<uint32_t>(bytes.size());
  std::memcpy(block.data() + sizeof header, &size, sizeof size);
  std::memcpy(block.data() + sizeof header + sizeof size, bytes.data(), bytes.size());
  return block;
}

class OracleTest : public testing::Test {
 protected:
  void land(size_t node, const paxos::Record& record) {
    oracle.on_landed(node, 0, batch_of(record));
  }
  World world{1};
  Oracle oracle{world, 3, 1};
};

// The same name in a version that is not the last.
paxos::AcceptRecord open_accept(uint32_t round, uint16_t node, uint64_t version) {
  paxos::AcceptRecord record = accept(round, node, "a");
  record.state.version = version;
  record.state.sealed = false;
  record.state.writer = request_id(9, version);
  return record;
}

TEST_F(OracleTest, SeesAHigherBallotWithAnotherState) {
  land(0, accept(0, 1, "a"));
  land(2, accept(2, 3, "b"));
  EXPECT_EQ(world.violated(), "") << "nothing is chosen yet";
  land(1, accept(0, 1, "a"));
  EXPECT_NE(world.violated().find("carries another version 1"), std::string::npos)
      << world.violated();
}

TEST_F(OracleTest, SeesAHigherBallotBehindWhatIsChosen) {
  for (const uint64_t version : {1, 2}) {
    for (const size_t node : {0, 1}) land(node, open_accept(0, 1, version));
  }
  land(2, open_accept(0, 1, 1));
  EXPECT_EQ(world.violated(), "") << "late, under the same ballot";
  land(2, open_accept(1, 3, 1));
  EXPECT_NE(world.violated().find("version 2 chosen at ballot (0,1,1), and ballot (1,3,1) carries "
                                  "version 1"),
            std::string::npos)
      << world.violated();
}

TEST_F(OracleTest, IsContentWithAHigherBallotThatGoesOn) {
  for (const size_t node : {0, 1}) land(node, open_accept(0, 1, 2));
  land(2, open_accept(1, 3, 2));
  land(2, open_accept(1, 3, 5));
  EXPECT_EQ(world.violated(), "");
}

TEST_F(OracleTest, SeesWhatIsBuiltOnASealedState) {
  for (const size_t node : {0, 1}) land(node, accept(0, 1, "a"));
  land(2, open_accept(0, 1, 2));
  EXPECT_NE(world.violated().find("sealed version 1"), std::string::npos) << world.violated();
}

TEST_F(OracleTest, SeesTwoStatesUnderOneBallot) {
  land(0, accept(1, 1, "a"));
  land(1, accept(1, 1, "b"));
  EXPECT_NE(world.violated().find("carries two states"), std::string::npos) << world.violated();
}

TEST_F(OracleTest, SeesAnAcceptBehindAPromise) {
  land(0, paxos::PromiseRecord{paxos::Ballot{Round{3}, NodeId{2}, Incarnation{1}}, "name"});
  land(0, accept(2, 3, "b"));
  EXPECT_NE(world.violated().find("though it had promised"), std::string::npos);
}

TEST_F(OracleTest, SeesARoundZeroAcceptBehindARangePromise) {
  land(0, paxos::RangePromiseRecord{NodeId{1}, Incarnation{2}});
  land(0, accept(0, 1, "a"));
  EXPECT_NE(world.violated().find("nothing of node 1 below incarnation 2"), std::string::npos);
}

TEST_F(OracleTest, SeesAnAnswerThatNoMajorityHolds) {
  land(0, accept(0, 1, "a"));
  oracle.on_shown("name", accept(0, 1, "a").state, "a read");
  EXPECT_NE(world.violated().find("durability"), std::string::npos);
}

TEST_F(OracleTest, IsContentWithAnAnswerThatAMajorityHolds) {
  land(0, accept(0, 1, "a"));
  land(2, accept(0, 1, "a"));
  oracle.on_shown("name", accept(0, 1, "a").state, "a read");
  EXPECT_EQ(world.violated(), "");
}

TEST_F(OracleTest, SeesAVersionToldToWhomDidNotMakeIt) {
  land(0, accept(0, 1, "a"));
  land(2, accept(0, 1, "a"));
  oracle.on_made("name", 1, accept(0, 1, "a").state.writer, "a write");
  EXPECT_EQ(world.violated(), "");
  oracle.on_made("name", 1, request_id(77, 77), "a write");
  EXPECT_NE(world.violated().find("which another made"), std::string::npos);
}

TEST_F(OracleTest, SeesAVersionThatIsNotThereYet) {
  land(0, accept(0, 1, "a"));
  land(2, accept(0, 1, "a"));
  oracle.on_made("name", 2, request_id(77, 77), "a write");
  EXPECT_NE(world.violated().find("durability"), std::string::npos);
}

TEST_F(OracleTest, SeesWhatRecoveryLost) {
  land(0, accept(0, 1, "a"));
  oracle.begin_audit(0);
  oracle.end_audit(0);
  EXPECT_NE(world.violated().find("recovery lost what was durable"), std::string::npos);
}

std::string bytes_of(const paxos::Record& record) {
  std::vector<char> bytes;
  paxos::encode_record(record, bytes);
  return {bytes.begin(), bytes.end()};
}

// A cleaner may have removed a record, not what it said.
TEST_F(OracleTest, IsContentIfWhatWasRemovedIsSaidByAnotherRecord) {
  land(0, paxos::PromiseRecord{{Round{1}, NodeId{2}, Incarnation{1}}, "name"});
  land(0, accept(2, 2, "a"));
  land(0, paxos::RangePromiseRecord{NodeId{2}, Incarnation{3}});
  land(0, paxos::RangePromiseRecord{NodeId{2}, Incarnation{5}});
  oracle.begin_audit(0);
  oracle.on_recovered(0, 0, bytes_of(accept(2, 2, "a")));
  oracle.on_recovered(0, 0, bytes_of(paxos::RangePromiseRecord{NodeId{2}, Incarnation{5}}));
  oracle.end_audit(0);
  EXPECT_EQ(world.violated(), "");
}

TEST_F(OracleTest, SeesAPromiseARangePromiseAndAnIncarnationThatWereLost) {
  const auto lost = [](const paxos::Record& landed, const paxos::Record& left) {
    World world{1};
    Oracle oracle{world, 3, 1};
    oracle.on_landed(0, 0, batch_of(left));
    oracle.on_landed(0, 0, batch_of(landed));
    oracle.begin_audit(0);
    oracle.on_recovered(0, 0, bytes_of(left));
    oracle.end_audit(0);
    return world.violated().find("recovery lost what was durable") != std::string::npos;
  };
  EXPECT_TRUE(
      lost(paxos::PromiseRecord{{Round{9}, NodeId{2}, Incarnation{1}}, "name"}, accept(2, 2, "a")));
  EXPECT_TRUE(lost(accept(3, 3, "a"), accept(2, 2, "a")));
  EXPECT_TRUE(lost(paxos::RangePromiseRecord{NodeId{2}, Incarnation{5}},
                   paxos::RangePromiseRecord{NodeId{2}, Incarnation{4}}));
  EXPECT_TRUE(
      lost(paxos::IncarnationRecord{Incarnation{5}}, paxos::IncarnationRecord{Incarnation{4}}));
}

TEST_F(OracleTest, SeesWhatIsKeptBelowWhatTheDiskHad) {
  land(0, accept(5, 2, "a"));
  const paxos::AcceptRecord old = accept(4, 2, "a");
  land(0, paxos::KeptRecord{old.ballot, old.ballot, old.state, false, false, "name"});
  EXPECT_NE(world.violated().find("keeps"), std::string::npos);
}

// --- runs and traces
// ------------------------------------------------------------------------------

Options short_run(uint64_t seed) {
  Options options;
  options.seed = seed;
  options.seconds = 2;
  return options;
}

TEST(SimRun, TheSameSeedIsTheSameRunAndAnotherIsAnother) {
  const RunResult first = run_seed(short_run(5), nullptr);
  EXPECT_EQ(first.violation, "");
  EXPECT_GT(first.answered, 0u);
  EXPECT_EQ(run_seed(short_run(5), nullptr).hash, first.hash);
  EXPECT_NE(run_seed(short_run(6), nullptr).hash, first.hash);
}

// --- rare branches

TEST(RareBranches, NothingFiresWithoutASourceNorInHalfOfTheSeeds) {
  EXPECT_FALSE(rarely(Rare::kFlushLate));
  size_t silent = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    World world(seed);
    RareBranches rare(world, seed);
    uint64_t fired = 0;
    for (int pass = 0; pass < 20'000; ++pass) fired += rarely(Rare::kFlushLate) ? 1 : 0;
    EXPECT_EQ(fired, rare.fired()[static_cast<size_t>(Rare::kFlushLate)]);
    silent += fired == 0 ? 1 : 0;
  }
  EXPECT_FALSE(rarely(Rare::kFlushLate)) << "a source outlived its run";
  EXPECT_GT(silent, 150u);  // half have none at all, the others a quarter of the points
  EXPECT_LT(silent, 200u);
}

TEST(RareBranches, AreFewerOnceAMajorityIsHealed) {
  uint64_t before = 0;
  uint64_t after = 0;
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    World world(seed);
    RareBranches rare(world, seed);
    for (int pass = 0; pass < 100; ++pass) before += rarely(Rare::kFlushLate) ? 1 : 0;
    rare.calm();
    for (int pass = 0; pass < 100; ++pass) after += rarely(Rare::kFlushLate) ? 1 : 0;
  }
  EXPECT_GT(after, 0u);
  EXPECT_LT(after, before / 2);
}

TEST(SimRun, ChurnCleansSegmentsAllTheTime) {
  uint64_t most = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const Options options{.seed = seed, .seconds = 5};
    if (!draw_plan(seed).churn) continue;
    const RunResult result = run_seed(options, nullptr);
    ASSERT_EQ(result.violation, "") << "seed " << seed;
    most = std::max(most, result.cleaned);
  }
  EXPECT_GT(most, 200u);
}

// A point that no run passes tests nothing, nor does a load that never queues on a name.
TEST(RareBranches, EachIsTakenInSomeRun) {
  RareCounts sum{};
  uint64_t composed = 0;
  uint64_t lingered = 0;
  const auto enough = [&] {
    return composed > 1000 && lingered > 500 && std::ranges::count(sum, 0u) == 0;
  };
  for (uint64_t seed = 1; seed <= 200 && !enough(); ++seed) {
    const RunResult result = run_seed({.seed = seed, .seconds = 5}, nullptr);
    ASSERT_EQ(result.violation, "") << "seed " << seed;
    for (size_t i = 0; i < kRarePoints; ++i) sum[i] += result.rare[i];
    composed += result.composed;
    lingered += result.lingered;
  }
  EXPECT_GT(composed, 1000u);
  EXPECT_GT(lingered, 500u);
  for (size_t i = 0; i < kRarePoints; ++i) {
    EXPECT_GT(sum[i], 0u) << rare_name(static_cast<Rare>(i));
  }
}

TEST(SimRun, ATraceChangesNothing) {
  TraceWriter story(short_run(7));
  EXPECT_EQ(run_seed(short_run(7), &story).hash, run_seed(short_run(7), nullptr).hash);
}

}  // namespace sim_test
}  // namespace once::sim

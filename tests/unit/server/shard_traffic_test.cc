// What becomes of requests is counted where their answers leave: once each, on the core that the
// client is connected to, whatever door it came through.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/unit/server/shard_fixture.h"

namespace once::server::test {
namespace shard_traffic_test {

using paxos::Output;
using paxos::Status;

TrafficFigures counted(const Core& core) {
  TrafficFigures figures;
  core.host.counted.add_to(figures);
  return figures;
}
uint64_t answers(const Core& core, Status status) {
  return counted(core).answers[place_of(FakeListener::kAsked)][static_cast<size_t>(status)];
}
uint64_t answers(const Core& core) {
  uint64_t all = 0;
  for (const auto& operation : counted(core).answers) {
    all = std::accumulate(operation.begin(), operation.end(), all);
  }
  return all;
}
uint64_t took_ns(const Core& core) {
  return counted(core).took[place_of(FakeListener::kAsked)].sum_ns;
}
void answer_first(Core& core, Status status) {
  core.replica.script.push_back([&core, status](Output& out) {
    FakeReplica::reply(out, core.replica.requests[0].token(), "", status);
  });
}

TEST(ShardTraffic, CountsAnAnswerByItsOperationAndOutcomeAndFromWhenItCame) {
  Core core{0};
  core.log.report(1);
  core.request(1, "0-name");
  core.round();
  EXPECT_EQ(answers(core), 0u);
  answer_first(core, Status::kAlreadySet);
  core.io.now += 3'000'000;
  core.log.report(1);
  core.tick();
  EXPECT_EQ(answers(core, Status::kAlreadySet), 1u);
  EXPECT_EQ(answers(core), 1u);
  EXPECT_EQ(took_ns(core), 8'000'000u);
}

TEST(ShardTraffic, CountsWhatIsRefusedAtTheDoor) {
  Core core{0};
  core.log.report(1);
  core.host.votes = false;
  core.request(1, "0-name");
  core.round();
  EXPECT_EQ(answers(core, Status::kUnavailable), 1u);
  core.host.votes = true;
  core.request(2, "_system");
  core.round();
  EXPECT_EQ(answers(core, Status::kInvalid), 1u);
  EXPECT_EQ(answers(core), 2u);
  EXPECT_EQ(took_ns(core), 0u);
}

TEST(ShardTraffic, CountsWhatIsOverloadedBeforeTheReplicaSeesIt) {
  Core core{0, nullptr, 1};  // room for one
  core.log.report(1);
  core.replica.figures.overloaded = 40;
  core.request(1, "0-name");
  core.request(2, "0-name");
  core.round();
  core.shard.client_handler()->on_turned_away(FakeListener::kAsked);
  EXPECT_EQ(answers(core, Status::kOverloaded), 2u);
  core.shard.client_handler()->on_status({7}, 1);
  EXPECT_EQ(core.host.published["overloaded"], 42u);
  core.host.votes = false;
  core.request(3, "0-name");
  core.round();
  core.io.now += 1'000'000'000;
  core.shard.client_handler()->on_status({7}, 1);
  EXPECT_EQ(core.host.published["overloaded"], 42u) << "unavailable is another thing";
}

TEST(ShardTraffic, CountsARequestOfAnotherCoresNameOnlyWhereItCameIn) {
  PostOffice office{2};
  Core a{0, &office};
  Core b{1, &office};
  a.log.report(1);
  b.log.report(1);
  a.request(70, "1-name");
  a.round();
  answer_first(b, Status::kDone);
  b.shard.on_wake();
  b.round();
  a.io.now += 2'000'000;
  a.shard.on_wake();
  a.round();
  EXPECT_EQ(answers(a, Status::kDone), 1u);
  EXPECT_EQ(answers(a), 1u);
  EXPECT_EQ(took_ns(a), 2'000'000u);
  EXPECT_EQ(answers(b), 0u);
}

TEST(ShardTraffic, CountsTheWritesOfItsLog) {
  Core core{0};
  core.log.listener->on_synced(700'000);
  EXPECT_EQ(counted(core).log_sync.sum_ns, 700'000u);
}

}  // namespace shard_traffic_test
}  // namespace once::server::test

// Who asks a shard what it holds of a name: in the queue of those who list, one answer a round, and
// of the names of this core alone.
#include <gtest/gtest.h>

#include "tests/unit/server/shard_fixture.h"

namespace once::server::test {
namespace shard_explain_test {

using paxos::Status;

struct Explanations : testing::Test {
  Explanations() { core.log.report(1); }
  void ask(uint64_t correlation, std::string_view name = "0name", uint64_t connection = 7) {
    std::string bytes(name);
    core.shard.client_handler()->on_explain({connection}, correlation, {bytes});
    bytes.assign(bytes.size(), '\xdd');  // as of a buffer that is used again
  }
  const std::vector<SentExplanation>& told() const { return core.listener.explanations; }
  Core core{0};
};

TEST_F(Explanations, AreGivenOneARoundInTheirOrder) {
  ask(1, "0one"), ask(2, "0two"), ask(3, "0three", 8);
  EXPECT_TRUE(told().empty());
  for (uint64_t round = 1; round <= 3; ++round) {
    const int wakes = core.io.wakes;
    core.round();
    ASSERT_EQ(told().size(), round);
    EXPECT_EQ(told().back().correlation, round);
    EXPECT_EQ(told().back().connection, round < 3 ? 7u : 8u);
    EXPECT_EQ(told().back().reply.status, Status::kDone);
    EXPECT_EQ(told().back().reply.explanation.version, round) << "as the replica says";
    EXPECT_EQ(core.io.wakes > wakes, round < 3) << "a round follows while some wait";
  }
  EXPECT_EQ(core.replica.explained, (std::vector<std::string>{"0one", "0two", "0three"}));
  core.round();
  EXPECT_EQ(told().size(), 3u);
}

TEST_F(Explanations, OfANameOfAnotherCoreSayWhichCoreThatIs) {
  ask(1, "3name");
  ASSERT_EQ(told().size(), 1u) << "at once";
  EXPECT_EQ(told()[0].reply.status, Status::kConflict);
  EXPECT_EQ(told()[0].reply.core, CoreId{3});
  core.round();
  EXPECT_TRUE(core.replica.explained.empty());
}

TEST_F(Explanations, ShareTheBoundsOfTheQueueWithLists) {
  for (uint64_t i = 0; i < 64; ++i) ask(i, "0name", 100 + i);
  EXPECT_TRUE(told().empty());
  ask(64, "0name", 200);
  ASSERT_EQ(told().size(), 1u);
  EXPECT_EQ(told()[0].reply.status, Status::kOverloaded);
  core.shard.client_handler()->on_list({201}, 1, {{"p", 0, 10}, 0});
  ASSERT_EQ(core.listener.lists.size(), 1u);
  EXPECT_EQ(core.listener.lists[0].status, Status::kOverloaded);
  for (int i = 0; i < 64; ++i) core.round();
  EXPECT_EQ(told().size(), 65u);
  ask(65), ask(66), ask(67);
  ASSERT_EQ(told().size(), 66u) << "one connection has two places";
  EXPECT_EQ(told().back().correlation, 67u);
  EXPECT_EQ(told().back().reply.status, Status::kOverloaded);
}

TEST_F(Explanations, OfWhatIsNoNameAreRefused) {
  ask(1, "");
  ask(2, std::string(kMaxNameBytes + 1, '0'));
  ask(3, std::string(kMaxNameBytes, '0'));
  ASSERT_EQ(told().size(), 2u);
  EXPECT_EQ(told()[0].reply.status, Status::kInvalid);
  EXPECT_EQ(told()[1].reply.status, Status::kInvalid);
  core.round();
  EXPECT_EQ(told().back().reply.status, Status::kDone);
}

// A node that has no vote says what it holds, too; one that stops says nothing more.
TEST_F(Explanations, AreGivenWithoutAVoteAndNotWhileStopping) {
  core.host.votes = false;
  ask(1);
  core.round();
  ASSERT_EQ(told().size(), 1u);
  EXPECT_EQ(told()[0].reply.status, Status::kDone);
  core.host.stop = true;
  core.shard.on_wake();
  ask(2);
  ASSERT_EQ(told().size(), 2u);
  EXPECT_EQ(told()[1].reply.status, Status::kUnavailable);
}

}  // namespace shard_explain_test
}  // namespace once::server::test

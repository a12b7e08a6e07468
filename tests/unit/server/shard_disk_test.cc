// What a core does while its disk is full, spent or behind, and what its replica is told of it.
#include <gtest/gtest.h>

#include "tests/unit/server/shard_fixture.h"

namespace once::server::test {
namespace shard_disk_test {

using paxos::Status;

TEST(ShardDisk, TellsTheReplicaWhenTheDiskFillsAndWhenThereIsRoomAgain) {
  Started core;
  core.log.is_full = true;
  for (int i = 0; i < 3; ++i) core.tick();
  EXPECT_EQ(core.replica.disk, paxos::Disk::kFull);
  EXPECT_EQ(core.host.lines.size(), 1u);
  EXPECT_EQ(core.host.published["log_full"], 1u);
  core.log.is_full = false;
  core.tick();
  EXPECT_EQ(core.replica.disk, paxos::Disk::kEnough);
  EXPECT_EQ(core.host.lines.size(), 2u);
  core.log.is_full = core.log.is_spent = true;
  core.tick();
  EXPECT_EQ(core.replica.disk, paxos::Disk::kSpent);
  core.log.is_spent = false;
  core.tick();
  EXPECT_EQ(core.replica.disk, paxos::Disk::kFull);
}

// New names are refused alike, but nobody is to make room, nor the cores to clean for want of it.
TEST(ShardDisk, CallsADiskThatIsSlowerThanWhatComesNotFull) {
  Started core;
  core.log.is_crowded = true;
  for (int i = 0; i < 3; ++i) core.tick();
  EXPECT_EQ(core.replica.disk, paxos::Disk::kFull);
  ASSERT_EQ(core.host.lines.size(), 1u);
  EXPECT_TRUE(core.host.lines[0].starts_with("the disk is slower than what comes: "));
  EXPECT_EQ(core.host.published["log_full"], 0u);
  EXPECT_FALSE(core.host.any_full()) << "what the cleaners go by";
  core.log.is_spent = true;
  core.tick();
  EXPECT_EQ(core.replica.disk, paxos::Disk::kSpent);
  core.log.is_crowded = core.log.is_spent = false;
  core.tick();
  EXPECT_EQ(core.replica.disk, paxos::Disk::kEnough);
}

TEST(ShardDisk, TellsTheReplicaHowMuchWaitsForTheDisk) {
  Started core;
  core.log.waiting = 5'000'000;
  core.tick();
  EXPECT_EQ(core.replica.log_waiting, 5'000'000u);
}

// What is left is kept. The replica answers what it knows, and sends on what others may have room
// for; of what peers say it hears what makes no record, and that another node has started.
TEST(ShardDisk, TakesWhatMakesNoRecordWhileTheLogIsSpent) {
  Started core;
  core.log.is_spent = true;
  const Endpoint peer{NodeId{2}, CoreId{0}};
  const paxos::Ballot ballot{Round{1}, NodeId{2}, Incarnation{1}};
  core.shard.on_message(peer, paxos::Prepare{1, ballot, "0-name"});
  core.shard.on_message(peer, paxos::Accept{1, ballot, {}, "0-name"});
  core.shard.on_message(peer, paxos::Promise{1, ballot, {}, {}});
  core.round();
  EXPECT_EQ(core.replica.calls.back(), "durable 1") << "nothing has reached the replica";
  core.shard.on_message(peer, paxos::ForwardReply{1, Status::kDone, {}});
  core.shard.on_message(peer, paxos::ReadReply{1, false, {}, {}});
  core.shard.on_message(peer, paxos::Forward{});
  core.shard.on_message(peer, paxos::ReadState{1, "0-name"});
  core.shard.on_message(peer, paxos::ClaimHome{});
  core.request(1, "0-name");
  core.round();
  EXPECT_EQ(core.replica.calls.back(), "step 6");
  core.log.is_behind = true;
  core.shard.on_message(peer, paxos::ReadState{1, "0-name"});
  core.round();
  EXPECT_EQ(core.replica.calls.back(), "step 6") << "a disk that hangs takes less";
}

// A disk that hangs: whatever could lead to a record is turned away, certain not to happen.
TEST(ShardDisk, TakesNothingMoreWhileTheLogIsBehind) {
  Started core;
  core.log.is_behind = true;
  core.request(1, "0-name");
  core.shard.on_message({NodeId{2}, CoreId{0}},
                        paxos::Prepare{1, {Round{1}, NodeId{2}, Incarnation{1}}, "0-name"});
  core.shard.on_message(
      {NodeId{2}, CoreId{0}},
      paxos::AcceptedRange{Incarnation{1}, paxos::Sequence{1}, paxos::Sequence{1}});
  core.round();
  EXPECT_EQ(core.replica.calls.back(), "durable 1") << "nothing has reached the replica";
  ASSERT_EQ(core.listener.replies.size(), 1u);
  EXPECT_EQ(core.listener.replies[0].status, Status::kOverloaded);
  EXPECT_EQ(core.shard.outstanding(), 0u);
  core.log.is_behind = false;
  core.request(2, "0-name");
  core.shard.on_message({NodeId{2}, CoreId{0}},
                        paxos::Prepare{1, {Round{1}, NodeId{2}, Incarnation{1}}, "0-name"});
  core.round();
  EXPECT_EQ(core.replica.calls.back(), "step 2");
}

// What was asked before is answered: these make no record, and whoever waits for them learns more.
TEST(ShardDisk, TakesAnswersThatMakeNoRecordWhileTheLogIsBehind) {
  Started core;
  core.log.is_behind = true;
  core.shard.on_message({NodeId{2}, CoreId{0}}, paxos::ForwardReply{1, Status::kDone, {}});
  core.shard.on_message({NodeId{2}, CoreId{0}}, paxos::ReadReply{1, false, {}, {}});
  core.shard.on_link_down({NodeId{2}, CoreId{0}}, "gone");
  core.round();
  EXPECT_EQ(core.replica.calls.back(), "step 3");
}

TEST(ShardDisk, SaysOnceThatTheLogIsBehindAndOnceThatItIsNot) {
  Started core;
  core.log.is_behind = true;
  for (int i = 0; i < 3; ++i) core.tick();
  EXPECT_EQ(core.host.lines.size(), 1u);
  core.log.is_behind = false;
  for (int i = 0; i < 3; ++i) core.tick();
  EXPECT_EQ(core.host.lines.size(), 2u);
}

}  // namespace shard_disk_test
}  // namespace once::server::test

// The glue of one core (DESIGN 3.3, 4): what is on disk before what is said, and who gets an
// answer.
#include "server/shard.h"

#include <gtest/gtest.h>

#include "tests/unit/server/shard_fixture.h"

namespace once::server::test {
namespace shard_test {

using paxos::Output;
using paxos::Status;

TEST(Shard, OpensNoDoorBeforeItsIncarnationIsDurable) {
  Core core(0);
  EXPECT_EQ(core.replica.calls, Journal{"start"});
  EXPECT_GT(core.log.flushes, 0);
  core.tick();
  EXPECT_FALSE(core.links.started || core.host.started);
  core.log.report(1);
  EXPECT_TRUE(core.links.started && core.host.started);
  EXPECT_EQ(core.replica.calls.back(), "durable 1");
}

TEST(Shard, HoldsAMessageUntilItsRecordIsDurable) {
  Started core;
  core.script([](Output& out) {
    FakeReplica::record(out, "a");
    FakeReplica::record(out, "b");
    FakeReplica::message(out, 12, 2);  // rests on "a"
    FakeReplica::message(out, 13, 3);
    FakeReplica::message(out, 11, 1);  // rests on what is durable already
  });
  core.request(1, "0-name");
  core.round();
  EXPECT_EQ(core.links.sent, std::vector<uint64_t>{11});
  core.tick();
  EXPECT_EQ(core.links.sent, std::vector<uint64_t>{11});
  core.log.report(2);
  EXPECT_EQ(core.links.sent, (std::vector<uint64_t>{11, 12}));
  core.log.report(3);
  EXPECT_EQ(core.links.sent, (std::vector<uint64_t>{11, 12, 13}));
}

// What goes to several is encoded once, whether it may leave now or later.
TEST(Shard, SendsARepeatedMessageAsTheOneBeforeIt) {
  Started core;
  core.script([](Output& out) {
    FakeReplica::record(out, "a");
    const auto repeat = [&out](uint64_t rests_on) {
      FakeReplica::message(out, 99, rests_on, 3);
      out.messages.back().repeats = true;
    };
    FakeReplica::message(out, 11, 1);
    repeat(1);
    FakeReplica::message(out, 12, 2);
    repeat(2);
    FakeReplica::message(out, 13, 1);
  });
  core.request(1, "0-name");
  core.round();
  EXPECT_EQ(core.links.sent, (std::vector<uint64_t>{11, 11, 13}));
  core.log.report(2);
  EXPECT_EQ(core.links.sent, (std::vector<uint64_t>{11, 11, 13, 12, 12}));
}

TEST(Shard, AppendsRecordsThenRepliesThenSendsThenFlushes) {
  Started core;
  core.script([&core](Output& out) {
    FakeReplica::message(out, 5, 1);
    FakeReplica::reply(out, core.replica.requests.at(0).token());
    FakeReplica::record(out, "a");
    FakeReplica::record(out, "b");
  });
  core.request(77, "0-name");
  const int flushes = core.log.flushes;
  core.round();
  EXPECT_EQ(core.journal,
            (Journal{"append a", "append b", "reply 77", "send 5 to 2", "links flush"}));
  EXPECT_EQ(core.log.flushes, flushes + 1);
}

// What nobody waits for may wait: only if that is all there is.
TEST(Shard, AppendsNewsLazilyWhereAllAreNews) {
  Started core;
  const auto step = [&core](size_t news) {
    core.script([news](Output& out) {
      FakeReplica::record(out, "a");
      FakeReplica::record(out, "b");
      out.news = news;
    });
    core.request(1, "0-name");
    core.journal.clear();
    core.round();
  };
  step(2);
  EXPECT_EQ(core.journal, (Journal{"append lazily a", "append lazily b", "links flush"}));
  step(1);
  EXPECT_EQ(core.journal, (Journal{"append a", "append b", "links flush"}));
}

TEST(Shard, TakesAWholeRoundIntoOneStep) {
  Started core;
  for (uint64_t i = 0; i < 5; ++i) core.request(i, "0-name");
  core.shard.on_message({NodeId{2}, CoreId{0}}, paxos::Accepted{1, {}, 1});
  core.round();
  EXPECT_EQ(core.replica.calls.back(), "step 6");
  core.round();
  EXPECT_EQ(core.replica.calls.back(), "step 6") << "no step without an event";
}

TEST(Shard, MakesAnEmptyStepWhenItsReplicaAskedForOne) {
  Started core;
  const int64_t at = core.io.now + 300'000;
  for (int i = 0; i < 2; ++i) {  // asked for twice: one timer
    core.script([at](Output& out) { out.step_again_ns = at; });
  }
  core.request(1, "0-name");
  core.round();
  EXPECT_EQ(core.io.timer_at, at);
  core.io.timer_at = 0;
  core.request(2, "0-name");
  core.round();
  EXPECT_EQ(core.io.timer_at, 0);
  core.io.now = at;
  core.script([at](Output& out) { out.step_again_ns = at + 1; });
  core.shard.on_timer(core.io.timer);
  core.round();
  EXPECT_EQ(core.replica.calls.back(), "step 0");
  EXPECT_EQ(core.io.timer_at, at + 1) << "it may ask again";
  core.replica.calls.clear();
  core.round();
  EXPECT_TRUE(core.replica.calls.empty()) << "once each time";
}

TEST(Shard, GivesEachAnswerToWhoAsked) {
  Started core;
  for (uint64_t i = 0; i < 3; ++i) core.request(100 + i, "0-name");
  core.script([&core](Output& out) {
    for (size_t i : {2u, 0u}) FakeReplica::reply(out, core.replica.requests.at(i).token(), "v");
  });
  core.round();
  ASSERT_EQ(core.listener.replies.size(), 2u);
  EXPECT_EQ(core.listener.replies[0].correlation, 102u);
  EXPECT_EQ(core.listener.replies[1].correlation, 100u);
  EXPECT_EQ(core.listener.replies[1].connection, 7u);
  EXPECT_EQ(core.listener.replies[1].value, "v");
  EXPECT_EQ(core.shard.outstanding(), 1u);
}

TEST(Shard, RefusesAsOverloadedWhatItsRequestTableCannotHold) {
  Started core(2);
  for (uint64_t i = 1; i <= 3; ++i) core.request(i, "0-name");
  core.round();
  EXPECT_EQ(core.replica.requests.size(), 2u) << "what was refused never reached the replica";
  ASSERT_EQ(core.listener.replies.size(), 1u);
  EXPECT_EQ(core.listener.replies[0].correlation, 3u);
  EXPECT_EQ(core.listener.replies[0].status, Status::kOverloaded);
  // There is room again once one is answered.
  core.script([&core](Output& out) { FakeReplica::reply(out, core.replica.requests[0].token()); });
  core.tick();
  core.request(4, "0-name");
  core.round();
  EXPECT_EQ(core.replica.requests.size(), 3u);
  EXPECT_EQ(core.listener.replies.back().correlation, 1u);
}

// Whatever is asked, and however the node is: nothing of it reaches the replica.
TEST(Shard, RefusesClientsTheNamesOfTheSystemInEveryOperation) {
  for (const bool votes : {true, false}) {
    Started core;
    core.host.votes = votes;
    uint64_t correlation = 0;
    for (int o = 1; o <= static_cast<int>(paxos::kLastOperation); ++o) {
      core.listener.asked = static_cast<paxos::Operation>(o);
      for (const std::string_view name : {"_", "_x", "_0/lock"}) {
        paxos::ClientRequest request;
        request.operation = core.listener.asked;
        request.id = request_id(1, 1);
        request.name = name;
        core.shard.client_handler()->on_request({7}, ++correlation, request);
        core.round();
        ASSERT_EQ(core.listener.replies.size(), correlation) << o << name;
        EXPECT_EQ(core.listener.replies.back().status, Status::kInvalid) << o << name;
        EXPECT_EQ(core.listener.replies.back().correlation, correlation);
      }
    }
    EXPECT_TRUE(core.replica.requests.empty());
    EXPECT_EQ(core.shard.outstanding(), 0u);
  }
  Started core;
  core.request(1, "0_");  // only the first byte counts
  core.round();
  EXPECT_EQ(core.replica.requests.size(), 1u);
}

TEST(Shard, AnswersUnavailableWhileItDrainsAndStopsWhenIdle) {
  Started core;
  core.request(1, "0-name");
  core.round();
  core.host.stop = true;
  core.tick();
  EXPECT_TRUE(core.listener.draining);
  core.request(2, "0-name");
  core.round();
  EXPECT_EQ(core.replica.requests.size(), 1u);
  ASSERT_EQ(core.listener.replies.size(), 1u);
  EXPECT_EQ(core.listener.replies[0].status, Status::kUnavailable);
  for (int i = 0; i < 3; ++i) core.tick();
  EXPECT_FALSE(core.io.stopped) << "a request is still unanswered";
  core.script([&core](Output& out) { FakeReplica::reply(out, core.replica.requests[0].token()); });
  core.tick();
  EXPECT_FALSE(core.io.stopped) << "the reply has not left yet";
  core.tick();
  EXPECT_TRUE(core.io.stopped);
}

TEST(Shard, AnswersWhomItRefusesBeforeItStops) {
  Started core;
  core.host.stop = true;
  core.tick();
  core.request(1, "0-name");
  core.shard.on_timer(core.io.timer);
  EXPECT_FALSE(core.io.stopped) << "the refusal has not left yet";
  core.round();
  ASSERT_EQ(core.listener.replies.size(), 1u);
  for (int i = 0; i < 2; ++i) core.tick();
  EXPECT_TRUE(core.io.stopped);
}

// "then it makes the log durable": what nobody waits for as well, news of a decision for one.
TEST(Shard, StopsOnlyOnceItsLogIsDurable) {
  Started core;
  core.script([](Output& out) { FakeReplica::record(out, "news"); });
  core.request(1, "0-name");
  core.round();
  core.script([&core](Output& out) { FakeReplica::reply(out, core.replica.requests[0].token()); });
  core.host.stop = true;
  for (int i = 0; i < 5; ++i) core.tick();
  ASSERT_EQ(core.listener.replies.size(), 1u);
  EXPECT_FALSE(core.io.stopped);
  core.log.report(core.log.appended().value);
  for (int i = 0; i < 2; ++i) core.tick();
  EXPECT_TRUE(core.io.stopped);
}

// Each tick of the others brings some, and waits for nobody.
TEST(Shard, WaitsForNewsOnlyWhenItStops) {
  Started core;
  core.script([](Output& out) { FakeReplica::record(out, "news"), out.news = 1; });
  core.request(1, "0-name");
  core.round();
  core.tick();
  EXPECT_LT(core.log.hurried, core.log.appended());
  core.host.stop = true;
  core.tick();
  EXPECT_EQ(core.log.hurried, core.log.appended());
}

TEST(Shard, TellsItsHostWhetherTheDiskIsFull) {
  Started core;
  for (const bool full : {true, false}) {
    core.log.is_full = full;
    core.tick();
    EXPECT_EQ(core.host.full, full);
  }
}

TEST(Shard, StopsAtTheEndOfItsDrainTimeWhateverIsLeft) {
  Started core;
  core.request(1, "0-name");
  core.host.stop = true;
  core.tick();
  core.io.now += ShardOptions{}.drain_timeout_ns;
  core.tick();
  EXPECT_TRUE(core.io.stopped);
}

// The fake replica fails the test when it is entered twice.
TEST(Shard, EntersTheReplicaOnceWhenTheLogReportsFromWithinAnAppend) {
  Started core;
  core.script([](Output& out) { FakeReplica::record(out, "a"); });
  core.request(1, "0-name");
  core.round();
  core.log.report_in_append = 2;
  core.script([](Output& out) {
    FakeReplica::record(out, "b");
    FakeReplica::message(out, 9, 2);
  });
  core.request(2, "0-name");
  core.round();
  EXPECT_EQ(core.replica.calls.back(), "durable 2");
  EXPECT_EQ(core.links.sent, std::vector<uint64_t>{9});
}

TEST(Shard, EntersTheReplicaOnceWhenTheLogReportsWhileItHearsOfDurable) {
  Started core;
  core.script([](Output& out) {
    FakeReplica::record(out, "a");
    FakeReplica::record(out, "b");
  });
  core.request(1, "0-name");
  core.round();
  core.script([](Output& out) {
    FakeReplica::record(out, "c");
    FakeReplica::message(out, 9, 3);
  });
  core.log.report_in_append = 3;
  core.log.report(2);
  EXPECT_EQ(core.replica.calls.back(), "durable 3") << "at once, not at the next tick";
  EXPECT_EQ(core.links.sent, std::vector<uint64_t>{9});
}

TEST(Shard, TakesWhatTheLogReportsFromWithinAFlush) {
  Started core;
  core.script([](Output& out) {
    FakeReplica::record(out, "a");
    FakeReplica::message(out, 9, 2);
  });
  core.log.report_in_flush = true;
  core.request(1, "0-name");
  core.round();
  EXPECT_EQ(core.links.sent, std::vector<uint64_t>{9});
  EXPECT_LT(core.at("send 9 to 2"), core.at("links flush")) << "it leaves in the same round";
}

TEST(Shard, AnswersUnavailableWithoutAVoteAndAsksItsHostAgainEachTime) {
  Started core;
  core.host.votes = false;
  core.request(1, "0-name");
  core.round();
  ASSERT_EQ(core.listener.replies.size(), 1u);
  EXPECT_EQ(core.listener.replies[0].status, paxos::Status::kUnavailable);
  for (const auto& call : core.replica.calls) EXPECT_FALSE(call.starts_with("step")) << call;
  core.host.votes = true;
  core.request(2, "0-name");
  core.round();
  EXPECT_EQ(core.replica.calls.back(), "step 1");
  EXPECT_EQ(core.host.ticks, 0);
  core.shard.on_timer(1);
  EXPECT_EQ(core.host.ticks, 1);
}

TEST(Shard, ForgetsWhatItHeldForALinkThatWentDown) {
  Started core;
  core.script([](Output& out) {
    FakeReplica::record(out, "a");
    FakeReplica::message(out, 2, 2, 2);
    FakeReplica::message(out, 3, 2, 3);
  });
  core.request(1, "0-name");
  core.round();
  core.shard.on_link_down({NodeId{2}, CoreId{0}}, "gone");
  core.shard.on_link_up({NodeId{2}, CoreId{0}}, net::PeerHello{});
  core.round();
  EXPECT_EQ(core.replica.calls.back(), "step 2") << "the replica learns of both";
  core.log.report(2);
  EXPECT_EQ(core.links.sent, std::vector<uint64_t>{3}) << "lost with its link; the other is not";
}

TEST(Shard, HoldsNothingForALinkThatIsDown) {
  Started core;
  core.links.up = false;
  core.script([](Output& out) {
    FakeReplica::record(out, "a");
    FakeReplica::message(out, 2, 2);
  });
  core.request(1, "0-name");
  core.round();
  core.links.up = true;
  core.log.report(2);
  EXPECT_TRUE(core.links.sent.empty());
}

// A record of the step itself may be among them: the log must have it by then.
TEST(Shard, TellsTheLogWhatIsNeededNoLongerBehindTheRecordsOfTheStep) {
  Started core;
  core.replica.script.push_back([](paxos::Output& out) {
    FakeReplica::record(out, "news");
    out.needless = {{RecordNumber{1}, 11}, {RecordNumber{2}, 4}};
  });
  core.request(1, "0-name");
  core.round();
  EXPECT_LT(core.at("append news"), core.at("needless 1: 11"));
  EXPECT_LT(core.at("needless 1: 11"), core.at("needless 2: 4"));
}

TEST(Shard, PublishesThatTheDiskIsSlow) {
  Started core;
  core.tick();
  EXPECT_EQ(core.host.published["disk_slow"], 0u);
  core.log.writing_since = core.io.now;
  core.io.now += 3'000'000'000;
  core.tick();
  EXPECT_EQ(core.host.published["disk_slow"], 1u);
}

TEST(Shard, PublishesHowManyMessagesHadToBeDropped) {
  Started core;
  const std::string value(kMaxValueBytes, 'v');
  core.script([&](paxos::Output& out) {
    FakeReplica::record(out, "what they rest on");
    for (size_t bytes = 0; bytes <= kMaxOutboxBytes; bytes += value.size()) {
      const paxos::Ballot ballot{Round{1}, NodeId{1}, Incarnation{1}};
      out.messages.push_back({{NodeId{2}, CoreId{0}},
                              {RecordNumber{2}},
                              paxos::Accept{1, ballot, {1, true, {}, value}, "name"}});
    }
  });
  core.request(1, "0-name");
  core.round();
  core.tick();
  EXPECT_GT(core.host.published["held_dropped"], 0u);
}

TEST(Shard, PassesAFailureOfTheLogOn) {
  Started core;
  core.shard.on_log_failed("I/O error");
  EXPECT_EQ(core.host.failure, "I/O error");
  EXPECT_EQ(core.host.damage, "");
  core.shard.on_log_corrupt("bit rot");
  EXPECT_EQ(core.host.damage, "bit rot");
}

TEST(Shard, CarriesWordOfModestClientsBetweenItsClientsAndItsPeers) {
  Started core;
  core.listener.modest_until = 77;
  core.request(1, "0-name");
  core.round();
  EXPECT_EQ(core.links.flushed_modest_until_ns, 77) << "with what this round sends";
  EXPECT_EQ(core.listener.modest_elsewhere, 0);
  core.shard.on_modest_elsewhere();
  EXPECT_EQ(core.listener.modest_elsewhere, 1);
}

TEST(Shard, PublishesBeforeItAnswersAStatusRequest) {
  Started core;
  core.request(1, "0-name");
  core.shard.client_handler()->on_status({7}, 5);
  EXPECT_EQ(core.host.published["operations"], 1u);
  EXPECT_EQ(core.journal, Journal{"status"});
}

TEST(Shard, MakesAStatusOnceInATenthOfASecondAndAnswersEveryRequestForIt) {
  Started core;
  for (int i = 0; i < 100; ++i) core.shard.client_handler()->on_status({7}, 5);
  EXPECT_EQ(core.journal.size(), 100u);
  EXPECT_EQ(core.host.statuses, 1);
  core.io.now += 99'000'000;
  core.shard.client_handler()->on_status({7}, 5);
  EXPECT_EQ(core.host.statuses, 1);
  core.io.now += 1'000'000;
  core.shard.client_handler()->on_status({7}, 5);
  EXPECT_EQ(core.host.statuses, 2);
}

// With the real core, alone in its cluster: "done" only when the accept is on disk.
TEST(Shard, AnswersAWriteWhenItsAcceptIsDurable) {
  const auto replica = paxos::Replica::make(
      {.self = {NodeId{1}, CoreId{0}}, .members = {NodeId{1}}, .hash_seed = 1, .shard_count = 64});
  Core core(0, nullptr, 64, replica.get());
  core.log.report(1);
  core.request(1, "name", "value");
  core.round();
  EXPECT_EQ(core.log.appended(), RecordNumber{2});
  EXPECT_TRUE(core.listener.replies.empty());
  core.log.report(2);
  ASSERT_EQ(core.listener.replies.size(), 1u);
  EXPECT_EQ(core.listener.replies[0].status, Status::kDone);
  core.request(2, "name", "other");
  core.round();
  ASSERT_EQ(core.listener.replies.size(), 2u);
  EXPECT_EQ(core.listener.replies[1].status, Status::kAlreadySet);
  EXPECT_EQ(core.listener.replies[1].value, "value");
}

}  // namespace shard_test
}  // namespace once::server::test

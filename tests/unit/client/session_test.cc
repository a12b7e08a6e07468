// The client's session as a pure state machine over an invented clock.
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "tests/unit/client/session_fixture.h"

namespace once::client {
namespace session_test {

TEST_F(SessionTest, GoesToTheHomeOfTheName) {
  establish();
  for (uint32_t member = 0; member < 3; ++member) {
    submit(Op::kWrite, name_homed_at(member, 3));
    ASSERT_EQ(sent.size(), member + 1);
    EXPECT_EQ(where[sent.back().path], addresses[member]);
  }
}

TEST_F(SessionTest, GoesToTheCoreOfTheShard) {
  establish(4);
  for (int i = 0; i < 20; ++i) {
    const std::string name = name_homed_at(1, 3, i);
    submit(Op::kRead, name);
    for (auto& entry : connects) {
      const uint16_t want = core_of(shard_of(name_hash(name, kSeed), kShardCount), 4).value;
      if (std::get<1>(entry) == "b:1") {
        EXPECT_EQ(std::get<2>(entry), want);
      }
    }
    connect_all(4);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(where[sent[0].path], "b:1");
    reply(0, Status::kEmpty);
    sent.clear();
  }
}

// Machines differ: which core serves a name is counted with the cores of its own home.
TEST_F(SessionTest, GoesToTheCoreOfTheShardAsThatNodeHasThem) {
  const uint16_t cores[] = {1, 4, 3};
  std::map<PathId, uint16_t> core_of_path;
  const auto up = [&] {
    for (size_t i = 0; i < connects.size(); ++i) {
      const auto [path, address, core] = connects[i];
      core_of_path[path] = core == kAnyCore ? 0 : core;
      net::ServerHello hello = hello_of(node_of(address), addresses, core_of_path[path]);
      for (size_t member = 0; member < 3; ++member) hello.members[member].cores = cores[member];
      session->on_ready(path, hello, now);
    }
    connects.clear();
  };
  for (uint32_t member = 0; member < 3; ++member) {
    for (int i = 0; i < 10; ++i) {
      const std::string name = name_homed_at(member, 3, i);
      submit(Op::kRead, name);
      up();
      up();
      ASSERT_EQ(where[sent.back().path], addresses[member]) << name;
      const ShardId shard = shard_of(name_hash(name, kSeed), kShardCount);
      EXPECT_EQ(core_of_path[sent.back().path], core_of(shard, cores[member]).value) << name;
      reply(sent.size() - 1, Status::kEmpty);
    }
  }
}

TEST_F(SessionTest, UnknownAddressGoesThroughAnotherNode) {
  addresses[2] = "";
  session = std::make_unique<Session>(SessionOptions{{"a:1"}, 4, 1}, this);
  establish();
  submit(Op::kWrite, name_homed_at(2, 3));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_NE(where[sent[0].path], "c:1");
}

TEST_F(SessionTest, RefusalsAndWins) {
  establish();
  submit(Op::kWrite, "x");
  reply(0, Status::kDone, request_id(7, last_id));
  submit(Op::kWrite, "x");
  reply(1, Status::kAlreadySet, request_id(1, 1));
  submit(Op::kWrite, "x");
  reply(2, Status::kAlreadySet, request_id(7, last_id));  // an earlier attempt of its own won
  submit(Op::kRead, "x");
  reply(3, Status::kInvalid);
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[0].outcome, Outcome::kDone);
  EXPECT_EQ(results[1].outcome, Outcome::kRefused);
  EXPECT_EQ(results[2].outcome, Outcome::kDone);
  EXPECT_EQ(results[3].outcome, Outcome::kInvalid);
}

TEST_F(SessionTest, OutcomesAtTheDeadline) {
  struct Row {
    Op operation;
    std::optional<Status> answer;  // none: silence
    Outcome outcome;
  };
  const Row rows[] = {
      {Op::kWrite, Status::kUnavailable, Outcome::kUnavailable},
      {Op::kWrite, Status::kOverloaded, Outcome::kUnavailable},
      {Op::kWrite, Status::kUnknown, Outcome::kUnknown},
      {Op::kWrite, std::nullopt, Outcome::kUnknown},
      {Op::kRead, Status::kUnavailable, Outcome::kUnavailable},
      {Op::kRead, Status::kUnknown, Outcome::kUnavailable},
      {Op::kRead, std::nullopt, Outcome::kUnavailable},
  };
  establish();
  for (const Row& row : rows) {
    results.clear();
    sent.clear();
    submit(row.operation, "x", 1000);
    const int64_t deadline = now + 1000 * kMs;
    size_t answered = 0;
    while (results.empty()) {
      for (; row.answer && answered < sent.size(); ++answered) reply(answered, *row.answer);
      ASSERT_LE(session->next_wake_ns(), deadline);
      run_until(session->next_wake_ns());
      ASSERT_LT(sent.size(), 100u) << "it asks again and again";
    }
    EXPECT_EQ(now, deadline);
    EXPECT_EQ(results[0].outcome, row.outcome);
    for (const Sent& one : sent) EXPECT_EQ(one.id, request_id(7, last_id));
    EXPECT_LT(sent.size(), 20u);  // back-off
    if (row.answer) {
      EXPECT_GT(sent.size(), 4u);
    }
  }
}

TEST_F(SessionTest, OneLostAttemptMakesTheOutcomeUnknown) {
  establish();
  submit(Op::kWrite, "x", 1000);
  session->on_closed(sent[0].path, "reset", now);
  size_t answered = 1;
  while (results.empty()) {
    run_until(session->next_wake_ns());
    for (; answered < sent.size(); ++answered) reply(answered, Status::kUnavailable);
  }
  EXPECT_EQ(results[0].outcome, Outcome::kUnknown);
}

TEST_F(SessionTest, NeverSentIsUnavailable) {
  submit(Op::kWrite, "x", 1000);
  EXPECT_EQ(connects.size(), 3u);
  for (auto [path, address, core] : std::exchange(connects, {})) {
    session->on_closed(path, "refused", now);
  }
  run_until(now + 1000 * kMs);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kUnavailable);
  EXPECT_NE(results[0].message.find("refused"), std::string::npos);
  EXPECT_LT(where.size(), 4u);
}

TEST_F(SessionTest, HedgesToAnotherNodeWithTheSameId) {
  establish();
  submit(Op::kWrite, "x", 5000);
  ASSERT_EQ(sent.size(), 1u);
  run_until(now + 499 * kMs);
  EXPECT_EQ(sent.size(), 1u);
  run_until(now + 2 * kMs);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[1].id, sent[0].id);
  EXPECT_NE(sent[1].path, sent[0].path);
  EXPECT_LT(sent[1].timeout_ms, sent[0].timeout_ms);
  reply(1, Status::kDone, sent[0].id);
  reply(0, Status::kDone, sent[0].id);  // late, and nobody minds
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kDone);
}

TEST_F(SessionTest, ASilentNodeIsAvoidedForAWhile) {
  establish();
  const std::string name = name_homed_at(0, 3);
  submit(Op::kWrite, name, 5000);
  run_until(now + 501 * kMs);
  ASSERT_EQ(sent.size(), 2u);
  submit(Op::kRead, name, 5000);
  EXPECT_NE(sent[2].path, sent[0].path);
  reply(0, Status::kDone);
  submit(Op::kRead, name, 5000);
  EXPECT_EQ(sent[3].path, sent[0].path);
}

// Its machine may be gone without a word: what must not be asked twice would wait for it for ever.
TEST_F(SessionTest, ANodeThatIsSilentForSecondsIsGivenUp) {
  establish();
  submit(Op::kNext, name_homed_at(0, 3), 60'000);
  ASSERT_EQ(sent.size(), 1u);
  const PathId home = sent[0].path;
  run_until(now + 2000 * kMs);
  EXPECT_TRUE(closed.empty());
  EXPECT_EQ(sent.size(), 1u);
  run_until(now + 2000 * kMs);
  ASSERT_FALSE(closed.empty());
  EXPECT_EQ(closed[0], home);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kUnknown);
  submit(Op::kNext, name_homed_at(0, 3), 60'000);
  run_until(now + 500 * kMs);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_NE(sent[1].path, home);
}

// Its silence was that of the connection before.
TEST_F(SessionTest, ANodeThatComesBackFromItsSilenceIsBelievedAgain) {
  establish();
  const std::string name = name_homed_at(0, 3);
  submit(Op::kNext, name, 60'000);
  const PathId home = sent[0].path;
  run_until(now + 4000 * kMs);
  ASSERT_EQ(closed, std::vector<PathId>{home});
  closed.clear();
  submit(Op::kRead, name);
  ASSERT_EQ(connects.size(), 1u);
  ASSERT_EQ(std::get<0>(connects[0]), home);
  session->on_ready(home, hello_of(1, addresses), now);
  reply(sent.size() - 1, Status::kEmpty);
  now += 100 * kMs;
  session->on_tick(now);
  EXPECT_TRUE(closed.empty());
  results.clear();
  submit(Op::kNext, name, 60'000);
  ASSERT_EQ(sent.back().path, home);
  reply(sent.size() - 1, Status::kDone, request_id(7, last_id));
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kDone);
}

TEST_F(SessionTest, BeyondTheBoundIsRefusedAtOnce) {
  establish();
  for (int i = 0; i < 5; ++i) submit(Op::kWrite, "x");
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kUnavailable);
  EXPECT_EQ(session->pending(), 4u);
  session->cancel_all("closed");
  EXPECT_EQ(results.size(), 5u);
  EXPECT_EQ(results[4].outcome, Outcome::kUnknown);
}

TEST_F(SessionTest, AnotherClusterIsNotListenedTo) {
  submit(Op::kRead, "x");
  ASSERT_EQ(connects.size(), 3u);
  session->on_ready(0, hello_of(1, addresses), now);
  net::ServerHello other = hello_of(2, addresses);
  other.cluster.low = 99;
  session->on_ready(1, other, now);
  EXPECT_EQ(closed, std::vector<PathId>{1});
}

// Refuses every connection to c, for as long as names are asked for that live there.
class MovedNodeTest : public SessionTest {
 protected:
  void refuse_c(int64_t milliseconds) {
    const std::string name = name_homed_at(2, 3);
    for (const int64_t end = now + milliseconds * kMs; now < end; now += 5 * kMs) {
      submit(Op::kRead, name, 1);
      session->on_tick(now);
      for (auto connect : std::exchange(connects, {})) {
        if (std::get<1>(connect) == "c:1") {
          session->on_closed(std::get<0>(connect), "refused", now);
        } else {
          scouts.push_back(connect);
        }
      }
    }
  }
  std::vector<std::tuple<PathId, std::string, uint16_t>> scouts;
};

TEST_F(MovedNodeTest, IsFoundByANewMap) {
  establish();
  PathId c = kNoPath;
  for (const auto& [path, address] : where) c = address == "c:1" ? path : c;
  session->on_closed(c, "reset", now);
  refuse_c(1000);
  ASSERT_EQ(scouts.size(), 1u);
  const auto [path, address, core] = scouts[0];
  EXPECT_NE(address, "c:1");
  EXPECT_EQ(core, kAnyCore);
  session->on_ready(path, hello_of(1, {"a:1", "b:1", "d:1"}), now);
  EXPECT_EQ(closed, std::vector<PathId>{path});
  sent.clear();
  submit(Op::kRead, name_homed_at(2, 3));
  ASSERT_EQ(connects.size(), 1u);
  EXPECT_EQ(std::get<1>(connects[0]), "d:1");
  // The connection that brought the map carries nothing, though nobody else be there.
  for (const auto& [other, its_address] : where) {
    if (other != path) session->on_closed(other, "reset", now);
  }
  submit(Op::kRead, "x");
  for (const Sent& one : sent) EXPECT_NE(one.path, path);
}

TEST_F(MovedNodeTest, IsAskedForEveryTenSecondsAtMost) {
  establish();
  PathId c = kNoPath;
  for (const auto& [path, address] : where) c = address == "c:1" ? path : c;
  session->on_closed(c, "reset", now);
  refuse_c(1000);
  ASSERT_EQ(scouts.size(), 1u);
  session->on_closed(std::get<0>(scouts[0]), "reset", now);
  refuse_c(8000);
  EXPECT_EQ(scouts.size(), 1u);
  refuse_c(3000);
  EXPECT_EQ(scouts.size(), 2u);
}

TEST_F(SessionTest, AFullPathIsNotAnAttempt) {
  establish();
  full = true;
  submit(Op::kWrite, "x", 100);
  run_until(now + 100 * kMs);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kUnavailable);
}

// A reply is for one attempt: neither another operation in the same place nor another attempt of
// the same one may take it.
TEST_F(SessionTest, ALateReplyIsNotForTheNextOperationInThePlace) {
  establish();
  const std::string name = name_homed_at(0, 3);
  submit(Op::kWrite, name, 100);
  run_until(now + 100 * kMs);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kUnknown);
  const size_t late = 0, next = sent.size();
  submit(Op::kWrite, name, 5000);
  ASSERT_GT(sent.size(), next);
  session->on_reply(sent[next].path, sent[late].correlation,
                    {.token = 0, .status = Status::kAlreadySet, .state = {}}, now);
  EXPECT_EQ(results.size(), 1u);
  reply(next, Status::kDone, request_id(7, last_id));
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[1].outcome, Outcome::kDone);
}

// "Invalid" says that one attempt did nothing; an earlier one may have been taken.
TEST_F(SessionTest, InvalidAfterALostAttemptIsUnknown) {
  establish();
  submit(Op::kWrite, "x", 5000);
  session->on_closed(sent[0].path, "reset", now);
  while (sent.size() < 2) run_until(session->next_wake_ns());
  reply(1, Status::kInvalid);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kUnknown);
}

TEST_F(SessionTest, InvalidWithAnotherAttemptInFlightIsUnknown) {
  establish();
  submit(Op::kWrite, "x", 5000);
  run_until(now + 501 * kMs);
  ASSERT_EQ(sent.size(), 2u);
  reply(1, Status::kInvalid);
  run_until(now + 5000 * kMs);
  EXPECT_EQ(sent.size(), 2u);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kUnknown);
}

TEST_F(SessionTest, AnAnswerThatDoesNotFitTheQuestionIsNoOutcome) {
  const std::tuple<Op, Status, Outcome> rows[] = {
      {Op::kWrite, Status::kEmpty, Outcome::kUnknown},
      {Op::kRead, Status::kAlreadySet, Outcome::kUnavailable},
  };
  establish();
  for (const auto& [operation, answer, outcome] : rows) {
    results.clear();
    sent.clear();
    submit(operation, "x", 1000);
    reply(0, answer, request_id(1, 1));
    EXPECT_TRUE(results.empty());
    run_until(now + 1000 * kMs);
    ASSERT_EQ(results.size(), 1u);
    EXPECT_EQ(results[0].outcome, outcome);
  }
}

}  // namespace session_test
}  // namespace once::client

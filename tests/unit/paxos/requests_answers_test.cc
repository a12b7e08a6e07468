#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "paxos/requests.h"

namespace once::paxos {
namespace requests_answers_test {

constexpr Ballot kBallot{Round{1}, NodeId{1}, Incarnation{1}};
constexpr Ballot kOthers{Round{2}, NodeId{2}, Incarnation{1}};

// The requests of one core, with no core around them. The name is "n".
struct Asked : ::testing::Test {
  Asked() {
    step.begin(1000 * kMs, out);
    step.start(Incarnation{1});
    step.append(IncarnationRecord{Incarnation{1}});
  }
  static ReplicaOptions options() {
    ReplicaOptions options;
    options.self = {NodeId{1}, CoreId{0}};
    options.members = {NodeId{1}, NodeId{2}, NodeId{3}};
    options.shard_count = 64;
    return options;
  }
  // Token, and number of its id.
  OpIndex ask(uint64_t number, Operation operation, std::string_view value = {},
              uint64_t version = 0) {
    const ClientRequest request{number, operation, request_id(9, number), 1000, "n",
                                value,  version};
    const OpIndex op = requests.take(Endpoint{}, number, request);
    ops[op].hash = cluster.hasher()("n");
    requests.keep(ops[op], "n", value);
    return op;
  }
  OpIndex waiting(uint64_t number, Operation operation, std::string_view value = {},
                  uint64_t version = 0) {
    const OpIndex op = ask(number, operation, value, version);
    ops.push(waiters, op);
    return op;
  }
  // What is told, in its order: "token:status:version".
  std::string told() {
    std::string text;
    for (const ClientReply& reply : out.replies) {
      text += (text.empty() ? "" : " ") + std::to_string(reply.token) + ":" +
              std::to_string(static_cast<int>(reply.status)) + ":" +
              std::to_string(reply.state.version);
    }
    out.replies.clear();
    return text;
  }
  static State state(uint64_t version, uint64_t writer, std::string_view value) {
    return {version, false, request_id(9, writer), value, Operation::kSet};
  }

  Output out;
  StepContext step;
  Cluster cluster{options()};
  Outbox outbox{cluster, step};
  Acceptor acceptor{cluster, step};
  Prng prng{1};
  ReplicaCounters counters;
  OpPool ops{8};
  WatchList watchers{ops, 4};
  Requests requests{{cluster, acceptor, step, outbox, prng, counters}, ops, watchers};
  WaitList waiters;
};

// A reader may bring any id along: that of the writer makes nothing his own, and what is kept here
// may be older than his call.
TEST_F(Asked, WhoOnlyReadsIsNotTheOneWhoMadeIt) {
  for (const Operation operation : {Operation::kRead, Operation::kCheck, Operation::kWait}) {
    waiting(1, operation, {}, 3);
  }
  requests.answer_own(waiters, state(3, 1, "z"));
  EXPECT_EQ(told(), "");
  waiting(2, Operation::kSet, "z");
  requests.answer_own(waiters, state(3, 2, "z"));
  EXPECT_EQ(told(), "2:0:3");
}

TEST_F(Asked, ChangesAreComposedInTheirOrderEachOnTheOneBefore) {
  const OpIndex first = waiting(1, Operation::kSet, "a");
  const OpIndex cas = waiting(2, Operation::kCas, "b", 4);
  const OpIndex refused = waiting(3, Operation::kCas, "c", 4);
  waiting(4, Operation::kRead);
  size_t changes = 0;
  const State next = requests.compose(waiters, state(3, 99, "z"), changes);
  EXPECT_EQ(changes, 2u);
  EXPECT_EQ(next.version, 5u);
  EXPECT_EQ(next.value, "b");
  EXPECT_EQ(ops[first].made, 4u);
  EXPECT_EQ(ops[cas].made, 5u);
  EXPECT_EQ(ops[refused].made, 0u);
  requests.answer_chosen(waiters, next, step.number());
  EXPECT_EQ(told(), "3:7:5 4:0:5 1:0:4 2:0:5") << "the refused first";
  EXPECT_TRUE(waiters.empty());
}

TEST_F(Asked, WhoCameAfterTheQuestionIsNotToldUnlessItIsTheLastState) {
  waiting(1, Operation::kRead);
  State chosen = state(3, 99, "z");
  requests.answer_chosen(waiters, chosen, step.number() - 1);
  EXPECT_EQ(told(), "");
  chosen.sealed = true;
  requests.answer_chosen(waiters, chosen, step.number() - 1);
  EXPECT_EQ(told(), "1:0:3");
}

// A set that may have happened is not made again, a cas may be.
TEST_F(Asked, WhatBecameOfABatchIsToldByItsFate) {
  struct Row {
    const char* why;
    Ballot best;
    bool asked;
    State chosen;
    std::string told;
    size_t left;
  };
  const std::vector<Row> rows = {
      {"it is chosen", kBallot, true, state(2, 2, "b"), "", 2},
      {"another has its place: none happened", kOthers, true, state(2, 88, "x"), "", 0},
      {"something newer stands: it may be below", kOthers, true, state(5, 88, "x"), "1:3:0", 0},
      {"nobody was asked", Ballot{}, false, state(2, 2, "b"), "1:3:0", 0},
      {"its last change under another's ballot", kOthers, true, state(2, 2, "b"), "1:3:0", 1},
  };
  for (const Row& row : rows) {
    const OpIndex set = waiting(1, Operation::kSet, "a");
    const OpIndex cas = waiting(2, Operation::kCas, "b", 1);
    ops[set].made = 1;
    ops[cas].made = 2;
    Batch batch{kBallot, 2, request_id(9, 2), 2};
    requests.settle_batch(waiters, batch, row.best, row.asked ? &row.chosen : nullptr);
    EXPECT_EQ(told(), row.told) << row.why;
    EXPECT_EQ(batch.size, row.left) << row.why;
    EXPECT_EQ(ops[cas].made != 0, row.left != 0) << row.why;
    while (!waiters.empty()) requests.answer(waiters.head, Status::kUnknown, State{});
    told();
  }
}

TEST_F(Asked, ARefusalThatMayBeUntrueIsUnknown) {
  const OpIndex here = ask(1, Operation::kCas, "a", 1);
  const OpIndex elsewhere = ask(2, Operation::kCas, "b", 1);
  ops[elsewhere].elsewhere = true;
  for (const OpIndex op : {here, elsewhere}) {
    requests.give(op, Status::kConflict, state(3, 99, "z"));
  }
  EXPECT_EQ(told(), "1:7:3 2:3:0");
}

TEST_F(Asked, AWaiterIsToldNothingBelowItsFloor) {
  const NameHash hash = cluster.hasher()("n");
  const OpIndex op = ask(1, Operation::kWait, {}, 1);
  requests.watch(op);
  EXPECT_EQ(requests.tell_news(hash, "n", state(2, 99, "z")), op)
      << "it may be older than the call";
  EXPECT_EQ(requests.tell_waiters(hash, "n", step.number(), 3, nullptr), kNil);
  EXPECT_EQ(requests.tell_news(hash, "n", state(2, 99, "z")), kNil);
  EXPECT_EQ(requests.tell_news(hash, "other", state(4, 99, "z")), kNil);
  EXPECT_EQ(told(), "");
  requests.tell_news(hash, "n", state(3, 99, "z"));
  EXPECT_EQ(told(), "1:0:3");
  EXPECT_TRUE(watchers.empty());
}

TEST_F(Asked, WhatIsOverIsUnknownOnlyIfItMayHaveHappened) {
  const OpIndex never = ask(1, Operation::kSet, "a");
  const OpIndex proposed = ask(2, Operation::kSet, "b");
  ops[proposed].made = 3;
  for (const OpIndex op : {never, proposed}) {
    ops[op].deadline = 0;
    requests.expire(op);
  }
  EXPECT_EQ(told(), "1:4:0 2:3:0");
  EXPECT_EQ(counters.unavailable, 1u);
  EXPECT_EQ(counters.unknown, 1u);
}

using AskedDeathTest = Asked;
TEST_F(AskedDeathTest, AContractIsKept) {
  const OpIndex op = ask(1, Operation::kSet, "a");
  EXPECT_DEATH(requests.keep(ops[op], "n", "a"), "block");
  EXPECT_DEATH(requests.expire(op), "deadline");
  EXPECT_DEATH(requests.watch(op), "kWait");
}

}  // namespace requests_answers_test
}  // namespace once::paxos

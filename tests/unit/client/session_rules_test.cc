// What each operation may be asked again, and what its answers are worth (docs/protocol.md,
// section 7): one test a sentence.
#include <gtest/gtest.h>

#include "client/retry_rules.h"
#include "tests/unit/client/session_fixture.h"

namespace once::client {
namespace session_rules_test {

constexpr Op kAll[] = {Op::kWrite, Op::kRead, Op::kSet,   Op::kCas,
                       Op::kSeal,  Op::kNext, Op::kCheck, Op::kWait};

TEST_F(SessionRulesTest, TheVersionTravels) {
  begin(Op::kCas, 41);
  EXPECT_EQ(sent[0].operation, Op::kCas);
  EXPECT_EQ(sent[0].version, 41u);
}

TEST_F(SessionRulesTest, WhatEachRefusalIsCalled) {
  const std::tuple<Op, Status, Refusal> rows[] = {
      {Op::kWrite, Status::kAlreadySet, Refusal::kAlreadySet},
      {Op::kWrite, Status::kIdReused, Refusal::kIdReused},
      {Op::kSet, Status::kSealed, Refusal::kSealed},
      {Op::kSet, Status::kIdReused, Refusal::kIdReused},
      {Op::kCas, Status::kConflict, Refusal::kConflict},
      {Op::kCas, Status::kSealed, Refusal::kSealed},
      {Op::kCas, Status::kIdReused, Refusal::kIdReused},
      {Op::kSeal, Status::kConflict, Refusal::kConflict},
      {Op::kSeal, Status::kSealed, Refusal::kSealed},
      {Op::kSeal, Status::kIdReused, Refusal::kIdReused},
      {Op::kNext, Status::kSealed, Refusal::kSealed},
      {Op::kNext, Status::kIdReused, Refusal::kIdReused},
      {Op::kCheck, Status::kConflict, Refusal::kConflict},
      {Op::kWait, Status::kSealed, Refusal::kSealed},
  };
  for (const auto& [operation, status, refusal] : rows) {
    begin(operation, 5);
    reply(0, status, status == Status::kIdReused ? own() : kOther, 9);
    expect(Outcome::kRefused, refusal);
    EXPECT_EQ(results[0].version, 9u);
    EXPECT_FALSE(results[0].message.empty());
  }
}

// The node wanted its place for somebody else, while the request was on its way to it.
TEST_F(SessionRulesTest, WhatANodeThatIsFullDidNotTakeIsAskedAgain) {
  for (Op operation : kAll) {
    begin(operation, 5);
    session->on_dismissed(sent[0].path, "the node says: node is full; idle longest", now);
    until_sent(2);
    EXPECT_EQ(sent[1].operation, operation);
    EXPECT_EQ(sent[1].id, sent[0].id);
    reply(1, Status::kDone, own(), 6);
    expect(Outcome::kDone);
  }
  begin(Op::kSet);  // of one that a node lost, this is not known
  lose(0);
  expect(Outcome::kUnknown);
}

TEST_F(SessionRulesTest, AnIdleConnectionThatANodeClosesIsNoTrouble) {
  establish();
  const std::string name = name_homed_at(1, 3);
  submit(Op::kSet, name);
  ASSERT_EQ(sent.size(), 1u);
  const PathId path = sent[0].path;
  reply(0, Status::kDone, own(), 1);
  results.clear();
  connects.clear();
  session->on_dismissed(path, "the node says: node is full; idle longest", now);
  EXPECT_TRUE(results.empty());
  EXPECT_TRUE(connects.empty()) << "it is connected again when it is wanted";
  submit(Op::kSet, name);
  ASSERT_EQ(connects.size(), 1u);
  EXPECT_EQ(std::get<0>(connects[0]), path) << "at once, and the home is waited for";
  EXPECT_EQ(sent.size(), 1u);
  connect_all();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[1].path, path);
  reply(1, Status::kDone, own(), 2);
  expect(Outcome::kDone);
}

TEST_F(SessionRulesTest, EachOperationCanBeDone) {
  for (Op operation : kAll) {
    begin(operation, 5);
    reply(0, Status::kDone, kOther, 6);
    expect(Outcome::kDone);
    EXPECT_EQ(results[0].version, 6u);
  }
}

TEST_F(SessionRulesTest, AConflictNamesBothVersions) {
  begin(Op::kCas, 5);
  reply(0, Status::kConflict, kOther, 9);
  EXPECT_EQ(results[0].message, "the register has version 9, not 5");
  begin(Op::kCheck, 5);
  reply(0, Status::kConflict, kOther, 9);
  EXPECT_EQ(results[0].message, "the register has version 9: a newer one than the token 5");
  for (const auto& [shown, words] :
       {std::pair{3, "the register has version 3: the token 5 was never drawn from it"},
        std::pair{0, "the register is empty: the token 5 was never drawn from it"}}) {
    begin(Op::kCheck, 5);
    reply(0, Status::kConflict, kOther, static_cast<uint64_t>(shown));
    EXPECT_EQ(results.back().message, words);
  }
  begin(Op::kCas, 5);
  reply(0, Status::kConflict);
  EXPECT_EQ(results[0].message, "the register is empty, not 5");
}

// --- which answers fit which question ---------------------------------------------------------

TEST(RetryRulesTest, AnAnswerToAnotherQuestionSaysNothing) {
  const std::tuple<Status, std::vector<Op>> rows[] = {
      {Status::kEmpty, {Op::kRead}},
      {Status::kAlreadySet, {Op::kWrite}},
      {Status::kConflict, {Op::kCas, Op::kSeal, Op::kCheck}},
      {Status::kSealed, {Op::kSet, Op::kCas, Op::kSeal, Op::kNext, Op::kWait}},
      {Status::kIdReused, {Op::kWrite, Op::kSet, Op::kCas, Op::kSeal, Op::kNext}},
      {Status::kNotYet, {Op::kWait}},
      {Status::kRetired, {std::begin(kAll), std::end(kAll)}},
      {Status::kDenied, {std::begin(kAll), std::end(kAll)}},
  };
  for (const auto& [status, fitting] : rows) {
    for (Op operation : kAll) {
      paxos::ClientRequest question;
      question.operation = operation;
      ClientReply answer;
      answer.status = status;
      const bool fits = std::find(fitting.begin(), fitting.end(), operation) != fitting.end();
      EXPECT_EQ(meaning_of(question, answer) != Meaning::kMayHaveHappened, fits)
          << static_cast<int>(status) << " for " << static_cast<int>(operation);
    }
  }
}

// Nothing happened in this attempt; one before it may have.
TEST(RetryRulesTest, RetiredAndDeniedAreOutcomesOfTheirOwn) {
  const std::tuple<Status, Outcome, std::string_view> rows[] = {
      {Status::kRetired, Outcome::kRetired, "retired"},
      {Status::kDenied, Outcome::kDenied, "allow"}};
  for (const auto& [status, outcome, word] : rows) {
    for (Op operation : kAll) {
      paxos::ClientRequest question;
      question.operation = operation;
      ClientReply answer;
      answer.status = status;
      EXPECT_EQ(meaning_of(question, answer),
                changes(operation) ? Meaning::kFinalIfAlone : Meaning::kFinal);
      const Result result = result_of(question, answer);
      EXPECT_EQ(result.outcome, outcome);
      EXPECT_EQ(result.refusal, Refusal::kNone);
      EXPECT_NE(result.message.find(word), std::string::npos) << result.message;
    }
  }
}

TEST(RetryRulesTest, AnInvalidNameOfTheSystemIsExplained) {
  paxos::ClientRequest question;
  ClientReply answer;
  answer.status = Status::kInvalid;
  question.name = "_x";
  EXPECT_EQ(result_of(question, answer).message,
            "names that begin with _ are reserved for the system");
  question.name = "x_";
  EXPECT_EQ(result_of(question, answer).message, "the server says that the request breaks a limit");
}

// --- hedges -----------------------------------------------------------------------------------

TEST_F(SessionRulesTest, OnlyWhatIsHarmlessIsHedged) {
  for (Op operation : kAll) {
    begin(operation, 5);
    run_until(now + 3000 * kMs);
    const bool hedged = operation != Op::kSet && operation != Op::kNext && operation != Op::kWait;
    EXPECT_EQ(sent.size(), hedged ? 3u : 1u) << static_cast<int>(operation);
    for (const Sent& one : sent) EXPECT_EQ(one.id, own());
    EXPECT_TRUE(results.empty());
  }
}

TEST_F(SessionRulesTest, ASilentNodeIsAvoidedAfterASetToo) {
  for (Op operation : {Op::kSet, Op::kNext}) {
    begin(operation);
    run_until(now + 501 * kMs);
    submit(Op::kRead, "x");
    ASSERT_EQ(sent.size(), 2u);
    EXPECT_NE(sent[1].path, sent[0].path);
  }
}

// --- set, next: one attempt that may have been received
// -----------------------------------------------

TEST_F(SessionRulesTest, ASetIsNotSentAgainAfterALoss) {
  for (Op operation : {Op::kSet, Op::kNext}) {
    begin(operation);
    lose(0);
    expect(Outcome::kUnknown);
    run_until(now + 5000 * kMs);
    EXPECT_EQ(sent.size(), 1u);
  }
}

TEST_F(SessionRulesTest, ASetIsNotSentAgainWhenTheNodeDoesNotKnow) {
  for (Status status : {Status::kUnknown, Status::kNotYet}) {  // the latter makes no sense
    for (Op operation : {Op::kSet, Op::kNext}) {
      begin(operation);
      reply(0, status);
      expect(Outcome::kUnknown);
      run_until(now + 5000 * kMs);
      EXPECT_EQ(sent.size(), 1u);
    }
  }
}

TEST_F(SessionRulesTest, ASetIsSentAgainWhenNothingHappened) {
  for (Status status : {Status::kUnavailable, Status::kOverloaded}) {
    begin(Op::kSet);
    reply(0, status);
    EXPECT_TRUE(results.empty());
    until_sent(2);
    EXPECT_EQ(sent[1].id, sent[0].id);
    reply(1, Status::kDone, own());
    expect(Outcome::kDone);
  }
}

TEST_F(SessionRulesTest, ASetThatWasNeverSentIsUnavailable) {
  establish();
  full = true;
  submit(Op::kSet, "x", 100);
  run_until(now + 100 * kMs);
  expect(Outcome::kUnavailable);
}

TEST_F(SessionRulesTest, ASetInSilenceIsUnknownAtTheDeadline) {
  begin(Op::kSet, 0, 1000);
  run_until(now + 999 * kMs);
  EXPECT_TRUE(results.empty());
  run_until(now + 1 * kMs);
  expect(Outcome::kUnknown);
}

// --- lost attempts of the others ----------------------------------------------------------------

TEST_F(SessionRulesTest, TheOthersAreSentAgainAfterALoss) {
  for (Op operation : kAll) {
    if (operation == Op::kSet || operation == Op::kNext) continue;
    begin(operation, 5);
    lose(0);
    until_sent(2);
    EXPECT_EQ(sent[1].id, own());
    reply(1, Status::kDone, own(), 6);
    expect(Outcome::kDone);
  }
}

// Refused after a loss: true of the operation, or only of the attempt that was told so?
TEST_F(SessionRulesTest, RefusalsAfterALoss) {
  struct Row {
    Op operation;
    Status status;
    uint64_t shown;  // 5 was expected
    Outcome outcome;
  };
  const Row rows[] = {
      {Op::kWrite, Status::kAlreadySet, 1, Outcome::kRefused},
      {Op::kCas, Status::kConflict, 9, Outcome::kUnknown},
      {Op::kCas, Status::kConflict, 4, Outcome::kUnknown},
      {Op::kCas, Status::kSealed, 9, Outcome::kUnknown},
      {Op::kSeal, Status::kSealed, 9, Outcome::kRefused},
      {Op::kSeal, Status::kConflict, 9, Outcome::kRefused},
      {Op::kSeal, Status::kConflict, 4, Outcome::kUnknown},
      {Op::kCheck, Status::kConflict, 9, Outcome::kRefused},
      {Op::kWait, Status::kSealed, 5, Outcome::kRefused},
      {Op::kCas, Status::kIdReused, 9, Outcome::kRefused},
      {Op::kCas, Status::kInvalid, 0, Outcome::kUnknown},
      {Op::kRead, Status::kInvalid, 0, Outcome::kInvalid},
      {Op::kWrite, Status::kRetired, 0, Outcome::kUnknown},
      {Op::kWrite, Status::kDenied, 0, Outcome::kUnknown},
      {Op::kRead, Status::kRetired, 0, Outcome::kRetired},
  };
  for (const Row& row : rows) {
    begin(row.operation, 5);
    lose(0);
    until_sent(2);
    reply(1, row.status, row.status == Status::kIdReused ? own() : kOther, row.shown);
    ASSERT_EQ(results.size(), 1u);
    EXPECT_EQ(outcome_name(results[0].outcome), outcome_name(row.outcome))
        << static_cast<int>(row.operation) << " told " << static_cast<int>(row.status);
    EXPECT_EQ(results[0].version, row.shown);
    EXPECT_EQ(results[0].refusal != Refusal::kNone, row.outcome == Outcome::kRefused);
  }
}

TEST_F(SessionRulesTest, TheOwnIdInARefusalAfterALossIsDone) {
  for (Status status : {Status::kConflict, Status::kSealed}) {
    begin(Op::kCas, 5);
    lose(0);
    until_sent(2);
    reply(1, status, own(), 6);
    expect(Outcome::kDone);
  }
}

TEST_F(SessionRulesTest, AnEmptyRegisterWasWrittenByNobody) {
  begin(Op::kCas, 5);
  ClientReply nothing_there;
  nothing_there.status = Status::kConflict;
  nothing_there.state.writer = own();
  session->on_reply(sent[0].path, sent[0].correlation, nothing_there, now);
  expect(Outcome::kRefused, Refusal::kConflict);
}

// --- cas with several attempts in flight ---------------------------------------------------------

class HedgedCasTest : public SessionRulesTest {
 protected:
  // Two attempts in flight, the second one refused.
  void refuse_the_hedge() {
    begin(Op::kCas, 5);
    run_until(now + 501 * kMs);
    ASSERT_EQ(sent.size(), 2u);
    reply(1, Status::kConflict, kOther, 9);
    EXPECT_TRUE(results.empty());
  }
};

TEST_F(HedgedCasTest, TheFirstAttemptMayStillSayThatItWasDone) {
  refuse_the_hedge();
  reply(0, Status::kDone, own(), 6);
  expect(Outcome::kDone);
}

TEST_F(HedgedCasTest, RefusedByBothIsRefused) {
  refuse_the_hedge();
  reply(0, Status::kConflict, kOther, 9);
  expect(Outcome::kRefused, Refusal::kConflict);
}

TEST_F(HedgedCasTest, RefusedByOneAndNothingByTheOtherIsRefused) {
  for (Status status : {Status::kUnavailable, Status::kOverloaded}) {
    refuse_the_hedge();
    reply(0, status);
    expect(Outcome::kRefused, Refusal::kConflict);
  }
}

TEST_F(HedgedCasTest, RefusedByOneAndLostByTheOtherIsUnknown) {
  refuse_the_hedge();
  lose(0);
  expect(Outcome::kUnknown);
  EXPECT_EQ(results[0].version, 9u);
}

TEST_F(HedgedCasTest, RefusedByOneAndUnknownToTheOtherIsUnknown) {
  refuse_the_hedge();
  reply(0, Status::kUnknown);
  expect(Outcome::kUnknown);
}

TEST_F(HedgedCasTest, RefusedByOneAndSilenceIsUnknownAndNotAskedAgain) {
  refuse_the_hedge();
  run_until(now + 5000 * kMs);
  EXPECT_EQ(sent.size(), 2u);
  expect(Outcome::kUnknown);
}

// An operation takes the place of one that has ended, and inherits nothing.
TEST_F(HedgedCasTest, TheNextInThePlaceIsNotUnknown) {
  refuse_the_hedge();
  lose(0);
  expect(Outcome::kUnknown);
  results.clear();
  full = true;
  submit(Op::kCas, "x", 100, 5);
  run_until(now + 100 * kMs);
  expect(Outcome::kUnavailable);
}

TEST_F(HedgedCasTest, TheNextInThePlaceIsNotRefused) {
  refuse_the_hedge();
  reply(0, Status::kDone, own(), 6);
  results.clear();
  full = true;
  submit(Op::kCas, "x", 100, 5);
  run_until(now + 100 * kMs);
  expect(Outcome::kUnavailable);
}

TEST_F(SessionRulesTest, TheNextWaitInThePlaceHasHeardNothing) {
  begin(Op::kWait, 3);
  reply(0, Status::kNotYet);
  until_sent(2);
  session->cancel_all("cancelled");
  results.clear();
  full = true;
  submit(Op::kWait, "x", 100, 3);
  run_until(now + 100 * kMs);
  expect(Outcome::kUnavailable);
}

// --- cancellation -------------------------------------------------------------------------------

TEST_F(SessionRulesTest, CancelledIsCancelledOnlyIfNothingHappened) {
  for (Op operation : kAll) {
    begin(operation, 5);
    const uint64_t number[] = {last_id};
    session->cancel(number, "cancelled");
    expect(changes(operation) ? Outcome::kUnknown : Outcome::kCancelled);
    EXPECT_EQ(session->pending(), 0u);
    reply(0, Status::kDone, own(), 6);  // late, and nobody minds
    EXPECT_EQ(results.size(), 1u);
    begin(operation, 5);
    reply(0, Status::kUnavailable);
    const uint64_t again[] = {last_id};
    session->cancel(again, "cancelled");
    expect(Outcome::kCancelled);
    EXPECT_EQ(results[0].message, "cancelled");
  }
}

TEST_F(SessionRulesTest, CancelTakesThoseThatItNamesAndNoOthers) {
  establish();
  for (int i = 0; i < 4; ++i) submit(Op::kRead, "x");
  const uint64_t numbers[] = {last_id, 0, last_id - 2, 999, last_id - 2};
  session->cancel(numbers, "cancelled");
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].request_id, request_id(7, last_id - 2));
  EXPECT_EQ(results[1].request_id, request_id(7, last_id));
  session->cancel(numbers, "cancelled");
  EXPECT_EQ(results.size(), 2u);
  EXPECT_EQ(session->pending(), 2u);
}

}  // namespace session_rules_test
}  // namespace once::client

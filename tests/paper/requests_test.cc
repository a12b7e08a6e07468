// DESIGN 1.5 and 3.5: what a client is told, when its request was forwarded, taken over or given
// up, and that it is told about its own request.
#include <gtest/gtest.h>

#include "paxos/core_state.h"
#include "paxos/peer.h"
#include "tests/paper/solo.h"

namespace once::paxos::test {
namespace requests_test {

const RequestId kA = request_id(1, 1), kB = request_id(1, 2);

class Requests : public testing::Test {
 protected:
  // Writes a name homed at member 0; the handle under which it was sent there.
  uint64_t forward(const std::string& name, RequestId id, uint32_t timeout_ms) {
    token = solo.write(name, "mine", id, timeout_ms);
    const auto forwards = solo.take<Forward>();
    EXPECT_EQ(forwards.size(), 1u);
    return forwards.empty() ? 0 : forwards[0].op;
  }
  void wait(int64_t ms) {
    for (; ms > 0; --ms) solo.wait(1);
  }

  Solo solo{1, 3};
  std::string x = solo.name(0, 1), y = solo.name(0, 2);
  uint64_t token = 0;
};

// Everybody has it, so everybody would be told that he has won.
TEST_F(Requests, AChangeWithoutAnIdIsInvalid) {
  for (const size_t self : {0, 1}) {
    Solo node{self, 3};
    for (const Operation operation : {Operation::kWrite, Operation::kSet, Operation::kCas,
                                      Operation::kSeal, Operation::kNext}) {
      const std::string value = takes_value(operation) ? "v" : "";
      const uint64_t asked = 1000 + static_cast<uint64_t>(operation);
      node.step({Event{{}, ClientRequest{asked, operation, RequestId{}, 1000, x, value}}});
      ASSERT_TRUE(node.answered(asked));
      EXPECT_EQ(node.answer(asked).status, Status::kInvalid);
      if (self != 0) continue;  // sent on by a peer that lets it pass
      node.receive(1,
                   Forward{asked, Incarnation{1}, asked, operation, RequestId{}, 1000, x, value});
      const auto replies = node.take<ForwardReply>();
      ASSERT_EQ(replies.size(), 1u);
      EXPECT_EQ(replies[0].status, Status::kInvalid);
    }
    EXPECT_TRUE(node.take<Forward>().empty());
    EXPECT_TRUE(node.take<Accept>().empty());
  }
  for (const RequestId half : {request_id(0, 1), request_id(1, 0)}) {
    EXPECT_FALSE(solo.answered(solo.write(x, "v", half))) << "it is sent on";
  }
  EXPECT_EQ(solo.take<Forward>().size(), 2u);
}

TEST_F(Requests, AForwardedWriteWithoutAnAnswerIsUnknown) {
  forward(x, kA, 60);
  wait(70);
  ASSERT_TRUE(solo.answered(token));
  EXPECT_EQ(solo.answer(token).status, Status::kUnknown);
}

TEST_F(Requests, AProposedWriteWithoutAnAnswerIsUnknown) {
  solo.link_down(0);
  token = solo.write(x, "mine", kA, 60);
  solo.sync();
  const auto prepares = solo.take<Prepare>();
  ASSERT_EQ(prepares.size(), 1u);
  solo.receive(2, Promise{prepares[0].op, prepares[0].ballot, Ballot{}, State{}});
  ASSERT_EQ(solo.take<Accept>().size(), 1u);
  wait(70);
  ASSERT_TRUE(solo.answered(token));
  EXPECT_EQ(solo.answer(token).status, Status::kUnknown);
}

TEST_F(Requests, AWriteThatWasNeverProposedDidNotHappen) {
  solo.link_down(0);
  token = solo.write(x, "mine", kA, 60);
  wait(70);
  ASSERT_TRUE(solo.answered(token));
  EXPECT_EQ(solo.answer(token).status, Status::kUnavailable);
}

TEST_F(Requests, ALateAnswerIsNotForTheNextRequestInThePlace) {
  const uint64_t first = forward(x, kA, 10);
  wait(12);
  ASSERT_TRUE(solo.answered(token));
  const uint64_t second = forward(y, kB, 1000);
  EXPECT_NE(first, second);
  solo.receive(0, ForwardReply{first, Status::kDone, state(kA, "mine")});
  EXPECT_FALSE(solo.answered(token));
  solo.receive(0, ForwardReply{second, Status::kAlreadySet, state(kA, "theirs")});
  ASSERT_TRUE(solo.answered(token));
  EXPECT_EQ(solo.answer(token).status, Status::kAlreadySet);
  EXPECT_EQ(solo.answer(token).value, "theirs");
}

// After the hedge delay this node proposes the write itself: the home's word is not the last.
TEST_F(Requests, TheHomesAnswerDoesNotEndWhatWasTakenOver) {
  const uint64_t first = forward(x, kA, 1000);
  wait(40);
  solo.sync();
  const auto prepares = solo.take<Prepare>();
  ASSERT_FALSE(prepares.empty()) << "taken over";
  solo.receive(2, Promise{prepares[0].op, prepares[0].ballot, Ballot{}, State{}});
  ASSERT_FALSE(solo.take<Accept>().empty());
  solo.receive(0, ForwardReply{first, Status::kUnavailable, State{}});
  EXPECT_FALSE(solo.answered(token));
}

// A home whose disk stands still takes no more; its names go on at whoever has room.
TEST_F(Requests, WhatTheHomeHasNoRoomForIsTakenOver) {
  const uint64_t first = forward(x, kA, 1000);
  solo.receive(0, ForwardReply{first, Status::kOverloaded, State{}});
  EXPECT_FALSE(solo.answered(token));
  solo.sync();
  const auto prepares = solo.take<Prepare>();
  ASSERT_FALSE(prepares.empty());
  solo.receive(2, Promise{prepares[0].op, prepares[0].ballot, Ballot{}, State{}});
  solo.sync();
  const auto accepts = solo.take<Accept>();
  ASSERT_FALSE(accepts.empty());
  EXPECT_EQ(accepts[0].state.value, "mine");
}

// Were it taken twice, the second answer could deny what the first is about to make happen.
TEST(Forwarded, IsTakenOnceWhateverTheLinkRepeats) {
  Solo home(0, 5);
  const std::string x = home.name(0);
  const Forward forward{7, Incarnation{1}, 1, Operation::kWrite, kA, 1000, x, "v"};
  home.receive(1, forward);
  EXPECT_EQ(home.take<Accept>().size(), 4u);
  for (size_t peer : {2, 3, 4}) home.link_down(peer);
  home.receive(1, forward);
  EXPECT_TRUE(home.take<ForwardReply>().empty()) << "unavailable, yet it may happen";
}

TEST(Forwarded, IsToldFromLaterAndEarlierRunsAndFromOneLongAgo) {
  Solo home(0, 3);
  const std::string x = home.name(0);
  uint64_t op = 0;
  const auto taken = [&](uint32_t incarnation, uint64_t number) {
    home.receive(
        1, Forward{++op, Incarnation{incarnation}, number, Operation::kWrite, kA, 1000, "", "v"});
    return home.take<ForwardReply>().size() == 1;  // invalid, and so answered at once
  };
  EXPECT_FALSE(taken(0, 5)) << "there is no such run";
  EXPECT_TRUE(taken(1, 5));
  EXPECT_TRUE(taken(1, 2)) << "later on the way, not repeated";
  EXPECT_FALSE(taken(1, 2));
  EXPECT_TRUE(taken(2, 2)) << "of the next run";
  EXPECT_FALSE(taken(1, 9)) << "of a run that is over";
  EXPECT_TRUE(taken(2, 100'000));
  EXPECT_FALSE(taken(2, 100'000 - 2 * Forwards::kWindow)) << "nobody remembers: not taken";
  EXPECT_FALSE(taken(2, 0));
}

}  // namespace requests_test
}  // namespace once::paxos::test

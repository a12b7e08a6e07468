#include <gtest/gtest.h>

#include "paxos/batch.h"

namespace once::paxos {
namespace batch_fate_test {

constexpr NodeId kSelf{1}, kOther{2};
const RequestId kLast = request_id(7, 7), kStranger = request_id(8, 8);

// A batch of this node that made version 5 under its ballot (3, self), in its second run.
Batch batch_of(size_t size) {
  return Batch{Ballot{Round{3}, kSelf, Incarnation{2}}, 5, kLast, size, false};
}
State chosen(uint64_t version, RequestId writer) { return State{version, false, writer, "v"}; }

TEST(BatchFate, IsToldByTheStateThatWasChosen) {
  struct Row {
    const char* why;
    size_t size;
    bool ours;
    State state;
    Fate fate;
  };
  for (const Row& row : {
           Row{"its own state", 3, true, chosen(5, kLast), Fate::kHappened},
           Row{"its own state, of one change", 1, false, chosen(5, kLast), Fate::kHappened},
           Row{"its last change made in another's batch", 3, false, chosen(5, kLast),
               Fate::kLastOnly},
           Row{"another's state of its version", 3, true, chosen(5, kStranger), Fate::kNever},
           Row{"another's, of a single change", 1, false, chosen(5, kStranger), Fate::kNever},
           Row{"an older state", 3, true, chosen(4, kStranger), Fate::kNever},
           Row{"an older state of its writer", 3, true, chosen(4, kLast), Fate::kNever},
           Row{"nothing", 3, true, State{}, Fate::kNever},
           Row{"a newer state: perhaps built on it", 3, true, chosen(6, kStranger), Fate::kUnknown},
           Row{"a newer state of its writer", 1, true, chosen(6, kLast), Fate::kUnknown},
       }) {
    EXPECT_EQ(fate_of(batch_of(row.size), row.ours, &row.state), row.fate) << row.why;
  }
}

TEST(BatchFate, IsUnknownWhereNobodyWasAsked) {
  EXPECT_EQ(fate_of(batch_of(1), true, nullptr), Fate::kUnknown);
  EXPECT_EQ(fate_of(batch_of(3), true, nullptr), Fate::kUnknown);
}

TEST(BatchFate, AStateIsOursUnderABallotOfThisRunSinceTheBatchBegan) {
  struct Row {
    const char* why;
    Ballot best;
    bool ours;
  };
  for (const Row& row : {
           Row{"the first ballot", {Round{3}, kSelf, Incarnation{2}}, true},
           Row{"a later one", {Round{9}, kSelf, Incarnation{2}}, true},
           Row{"one before it", {Round{2}, kSelf, Incarnation{2}}, false},
           Row{"of another run", {Round{9}, kSelf, Incarnation{1}}, false},
           Row{"of another node", {Round{9}, kOther, Incarnation{2}}, false},
           Row{"none", {}, false},
       }) {
    EXPECT_EQ(is_ours(batch_of(3), row.best, kSelf, Incarnation{2}), row.ours) << row.why;
  }
  Batch adopted = batch_of(3);
  adopted.adopted = true;
  EXPECT_FALSE(is_ours(adopted, {Round{9}, kSelf, Incarnation{2}}, kSelf, Incarnation{2}))
      << "another's was proposed since";
}

TEST(BatchFateDeathTest, NobodyAsksForTheFateOfNothing) {
  const State state = chosen(5, kLast);
  EXPECT_DEATH(fate_of(batch_of(0), true, &state), "batch.size");
}

}  // namespace batch_fate_test
}  // namespace once::paxos

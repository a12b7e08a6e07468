#include "paxos/candidate_pool.h"

#include <gtest/gtest.h>

#include <string>

namespace once::paxos {
namespace candidate_pool_test {

struct ACandidatePool : ::testing::Test {
  CandidateId asked(std::string_view name) {
    const CandidateId id = pool.take(name, NameHash{});
    pool[id].step = Candidate::Step::kAsked;
    pool.ask_anew(id);
    return id;
  }
  Arena arena;
  CandidatePool pool{arena};
};

TEST_F(ACandidatePool, KeepsACopyOfTheName) {
  std::string name = "name";
  const CandidateId id = pool.take(name, NameHash{});
  name = "else";
  EXPECT_EQ(pool[id].name(), "name");
}

TEST_F(ACandidatePool, FindsByTheLastQuestionOfThisRunOnly) {
  const CandidateId id = asked("name");
  const Handle first = pool.handle_of(id, Incarnation{7});
  EXPECT_EQ(pool.find(first, Incarnation{7}), id);
  EXPECT_EQ(pool.find(first, Incarnation{8}), kNil);
  pool.ask_anew(id);
  EXPECT_EQ(pool.find(first, Incarnation{7}), kNil);
  EXPECT_EQ(pool.find(pool.handle_of(id, Incarnation{7}), Incarnation{7}), id);
}

TEST_F(ACandidatePool, FindsNothingWhoseQuestionIsNotOpen) {
  const CandidateId id = asked("name");
  const Handle handle = pool.handle_of(id, Incarnation{7});
  pool[id].step = Candidate::Step::kReady;
  EXPECT_EQ(pool.find(handle, Incarnation{7}), kNil);
  EXPECT_EQ(pool.find(Handle::of(Incarnation{7}, 0, 1), Incarnation{7}), kNil)
      << "a place that was never used";
}

TEST_F(ACandidatePool, FindsNothingOfAnEarlierUseOfThePlace) {
  const CandidateId id = asked("name");
  const Handle handle = pool.handle_of(id, Incarnation{7});
  pool.free(id);
  EXPECT_EQ(asked("other"), id);
  EXPECT_EQ(pool.find(handle, Incarnation{7}), kNil);
}

TEST_F(ACandidatePool, IsBounded) {
  EXPECT_EQ(pool.room(), CandidatePool::kMost);
  CandidateId last;
  for (size_t n = 0; n < CandidatePool::kMost; ++n) last = pool.take("name", NameHash{});
  EXPECT_EQ(pool.room(), 0u);
  EXPECT_EQ(pool.take("name", NameHash{}), kNil);
  pool.free(last);
  EXPECT_EQ(pool.take("name", NameHash{}), last);
}

}  // namespace candidate_pool_test
}  // namespace once::paxos

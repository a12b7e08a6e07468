// What an acceptor does with a state that it is told to be chosen (L1), and what its digest says.
#include <gtest/gtest.h>

#include <string>

#include "paxos/record.h"
#include "tests/unit/paxos/one_acceptor.h"

namespace once::paxos {
namespace learn_test {

struct Learning : OneAcceptor {
  EntryIndex name_at(NodeId home) {
    for (int n = 0;; ++n) {
      const std::string name = "name-" + std::to_string(n);
      const NameHash hash = cluster.hasher()(name);
      if (cluster.home_of(hash) == home) return acceptor.find_or_insert(hash, name);
    }
  }
  void accept(const Ballot& under, const State& next) {
    acceptor.accept(name, under, next, Numbered{CoreId{0}, Sequence{1}});
  }
  void learn(const Ballot& under, const State& chosen, AtHome at_home = AtHome::kPerhaps) {
    acceptor.learn(name, under, chosen, at_home);
  }
  KeptRecord last_record() {
    const uint32_t begin =
        out.record_ends.size() < 2 ? 0 : out.record_ends[out.record_ends.size() - 2];
    const auto record = decode_record({out.records.data() + begin, out.records.size() - begin});
    EXPECT_TRUE(record);
    EXPECT_TRUE(std::holds_alternative<KeptRecord>(*record));
    return std::get<KeptRecord>(*record);
  }
  const Entry& entry() const { return acceptor.at(name); }
  const Bucket& bucket() const {
    const Digest& digest = acceptor.digest();
    return digest.at(digest.bucket_of(acceptor.hash_of(entry()).place));
  }

  EntryIndex name = name_at(kOther);
};

TEST_F(Learning, WhatWasChosenIsHeldAndKnownToBeDecided) {
  learn(ballot(3), state(2, "red", true));
  EXPECT_EQ(entry().promised(), ballot(3));
  EXPECT_EQ(entry().accepted(), ballot(3));
  EXPECT_TRUE(entry().final());
  EXPECT_EQ(entry().record(), step.last_record());
  const KeptRecord kept = last_record();
  EXPECT_TRUE(kept.decided);
  EXPECT_EQ(kept.accepted, ballot(3));
  EXPECT_EQ(kept.state.value, "red");
}

TEST_F(Learning, BelowThePromiseThePromiseStands) {
  acceptor.promise(name, ballot(9));
  learn(ballot(3), state(1, "red"));
  EXPECT_EQ(entry().promised(), ballot(9));
  EXPECT_EQ(entry().accepted(), ballot(3));
  EXPECT_EQ(last_record().promised, ballot(9));
}

TEST_F(Learning, TheNameIsListedUnlessItsHomeHasIt) {
  learn(ballot(3), state(1, "red"));
  EXPECT_TRUE(entry().has(kUnsettled));
  EXPECT_FALSE(last_record().settled);
  learn(ballot(4), state(2, "blue"), AtHome::kYes);
  EXPECT_FALSE(entry().has(kUnsettled));
  EXPECT_TRUE(last_record().settled);
  EXPECT_EQ(acceptor.unsettled(), 0u);
  name = name_at(kSelf);
  learn(ballot(3), state(1, "own"));
  EXPECT_FALSE(entry().has(kUnsettled)) << "its own home has it in its own log";
}

TEST_F(Learning, TheDigestHasWhatIsDecidedAndNothingElse) {
  accept(ballot(1), state(1, "red"));
  EXPECT_EQ(bucket().count, 0u);
  EXPECT_EQ(acceptor.undecided(), 1u);
  acceptor.decide(name, InLog::kNo);
  acceptor.decide(name, InLog::kYes);
  const Bucket first = bucket();
  EXPECT_EQ(first.count, 1u);
  EXPECT_EQ(acceptor.undecided(), 0u);
  accept(ballot(2), state(1, "red"));
  EXPECT_EQ(bucket(), first) << "the same version, once more";
  accept(ballot(2), state(2, "blue"));
  EXPECT_EQ(bucket(), Bucket{}) << "another one has yet to be chosen";
  EXPECT_EQ(acceptor.undecided(), 1u);
  learn(ballot(3), state(2, "blue"));
  EXPECT_EQ(bucket().count, 1u);
  EXPECT_NE(bucket().sum, first.sum);
  learn(ballot(4), state(3, "green"));
  EXPECT_EQ(bucket().count, 1u);
  EXPECT_EQ(acceptor.digest().names(), 1u);
}

using LearningDeathTest = Learning;

TEST_F(LearningDeathTest, ItIsAboveWhatIsHeld) {
  accept(ballot(3), state(2, "red"));
  EXPECT_DEATH(learn(ballot(2), state(3, "blue")), "entry.version");
  EXPECT_DEATH(learn(ballot(3), state(2, "red")), "entry.version");
}

TEST_F(LearningDeathTest, ItDeniesNothing) {
  accept(ballot(3), state(2, "red"));
  acceptor.decide(name, InLog::kNo);
  EXPECT_DEATH(learn(ballot(4), state(2, "blue")), "contradicts");
  acceptor.set_active(name, Active(RoundId{0}));
  EXPECT_DEATH(learn(ballot(4), state(3, "blue")), "is_idle");
}

}  // namespace learn_test
}  // namespace once::paxos

#include "paxos/majority_read.h"

#include <gtest/gtest.h>

#include <vector>

namespace once::paxos {
namespace majority_read_test {

using Outcome = MajorityRead::Outcome;

struct Answer {
  uint16_t node;
  Ballot ballot;
  uint64_t version;
};

Outcome last_of(const std::vector<Answer>& answers) {
  ReplicaOptions options;
  options.self = {NodeId{1}, CoreId{0}};
  for (uint16_t node = 1; node <= 5; ++node) options.members.push_back(NodeId{node});
  options.shard_count = 64;
  const Cluster cluster(options);
  MajorityRead read;
  Outcome outcome = Outcome::kOpen;
  for (const Answer& answer : answers) {
    outcome =
        read.count(cluster, cluster.vote_of(NodeId{answer.node}), answer.ballot, answer.version);
  }
  return outcome;
}

TEST(MajorityRead, SaysWhatAMajorityHolds) {
  const Ballot low{Round{1}, NodeId{2}, Incarnation{1}}, high{Round{2}, NodeId{3}, Incarnation{1}},
      none;
  struct Row {
    std::vector<Answer> answers;
    Outcome outcome;
  };
  for (const Row& row : std::vector<Row>{
           {{{1, none, 0}, {2, none, 0}}, Outcome::kOpen},
           {{{1, none, 0}, {2, none, 0}, {3, none, 0}}, Outcome::kEmpty},
           {{{1, low, 1}, {2, low, 1}}, Outcome::kOpen},
           {{{1, low, 1}, {2, low, 1}, {3, low, 1}}, Outcome::kChosen},
           {{{1, low, 1}, {1, low, 1}, {1, low, 1}}, Outcome::kOpen},       // once each
           {{{1, low, 1}, {2, low, 1}, {3, high, 1}}, Outcome::kDisagree},  // equal is not the same
           {{{1, high, 1}, {2, high, 1}, {3, low, 1}}, Outcome::kDisagree},
           {{{1, low, 1}, {2, low, 2}, {3, low, 1}}, Outcome::kDisagree},
           {{{1, low, 1}, {2, none, 0}, {3, low, 1}}, Outcome::kDisagree},
           {{{1, low, 1}, {2, none, 0}, {3, low, 1}, {4, low, 1}}, Outcome::kChosen},
           {{{1, low, 1}, {2, high, 1}, {3, high, 1}, {4, high, 1}}, Outcome::kChosen},
           // A higher one was seen: what lies below it is not the newest.
           {{{1, high, 2}, {2, low, 1}, {3, low, 1}, {4, low, 1}}, Outcome::kDisagree},
           {{{1, none, 0}, {2, none, 0}, {3, low, 1}, {4, none, 0}}, Outcome::kEmpty},
           // Who answers after a majority of the others may hold something else.
           {{{1, high, 1}, {2, high, 1}, {3, high, 1}, {4, low, 1}}, Outcome::kOpen},
           {{{1, low, 1}, {2, low, 1}, {3, low, 1}, {4, none, 0}}, Outcome::kOpen},
           {{{1, low, 1}, {2, low, 1}, {3, low, 1}, {4, low, 1}}, Outcome::kChosen}}) {
    EXPECT_EQ(last_of(row.answers), row.outcome) << row.answers.size();
  }
}

}  // namespace majority_read_test
}  // namespace once::paxos

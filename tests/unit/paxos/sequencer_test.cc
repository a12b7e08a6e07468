#include "paxos/sequencer.h"

#include <gtest/gtest.h>

namespace once::paxos {
namespace sequencer_test {

using Ranges = std::vector<SequenceRange>;

RoundZero proposal(uint64_t record) {
  RoundZero proposal;
  proposal.record = RecordNumber{record};
  return proposal;
}

// A window of four, with so many proposals, whose records are numbered as they are.
Sequencer with(uint64_t proposals) {
  Sequencer sequencer(4);
  for (uint64_t n = 1; n <= proposals; ++n) {
    EXPECT_EQ(sequencer.open(proposal(n)).sequence, Sequence{n});
  }
  return sequencer;
}

TEST(Sequencer, GivesOutEachNumberOnceFromOne) {
  Sequencer sequencer = with(3);
  EXPECT_FALSE(sequencer.is_given_out(Sequence{0}));
  EXPECT_TRUE(sequencer.is_given_out(Sequence{3}));
  EXPECT_FALSE(sequencer.is_given_out(Sequence{4}));
  EXPECT_TRUE(sequencer.find(Sequence{3}) != nullptr);
  EXPECT_TRUE(sequencer.find(Sequence{7}) == nullptr) << "of the same place";
  sequencer.close(sequencer.at(Sequence{3}));
  EXPECT_TRUE(sequencer.find(Sequence{3}) == nullptr);
}

// A number has ended when its proposal is closed and this disk has it: only then its place is free.
TEST(Sequencer, TheWindowMovesOverWhatHasEnded) {
  struct Row {
    const char* why;
    uint64_t closed, durable, oldest;  // closed and durable up to it
  };
  for (const Row& row : {Row{"nothing", 0, 0, 1}, Row{"open on this disk", 0, 4, 1},
                         Row{"closed, not on this disk", 4, 0, 1}, Row{"both", 2, 3, 3},
                         Row{"both, the other way", 3, 2, 3}, Row{"all", 4, 4, 5}}) {
    Sequencer sequencer = with(4);
    EXPECT_TRUE(sequencer.full());
    for (uint64_t n = 1; n <= row.closed; ++n) sequencer.close(*sequencer.find(Sequence{n}));
    while (sequencer.next_durable(RecordNumber{row.durable}) != nullptr) {
    }
    EXPECT_EQ(sequencer.durable(), Sequence{row.durable}) << row.why;
    sequencer.advance();
    EXPECT_EQ(sequencer.oldest_open(), Sequence{row.oldest}) << row.why;
    EXPECT_EQ(sequencer.full(), row.oldest == 1) << row.why;
    EXPECT_EQ(sequencer.half_full(), row.oldest < 3) << row.why;
  }
}

TEST(Sequencer, TellsOfEachDurableProposalOnceInOrder) {
  Sequencer sequencer = with(3);
  EXPECT_TRUE(sequencer.next_durable(RecordNumber{0}) == nullptr);
  EXPECT_EQ(sequencer.next_durable(RecordNumber{2})->sequence, Sequence{1});
  EXPECT_EQ(sequencer.next_durable(RecordNumber{2})->sequence, Sequence{2});
  EXPECT_TRUE(sequencer.next_durable(RecordNumber{2}) == nullptr);
  EXPECT_EQ(sequencer.next_durable(RecordNumber{9})->sequence, Sequence{3});
  EXPECT_TRUE(sequencer.next_durable(RecordNumber{9}) == nullptr) << "4 was not given out";
}

TEST(Sequencer, WhatIsChosenIsToldInRanges) {
  Sequencer sequencer = with(4);
  for (const uint64_t n : {1u, 2u, 4u, 3u}) sequencer.add_chosen(Sequence{n});
  const auto range = [](uint64_t first, uint64_t last) {
    return SequenceRange{Sequence{first}, Sequence{last}};
  };
  EXPECT_EQ(sequencer.chosen(), (Ranges{range(1, 2), range(4, 4), range(3, 3)}));
  EXPECT_FALSE(sequencer.has_progressed());
  EXPECT_TRUE(sequencer.owes_progress());
  while (sequencer.next_durable(RecordNumber{3}) != nullptr) {
  }
  EXPECT_TRUE(sequencer.has_progressed());
  sequencer.announced();
  EXPECT_TRUE(sequencer.chosen().empty());
  EXPECT_FALSE(sequencer.has_progressed());
  EXPECT_FALSE(sequencer.owes_progress()) << "two numbers are unannounced, half of the window";
}

TEST(SequencerDeathTest, NoNumberIsUsedTwice) {
  Sequencer sequencer = with(4);
  EXPECT_DEATH(sequencer.open(proposal(5)), "full");
  sequencer.close(sequencer.at(Sequence{1}));
  EXPECT_DEATH(sequencer.close(sequencer.at(Sequence{1})), "slot.open");
  EXPECT_DEATH(sequencer.add_chosen(Sequence{5}), "is_given_out");
  EXPECT_DEATH(Sequencer(3), "window");
}

}  // namespace sequencer_test
}  // namespace once::paxos

// When the cleaner cleans, how much at a time, and in which order; and that the files of a log stay
// within twice what is needed and four segments, whatever is written, and eight while much is.
#include "server/cleaner.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "tests/unit/server/cleaned_log.h"

namespace once::server::test {
namespace cleaner_test {

constexpr int64_t kMs = 1'000'000;
constexpr uint64_t kSegment = CleanedLog::kSegment;

TEST(WantsCleaning, WhereAboutHalfOfWhatIsSealedIsNotNeeded) {
  struct Case {
    LogSpace space;
    bool wants;
  };
  constexpr uint64_t kMiB = 1024 * 1024;
  const Case cases[] = {
      {{0, 0, 0, kMiB, {}}, false},
      {{0, 0, 0, kMiB, {true, true, kMiB}}, false},
      {{kMiB, 0, 0, kMiB, {}}, true},
      {{9 * kMiB, 5 * kMiB, 0, kMiB, {}}, false},
      {{9 * kMiB, 5 * kMiB - 1, 0, kMiB, {}}, true},
      {{9 * kMiB, kMiB, kMiB / 4 * 3 - 1, kMiB, {}}, true},
      {{9 * kMiB, kMiB, kMiB / 4 * 3, kMiB, {}}, false},
      {{10 * kMiB, 9 * kMiB, kMiB / 2, kMiB, {true, true, kMiB}}, true},
      {{10 * kMiB, 9 * kMiB, kMiB / 8 * 5 - 1, kMiB, {true, true, kMiB}}, true},
      {{10 * kMiB, 9 * kMiB, kMiB / 8 * 5, kMiB, {true, true, kMiB}}, false},
      {{10 * kMiB, kMiB, 1, kMiB, {true, false, kMiB}}, false},  // nothing would become free
      {{10 * kMiB, kMiB, 1, kMiB, {true, true, 0}}, false},
      {{10 * kMiB, kMiB, 0, kMiB, {true, true, 0}}, true},  // all that it held is written anew
      {{10 * kMiB, kMiB, kMiB / 4 + 1, kMiB, {true, true, kMiB / 4}}, false},
      {{10 * kMiB, kMiB, kMiB / 4, kMiB, {true, true, kMiB / 4}}, true},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(wants_cleaning(one.space), one.wants)
        << one.space.sealed_bytes << " sealed, " << one.space.needed_bytes << " needed, full "
        << one.space.room.limited << ", emptiest " << one.space.emptiest_needed_bytes;
  }
}

class CleanerTest : public testing::Test {
 protected:
  // More is to be cleaned than may be.
  void spend_all() {
    log.allowed = false;
    for (int n = 0; n < 5; ++n) log.fill_a_segment("hot");
    log.allowed = true;
    log.rounds(500, 0);
    ASSERT_GT(log.looked_at.size(), 0u);
    ASSERT_GT(log.sealed(), 2u);
  }

  CleanedLog log;
};

TEST_F(CleanerTest, LooksAtEveryRecordThenWritesTheFactsThenReleases) {
  log.fill_a_segment("hot");
  const size_t segments = log.log().use().segments().size();
  const wal::SegmentUse::Segment victim = log.log().use().segments().front();
  log.rounds(1000, kMs);
  ASSERT_EQ(log.looked_at.size(), victim.last_record.value);
  for (size_t i = 0; i < log.looked_at.size(); ++i)
    EXPECT_EQ(log.looked_at[i], RecordNumber{i + 1});
  EXPECT_EQ(log.facts, 1);
  EXPECT_EQ(log.segments_at_facts, segments) << "it goes only once they are on their way";
  EXPECT_EQ(log.log().use().find(victim.generation), nullptr);
  EXPECT_EQ(log.cleaner().counters().segments, 1u);
}

TEST_F(CleanerTest, TakesTheSegmentThatIsNeededLeast) {
  for (int n = 0; n < 200; ++n) log.write("name-" + std::to_string(n));
  log.fill_a_segment("hot");
  log.allowed = false;
  log.fill_a_segment("hot");
  log.fill_a_segment("hot");
  const wal::SegmentUse::Segment* second = &log.log().use().segments()[1];
  const RecordNumber first_record = second->first_record;
  log.allowed = true;
  log.rounds(3, kMs);
  ASSERT_FALSE(log.looked_at.empty());
  EXPECT_EQ(log.looked_at.front(), first_record);
}

TEST_F(CleanerTest, ReleasesNothingBeforeItMay) {
  log.allowed = false;
  log.fill_a_segment("hot");
  log.rounds(1000, kMs);
  EXPECT_TRUE(log.looked_at.empty());
  EXPECT_EQ(log.cleaner().counters().segments, 0u);
}

TEST_F(CleanerTest, WithoutTimeAndLoadItDoesNothing) {
  spend_all();
  const size_t before = log.looked_at.size();
  log.rounds(1000, 0);
  EXPECT_EQ(log.looked_at.size(), before);
}

// Nor may it come to more than that when time has passed while there was nothing to do.
TEST_F(CleanerTest, ARoundLooksAtABoundedPart) {
  for (int n = 0; n < 30; ++n) log.fill_a_segment("hot");
  log.round(60'000 * kMs);
  EXPECT_LE(log.looked_at.size() * kBlockBytes, kMostCredit + 512 * kBlockBytes);
  for (const size_t records : log.slices) EXPECT_LE(records, 512u + 16);
}

TEST_F(CleanerTest, WhatTheLoadWritesPaysForIt) {
  spend_all();
  const size_t before = log.looked_at.size();
  for (int n = 0; n < 50; ++n) {
    log.write("hot");
    log.round(0);
  }
  const size_t looked_at = log.looked_at.size() - before;
  EXPECT_GE(looked_at, 50u);
  EXPECT_LE(looked_at, 50u * (kLookedAtPerWritten + 1));
}

TEST_F(CleanerTest, IsSilentWhileTheLogIsBehind) {
  log.fill_a_segment("hot");
  for (int n = 0; n < 300; ++n) log.write("large-" + std::to_string(n), 65'000);
  ASSERT_TRUE(log.log().behind());
  log.cleaner().on_round(1000 * kMs);
  EXPECT_TRUE(log.looked_at.empty());
}

// However much too many files there are: what it writes must not be what makes the log refuse.
TEST_F(CleanerTest, IsSilentWhileHalfOfThatWaits) {
  log.allowed = false;
  for (int n = 0; n < 7; ++n) log.fill_a_segment("hot");
  log.allowed = true;
  ASSERT_FALSE(log.is_bounded());
  for (int n = 0; n < 140; ++n) log.write("large-" + std::to_string(n), 65'000);
  ASSERT_FALSE(log.log().behind());
  const size_t asked = log.io.pending.size();
  log.cleaner().on_round(1000 * kMs);
  log.cleaner().on_round(2000 * kMs);
  EXPECT_EQ(log.io.pending.size(), asked) << "nor is anything read for it";
}

// --- names in the log of another core

TEST(CleanerAdopts, BeforeItCleansAndTellsWhenThatIsDurable) {
  CleanedLog log(true);
  log.allowed = false;
  log.to_adopt = 5;
  for (int n = 0; n < 1000 && log.to_adopt > 0; ++n) {
    EXPECT_FALSE(log.adopted);
    log.io.now += kMs;
    log.cleaner().on_round(log.io.now);
  }
  log.cleaner().on_round(log.io.now);
  EXPECT_FALSE(log.adopted) << "it is not durable yet";
  log.round(kMs);
  log.round(kMs);
  EXPECT_TRUE(log.adopted);
  EXPECT_EQ(log.adoptions, 5);
}

TEST(CleanerAdopts, NothingWhereThereIsNothing) {
  CleanedLog log(false);
  log.round(kMs);
  EXPECT_TRUE(log.adopted);
  EXPECT_EQ(log.adoptions, 0);
}

// What is written by it earns nothing: with time alone it goes so fast.
TEST(CleanerAdopts, AtThePaceOfTheTrickle) {
  CleanedLog log(true);
  log.to_adopt = 1'000'000;
  log.adopted_bytes = 16 * 1024;
  log.round(kMs);
  const int before = log.adoptions;
  for (int n = 0; n < 1000; ++n) log.round(kMs);
  EXPECT_LE((log.adoptions - before) * int64_t{32} * 1024, 2 * kTrickle + kMostCredit);
  EXPECT_GT(log.adoptions, before + 100);
}

// --- a slow disk, and a full one

// It is not taken for a full one, and what comes goes first.
TEST_F(CleanerTest, WhileMoreWaitsThanABatchItDoesNothing) {
  log.fill_a_segment("hot");
  for (int n = 0; n < 50; ++n) log.write("large", 65'000);
  ASSERT_FALSE(log.log().behind());
  for (int n = 0; n < 20; ++n) log.cleaner().on_round(n * 100 * kMs);
  EXPECT_TRUE(log.looked_at.empty());
  log.complete();
  log.rounds(20, 100 * kMs);
  EXPECT_FALSE(log.looked_at.empty());
}

class FullDisk : public CleanerTest {
 protected:
  // Until nothing more is taken: what is left is for the cleaner.
  void fill_up() {
    log.io.most_files = 9;
    log.allowed = false;
    for (int n = 0; n < 20'000 && !log.log().spent(); ++n) {
      log.write("hot");
      log.round(0);
    }
    ASSERT_TRUE(log.log().full() && log.log().room().reserve);
    ASSERT_GE(log.sealed(), 6u);
    log.allowed = true;
  }
};

TEST_F(FullDisk, OfWhatIsNotNeededFreesItself) {
  fill_up();
  log.rounds(4000, 5 * kMs);
  EXPECT_FALSE(log.log().full());
  EXPECT_TRUE(log.is_bounded(1));
}

TEST_F(FullDisk, FreesItselfAfterARestart) {
  fill_up();
  log.restart();
  log.rounds(4000, 5 * kMs);
  EXPECT_FALSE(log.log().full());
  EXPECT_TRUE(log.is_bounded(1));
}

TEST_F(FullDisk, FreesItselfUnderLoad) {
  fill_up();
  int taken = 0;
  for (int n = 0; n < 10'000; ++n) {
    if (!log.log().spent()) log.write("hot-" + std::to_string(++taken % 10));
    log.round(kMs / 2);
  }
  EXPECT_GT(taken, 5'000);
  EXPECT_FALSE(log.log().full());
}

// Much is written, and still it is cleaned at once: nothing is refused.
TEST_F(FullDisk, IsNoTimeToPutItOff) {
  log.io.most_files = 6;
  log.allowed = false;
  for (int n = 0; n < 20'000 && !log.log().full(); ++n) {
    log.write("hot");
    log.round(kMs / 2);
  }
  log.allowed = true;
  for (int n = 0; n < 5'000; ++n) {
    ASSERT_FALSE(log.log().spent()) << n;
    log.write("hot");
    log.round(kMs / 2);
  }
}

TEST_F(FullDisk, FreesItselfWhereverItIsStopped) {
  fill_up();
  for (int stop = 0; stop < 300; ++stop) {
    log.rounds(stop % 7, 5 * kMs);
    log.restart();
  }
  log.rounds(4000, 5 * kMs);
  EXPECT_FALSE(log.log().full());
  EXPECT_TRUE(log.is_bounded(1));
}

// All is needed: what comes is taken as long as the last spare is left, and there is room for what
// a start has to write, many times.
TEST_F(FullDisk, OfWhatIsNeededKeepsRoomForStarts) {
  log.io.most_files = 6;
  int n = 0;
  for (; n < 20'000 && !log.log().spent(); ++n) {
    log.write("name-" + std::to_string(n), 3000);
    log.round(kMs);
  }
  ASSERT_TRUE(log.log().spent() && log.log().room().reserve);
  for (int start = 0; start < 10; ++start) {
    log.restart();
    log.write("start");
    log.round(kMs);
    log.rounds(20, 100 * kMs);
    ASSERT_EQ(log.log().durable(), log.log().appended());
    ASSERT_TRUE(log.log().spent() && log.log().room().reserve) << start;
  }
  log.io.most_files = 100;
  log.rounds(100, 100 * kMs);
  EXPECT_FALSE(log.log().spent());
}

// It was chosen while there was room for what is needed of it.
TEST_F(FullDisk, ASegmentThatWasBegunIsGivenUpWhereItDoesNotFit) {
  log.allowed = false;
  for (int n = 0; log.sealed() < 1; ++n) {
    log.write("name-" + std::to_string(n), 2750);
    log.write("hot", 1000);
    log.log().flush();
    log.complete();
  }
  log.allowed = true;
  log.rounds(3, 0);
  const size_t begun = log.looked_at.size();
  ASSERT_GT(begun, 0u);
  ASSERT_EQ(log.cleaner().counters().segments, 0u);
  log.io.prepare_error = "No space left on device";
  for (int n = 0; !log.log().full() || log.log().room().bytes > kSegment / 4; ++n) {
    log.write("full-" + std::to_string(n), 3000);
    log.log().flush();
    log.complete();
  }
  ASSERT_TRUE(log.log().room().reserve);
  log.rounds(1000, 5 * kMs);
  EXPECT_TRUE(log.log().room().reserve) << "the last spare is left";
  EXPECT_EQ(log.cleaner().counters().segments, 0u);
}

// Five eighths and more are needed: to write them anew wins nothing, and could go on for ever.
TEST_F(FullDisk, IsNotRewrittenForNothing) {
  log.allowed = false;
  log.io.most_files = 7;
  for (int n = 0; n < 20'000 && !log.log().full(); ++n) {
    log.write("name-" + std::to_string(n), 2750);  // and the rest of its block is needless
    log.write("hot", 1000);
    log.round(kMs);
  }
  ASSERT_TRUE(log.log().full());
  EXPECT_FALSE(log.log().spent()) << "what is left is for others";
  log.allowed = true;
  const uint64_t written = log.log().counters().bytes_written;
  log.rounds(1000, 100 * kMs);
  EXPECT_LE(log.log().counters().bytes_written - written, 100u * kBlockBytes);
}

// A spare is the only way to a free file.
TEST_F(FullDisk, WithoutASpareNothingIsCleaned) {
  log.allowed = false;
  log.fill_a_segment("hot");
  log.io.most_files = 3;
  for (int n = 0; n < 3000; ++n) log.write("name-" + std::to_string(n), 400), log.round(0);
  ASSERT_FALSE(log.log().room().reserve);
  ASSERT_TRUE(log.log().full());
  log.allowed = true;
  const RecordNumber appended = log.log().appended();
  log.rounds(100, 100 * kMs);
  EXPECT_EQ(log.log().appended(), appended);
}

TEST_F(CleanerTest, OnAFullDiskItCleansWhereverSomethingIsWon) {
  log.allowed = false;
  for (int n = 0; log.sealed() < 3; ++n) {
    log.write("name-" + std::to_string(n), 500);
    log.write("hot", 1500);
    log.log().flush();
    log.complete();
  }
  log.io.prepare_error = "No space left on device";
  for (int n = 0; n < 1000 && !log.log().full(); ++n) {
    log.write("name-" + std::to_string(n), 3000);
    log.log().flush();
    log.complete();
  }
  ASSERT_TRUE(log.log().full());
  log.allowed = true;
  log.looked_at.clear();
  log.rounds(50, 5 * kMs);
  EXPECT_FALSE(log.looked_at.empty());
}

// --- the space, at every moment

struct SpaceCase {
  const char* what;
  int writes;
  bool cleans;
  // The names that are written together in the n-th round.
  void (*write)(CleanedLog& log, int n, Prng& prng);
};

class CleanerSpace : public testing::TestWithParam<SpaceCase> {};

TEST_P(CleanerSpace, StaysWithinTwiceWhatIsNeededAndEightSegmentsThenFour) {
  CleanedLog log;
  Prng prng(7);
  for (int n = 0; n < GetParam().writes; ++n) {
    GetParam().write(log, n, prng);
    log.round(10'000);
    // What was begun in the run before is begun anew, and for a while there is one file more.
    const bool begins = n > GetParam().writes / 2 && log.cleaner().counters().segments < 2;
    ASSERT_TRUE(log.is_bounded(kMostPutOff + (begins ? 1 : 0)))
        << "round " << n << ": " << log.file_bytes() / kSegment << " files, needed "
        << log.needed_bytes() << ", " << log.sealed() << " sealed, " << log.log().files()
        << " files counted, " << log.cleaner().counters().segments << " cleaned";
    if (n == GetParam().writes / 2) {
      const size_t names = log.names();
      log.restart();
      ASSERT_EQ(log.names(), names);
    }
  }
  for (int n = 0; n < 4000; ++n) log.round(kMs);
  EXPECT_TRUE(log.is_bounded()) << "the load rests";
  EXPECT_EQ(log.cleaner().counters().segments > 3, GetParam().cleans);
  EXPECT_LE(log.cleaner().counters().kept_bytes, log.log().counters().bytes_written);
}

void write_hot(CleanedLog& log, int, Prng&) { log.write("hot"); }
void write_unique(CleanedLog& log, int n, Prng&) { log.write("name-" + std::to_string(n)); }
void write_many_unique(CleanedLog& log, int n, Prng&) {
  for (int i = 0; i < 40; ++i) log.write("name-" + std::to_string(n * 40 + i));
}
void write_hot_set(CleanedLog& log, int n, Prng& prng) {
  for (int i = 0; i < 50; ++i) log.write("hot-" + std::to_string(prng.below(1000)));
  if (n % 2 == 0) log.write("name-" + std::to_string(n));
}
void write_large(CleanedLog& log, int, Prng& prng) {
  log.write("large-" + std::to_string(prng.below(40)), 1000 + prng.below(60'000));
}

INSTANTIATE_TEST_SUITE_P(
    Loads, CleanerSpace,
    testing::Values(SpaceCase{"OneHotName", 20'000, true, write_hot},
                    SpaceCase{"ATrickleOfNewNames", 20'000, true, write_unique},
                    SpaceCase{"ManyNewNames", 4'000, false, write_many_unique},
                    SpaceCase{"AHotSetBesideNewNames", 8'000, true, write_hot_set},
                    SpaceCase{"LargeValues", 3'000, true, write_large}),
    [](const auto& info) { return info.param.what; });

// A trickle of single writes costs a block each, for a while.
TEST(CleanerTrickle, OfOneWriteAtATimeLittleIsLeft) {
  CleanedLog log;
  constexpr int kWrites = 25'000;
  for (int n = 0; n < kWrites; ++n) {
    log.write("name-" + std::to_string(n));
    log.round(10'000);
  }
  for (int n = 0; n < 4000; ++n) log.round(kMs);
  EXPECT_LE(log.file_bytes(), kWrites * uint64_t{512});
}

}  // namespace cleaner_test
}  // namespace once::server::test

#include "base/page_toucher.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>
#include <vector>

#include "base/huge_pages.h"
#include "paxos/pieces.h"

namespace once {
namespace page_toucher_test {

size_t page_bytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

// Pages of that huge page that are in memory.
size_t present(char* at) {
  std::vector<unsigned char> there(HugePages::kPageBytes / page_bytes());
  EXPECT_EQ(mincore(at, HugePages::kPageBytes, there.data()), 0);
  return static_cast<size_t>(
      std::count_if(there.begin(), there.end(), [](unsigned char one) { return (one & 1) != 0; }));
}

bool comes(char* at) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (present(at) * page_bytes() < HugePages::kPageBytes) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(PageToucherTest, MakesThatBeThereWhatItIsAskedFor) {
  HugePages pages(4);
  PageToucher toucher;
  PageToucher::ask(pages.begin() + HugePages::kPageBytes, 2 * HugePages::kPageBytes);
  EXPECT_TRUE(comes(pages.begin() + HugePages::kPageBytes));
  EXPECT_TRUE(comes(pages.begin() + 2 * HugePages::kPageBytes));
  EXPECT_EQ(present(pages.begin()), 0u);
  EXPECT_EQ(present(pages.begin() + 3 * HugePages::kPageBytes), 0u);
}

double cpu_s() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

TEST(PageToucherTest, WhatHasTimeComesWholeAndTakesAThirdOfACore) {
  constexpr size_t kMany = 16;
  HugePages pages(kMany);
  PageToucher toucher;
  char* last = pages.begin() + (kMany - 1) * HugePages::kPageBytes;
  const auto begun = std::chrono::steady_clock::now();
  const double before_s = cpu_s();
  PageToucher::ask_in_time(pages.begin(), kMany * HugePages::kPageBytes);
  while (present(last) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  EXPECT_LT(cpu_s() - before_s, 0.6 * took.count());
  for (size_t n = 0; n < kMany; ++n) EXPECT_TRUE(comes(pages.begin() + n * HugePages::kPageBytes));
}

// Who looks may come late himself, but not each time.
TEST(PageToucherTest, WhatIsNeededSoonComesFirst) {
  constexpr size_t kMany = 8;
  PageToucher toucher;
  bool was_first = false;
  for (int attempt = 0; attempt < 20 && !was_first; ++attempt) {
    HugePages pages(kMany), soon(1);
    PageToucher::ask_in_time(pages.begin(), kMany * HugePages::kPageBytes);
    PageToucher::ask(soon.begin(), HugePages::kPageBytes);
    EXPECT_TRUE(comes(soon.begin()));
    char* last = pages.begin() + (kMany - 1) * HugePages::kPageBytes;
    was_first = present(last) == 0;
    EXPECT_TRUE(comes(last));
  }
  EXPECT_TRUE(was_first);
}

TEST(PageToucherTest, WithoutOneNothingIsTouched) {
  HugePages pages(1);
  PageToucher::ask(pages.begin(), HugePages::kPageBytes);
  PageToucher::ask_in_time(pages.begin(), HugePages::kPageBytes);
  { PageToucher toucher; }  // what was asked before is not kept for it
  EXPECT_EQ(present(pages.begin()), 0u);
}

TEST(PageToucherTest, WhatIsGoneMeanwhileIsNoHarm) {
  PageToucher toucher;
  for (int i = 0; i < 1000; ++i) {
    HugePages pages(1);
    PageToucher::ask(pages.begin(), HugePages::kPageBytes);
  }
  HugePages pages(1);
  while (present(pages.begin()) == 0) PageToucher::ask(pages.begin(), HugePages::kPageBytes);
  EXPECT_TRUE(comes(pages.begin()));
}

TEST(PiecesTest, HugePagesAreThereBeforeTheyAreNeeded) {
  PageToucher toucher;
  paxos::Pieces pieces;
  const size_t small = 4 * 1024 * 1024 / paxos::Pieces::kBytes;
  for (size_t i = 0; i < small; ++i) pieces.take();
  // Through more than one mapping.
  for (size_t page = 0; page < 40; ++page) {
    char* first = pieces.take();
    for (size_t i = 1; i < HugePages::kPageBytes / paxos::Pieces::kBytes; ++i) pieces.take();
    EXPECT_TRUE(page == 0 || comes(first)) << page;
  }
}

void take(paxos::Pieces& pieces, size_t bytes) {
  for (size_t taken = 0; taken < bytes; taken += paxos::Pieces::kBytes) pieces.take();
}

size_t resident_bytes() {
  size_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * page_bytes();
}

// It is taken before anything else.
TEST(PiecesTest, WhatIsMadeReadyCounts) {
  paxos::Pieces pieces;
  const size_t small = 4 * 1024 * 1024, page = HugePages::kPageBytes;
  take(pieces, small + page);
  EXPECT_EQ(pieces.bytes(), small + page);
  pieces.make_ready(20 * page + page / 2);
  EXPECT_EQ(pieces.bytes(), small + 21 * page);
  take(pieces, 20 * page);
  EXPECT_EQ(pieces.bytes(), small + 21 * page);
  take(pieces, page);
  EXPECT_EQ(pieces.bytes(), small + 22 * page);
}

// Beyond what is in use, and through more than one mapping.
TEST(PiecesTest, WhatIsMadeReadyIsThereBeforeItIsTaken) {
  PageToucher toucher;
  paxos::Pieces pieces;
  const size_t small = 4 * 1024 * 1024, page = HugePages::kPageBytes;
  take(pieces, small);
  for (int n = 0; n < 12; ++n) {
    char* first = pieces.take();
    take(pieces, page - paxos::Pieces::kBytes);
    first[0] = 1;
    EXPECT_TRUE(n == 0 || comes(first)) << n;
  }
  const size_t before = resident_bytes();
  pieces.make_ready(40 * page);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (resident_bytes() < before + 37 * page) {  // two of them were asked for already
    ASSERT_LT(std::chrono::steady_clock::now(), until) << resident_bytes() - before;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace page_toucher_test
}  // namespace once

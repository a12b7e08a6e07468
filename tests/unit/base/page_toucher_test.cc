#include "base/page_toucher.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
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

TEST(PageToucherTest, WithoutOneNothingIsTouched) {
  HugePages pages(1);
  PageToucher::ask(pages.begin(), HugePages::kPageBytes);
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

}  // namespace page_toucher_test
}  // namespace once

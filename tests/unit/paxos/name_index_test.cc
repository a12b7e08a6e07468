#include "paxos/name_index.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <iterator>
#include <memory>
#include <set>
#include <vector>

#include "base/prng.h"
#include "paxos/pieces.h"

namespace once::paxos {
namespace name_index_test {

// An index with nothing behind it: the n-th key is of the entry n.
class Indexed {
 public:
  void insert(uint64_t key) {
    const EntryIndex index{static_cast<uint32_t>(keys_.size())};
    keys_.push_back(key);
    const uint64_t looks = looks_;
    index_.insert(
        key, index,
        [this](EntryIndex of) {
          ++looks_;
          return keys_[of.value];
        },
        [](EntryIndex) {});
    if (looks_ != looks) looked_at_.insert(keys_.size());
  }
  bool finds(size_t n) const {
    return index_.find(keys_[n], [n](EntryIndex is) { return is.value == n; }).value == n;
  }
  // How many other entries are asked for, that one look up may find nothing.
  size_t mistaken(uint64_t key) const {
    size_t asked = 0;
    index_.find(key, [&](EntryIndex) {
      ++asked;
      return false;
    });
    return asked;
  }
  NameIndex& index() { return index_; }
  size_t size() const { return keys_.size(); }
  uint64_t looks() const { return looks_; }
  const std::set<size_t>& looked_at() const { return looked_at_; }  // at what sizes

 private:
  Pieces pieces_;
  NameIndex index_{pieces_};
  std::vector<uint64_t> keys_;
  uint64_t looks_ = 0;
  std::set<size_t> looked_at_;
};

// More than the bits of a place know of: some segments are twelve bits deep.
constexpr size_t kMany = 2'500'000;

void fill(Indexed& indexed, size_t count) {
  Prng prng(5);
  while (indexed.size() < count) indexed.insert(prng.next());
}

const Indexed& full() {
  static const std::unique_ptr<Indexed> indexed = [] {
    auto made = std::make_unique<Indexed>();
    fill(*made, kMany);
    return made;
  }();
  return *indexed;
}

TEST(NameIndexTest, FindsEachOfMillions) {
  const Indexed& indexed = full();
  size_t lost = 0;
  for (size_t n = 0; n < kMany; ++n) lost += indexed.finds(n) ? 0 : 1;
  EXPECT_EQ(lost, 0u);
}

TEST(NameIndexTest, ASplitLooksAtEntriesSeldom) {
  const Indexed& indexed = full();
  EXPECT_GT(indexed.looks(), 0u);
  EXPECT_LT(indexed.looks(), kMany / 3) << "without the bits beside the tags it is all of them";
}

// Else requests wait for hundreds of splits one after the other.
TEST(NameIndexTest, SegmentsDoNotLookAtEntriesAllAtOneSize) {
  const Indexed& indexed = full();
  // In each doubling from the sixteenth segment on only a part of them does.
  for (size_t from = 320'000; from * 2 <= kMany; from *= 2) {
    const auto& sizes = indexed.looked_at();
    const auto splits =
        static_cast<size_t>(std::distance(sizes.lower_bound(from), sizes.lower_bound(from * 2)));
    EXPECT_LT(splits, from / 2240 / 2) << "from " << from;
    EXPECT_GT(splits, 0u) << "from " << from;
  }
}

TEST(NameIndexTest, AsksForHardlyAnyEntryThatIsNotMeant) {
  const Indexed& indexed = full();
  Prng prng(6);
  size_t asked = 0;
  for (int i = 0; i < 100'000; ++i) asked += indexed.mistaken(prng.next());
  EXPECT_LT(asked, 1'000u) << "by tag and way: some 560; by tag alone some 1860";
}

}  // namespace name_index_test
}  // namespace once::paxos

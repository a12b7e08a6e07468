#include "paxos/digest.h"

#include <gtest/gtest.h>

#include <string>

#include "base/hash.h"
#include "base/limits.h"

namespace once::paxos {
namespace digest_test {

TEST(Digest, ABucketIsOfOneShard) {
  struct Row {
    uint16_t shards;
    uint32_t per_shard;
  };
  for (const Row& row : {Row{1, 4096}, Row{3, 1365}, Row{64, 64}, Row{4096, 1}, Row{65535, 1}}) {
    const Digest digest(row.shards);
    EXPECT_EQ(digest.per_shard(), row.per_shard);
    EXPECT_EQ(digest.size(), size_t{row.shards} * row.per_shard);
    for (int n = 0; n < 2'000; ++n) {
      const uint64_t place = name_hash("name-" + std::to_string(n), 42);
      const size_t bucket = digest.bucket_of(place);
      ASSERT_LT(bucket, digest.size());
      ASSERT_EQ(bucket / row.per_shard, shard_of(place, row.shards).value);
    }
    EXPECT_EQ(digest.bucket_of(UINT64_MAX), digest.size() - 1);
    EXPECT_EQ(digest.bucket_of(0), 0u);
  }
}

TEST(Digest, IsTheSameInWhateverOrderItsNamesCame) {
  Digest one(64), other(64);
  for (uint64_t n = 1; n <= 100; ++n) one.add(n << 50, n);
  for (uint64_t n = 100; n >= 1; --n) other.add(n << 50, n);
  EXPECT_EQ(one.names(), 100u);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_EQ(one.at(i), other.at(i));
}

TEST(Digest, ATakenBackNameLeavesNothing) {
  Digest digest(64);
  digest.add(7, 1);
  digest.remove(7, 1);
  EXPECT_EQ(digest.at(digest.bucket_of(7)), Bucket{});
  EXPECT_EQ(digest.names(), 0u);
}

TEST(Digest, AnotherVersionOrAnotherNameIsAnotherSum) {
  const uint64_t place = uint64_t{5} << 52;
  for (const auto& [other, version] :
       {std::pair(place, uint64_t{2}), std::pair(place + 1, uint64_t{1})}) {
    Digest one(64), two(64);
    one.add(place, 1);
    two.add(other, version);
    const size_t bucket = one.bucket_of(place);
    ASSERT_EQ(two.bucket_of(other), bucket);
    EXPECT_EQ(one.at(bucket).count, two.at(bucket).count);
    EXPECT_NE(one.at(bucket).sum, two.at(bucket).sum);
  }
}

}  // namespace digest_test
}  // namespace once::paxos

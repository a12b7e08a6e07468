#include "paxos/name_hasher.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

#include "base/bytes.h"

namespace once::paxos {
namespace name_hasher_test {

constexpr uint64_t kSeed = 0x5eed5eed5eed5eed;
constexpr SipKey kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

// A 32-byte name whose hash of place is the same for every n. XXH3 multiplies the two words of each
// half, each with something of its published secret and of the seed added; one word that makes its
// factor zero sets the other one free.
std::string crafted(uint64_t n) {
  std::string name(32, '\0');
  store(name.data(), 0xbe4ba423396cfeb8 + kSeed);
  store(name.data() + 8, n);
  store(name.data() + 16, 0xdb979083e96dd4de + kSeed);
  store(name.data() + 24, n * 0x9e3779b97f4a7c15);
  return name;
}

// Of bytes 0, 1, 2, ...: every length of a last word, and more than one word.
TEST(SipHash, IsSipHashOneThree) {
  const std::pair<size_t, uint64_t> vectors[] = {
      {0, 0xabac0158050fc4dc},  {1, 0xc9f49bf37d57ca93},  {7, 0xd3927d989bb11140},
      {8, 0x369095118d299a8e},  {15, 0xd320d86d2a519956}, {16, 0xcc4fdd1a7d908b66},
      {63, 0x9d199062b7bbb3a8},
  };
  for (const auto& [size, expected] : vectors) {
    std::string bytes;
    for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(i));
    EXPECT_EQ(sip_hash(bytes, kKey), expected) << size << " bytes";
  }
  // As Python's hash() of bytes, when its key is zero.
  EXPECT_EQ(sip_hash("abcdefgh", SipKey{}), 4574395652268504554u);
  EXPECT_NE(sip_hash("\xff", kKey), sip_hash("\x7f", kKey)) << "bytes have no sign";
  EXPECT_NE(sip_hash({"\0", 1}, kKey), sip_hash({"\0\0", 2}, kKey)) << "the length counts";
}

TEST(NameHasher, NamesThatAreCraftedForOnePlaceAreFoundApart) {
  const NameHasher hash_of(kSeed, kKey);
  std::set<uint64_t> keys;
  std::set<uint64_t> parts;  // of a table
  for (uint64_t n = 0; n < 20'000; ++n) {
    const NameHash hash = hash_of(crafted(n));
    ASSERT_EQ(hash.place, hash_of(crafted(0)).place) << "the test crafts nothing";
    keys.insert(hash.key);
    parts.insert(hash.key & 255);
  }
  EXPECT_EQ(keys.size(), 20'000u);
  EXPECT_EQ(parts.size(), 256u);
}

TEST(NameHasher, PlaceGoesByTheSeedAndKeyByTheKey) {
  const std::string name = "a name";
  const NameHash hash = NameHasher(kSeed, kKey)(name);
  EXPECT_EQ(hash.place, name_hash(name, kSeed));
  EXPECT_EQ(hash.key, sip_hash(name, kKey));
  EXPECT_EQ(NameHasher(kSeed, kKey).place_of(name), hash.place);
  const SipKey high{kKey.low, kKey.high + 1};
  const SipKey low{kKey.low + 1, kKey.high};
  EXPECT_NE(NameHasher(kSeed, high)(name).key, hash.key);
  EXPECT_NE(NameHasher(kSeed, low)(name).key, hash.key);
}

}  // namespace name_hasher_test
}  // namespace once::paxos

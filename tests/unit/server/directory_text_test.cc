// What stands in the files beside the log: every field is read back as it was written, and none is
// taken beyond the limits that the rest of the node counts on.
#include "server/directory_text.h"

#include <gtest/gtest.h>

#include <cctype>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/hex.h"
#include "base/limits.h"

namespace once::server {
namespace directory_text_test {

template <class Id>
Id id_of(char digit) {
  Id id;
  static_cast<Uuid&>(id) = *uuid_of_hex(std::string(32, digit));
  return id;
}

Configuration some() {
  Configuration configuration;
  configuration.cluster = id_of<ClusterId>('a');
  configuration.disk = id_of<DiskId>('b');
  configuration.node = NodeId{2};
  configuration.epoch = 3;
  configuration.hash_seed = 0xfedcba9876543210;
  configuration.shard_count = 256;
  configuration.segment_bytes = 64 * kMaxBatchBytes;
  configuration.members = {{NodeId{2}, "10.0.0.2:7501"}, {NodeId{1}, "[::1]:65535"}};
  return configuration;
}

// The text with one line in place of that of `key`, and with a checksum that is right.
std::string with_line(const std::string& key, const std::string& line) {
  std::string text = identity_text(some());
  text.resize(text.find("checksum="));
  const size_t begin = text.find(key + "=");
  const size_t end = text.find('\n', begin) + 1;
  text.replace(begin, end - begin, line);
  return with_checksum(text);
}
bool takes(const std::string& key, const std::string& value) {
  return parse_identity("identity", with_line(key, key + "=" + value + "\n")).has_value();
}

TEST(DirectoryText, AnIdentityIsReadAsItWasWritten) {
  const Configuration wrote = some();
  const auto read = parse_identity("identity", identity_text(wrote));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->cluster, wrote.cluster);
  EXPECT_EQ(read->disk, wrote.disk);
  EXPECT_EQ(read->node, wrote.node);
  EXPECT_EQ(read->epoch, wrote.epoch);
  EXPECT_EQ(read->hash_seed, wrote.hash_seed);
  EXPECT_EQ(read->shard_count, wrote.shard_count);
  EXPECT_EQ(read->segment_bytes, wrote.segment_bytes);
  EXPECT_EQ(read->members, wrote.members) << "by slot, not by number";
}

TEST(DirectoryText, EachFieldOfAnIdentityHasItsLimits) {
  const std::string nodes = std::to_string(kMaxNodes), beyond = std::to_string(kMaxNodes + 1);
  EXPECT_TRUE(takes("node", "1"));
  EXPECT_FALSE(takes("node", "3")) << "no member";
  for (const std::string& node : {std::string("0"), beyond, std::string("65538")}) {
    const std::string line = "node=" + node + "\nmembers=" + node + "=h:1\n";
    EXPECT_FALSE(parse_identity("identity", with_line("node", line))) << node;
  }
  EXPECT_TRUE(takes("shard_count", "1"));
  EXPECT_TRUE(takes("shard_count", "65535"));
  for (const char* bad : {"0", "65536", "65537", "4294967552", "", "-1", "+1", "1 ", "x"}) {
    EXPECT_FALSE(takes("shard_count", bad)) << bad;
  }
  EXPECT_TRUE(takes("segment_bytes", std::to_string(kMaxBatchBytes)));
  EXPECT_TRUE(takes("segment_bytes", std::to_string(kMaxSegmentBytes)));
  for (const uint64_t bad :
       {uint64_t{0}, uint64_t{kMaxBatchBytes - 1}, uint64_t{kMaxBatchBytes + 1},
        uint64_t{kMaxBatchBytes / 2}, kMaxSegmentBytes + kMaxBatchBytes}) {
    EXPECT_FALSE(takes("segment_bytes", std::to_string(bad))) << bad;
  }
  EXPECT_TRUE(takes("epoch", "18446744073709551615"));
  EXPECT_FALSE(takes("epoch", "18446744073709551616"));
  EXPECT_TRUE(takes("hash_seed", "ffffffffffffffff"));
  EXPECT_FALSE(takes("hash_seed", "10000000000000000"));
  EXPECT_FALSE(takes("hash_seed", "0x1"));
  EXPECT_FALSE(takes("cluster", ""));
  EXPECT_FALSE(takes("cluster", std::string(33, 'a')));
  EXPECT_FALSE(takes("disk", std::string(32, 'g')));
  EXPECT_TRUE(takes("members", "2=h:1," + nodes + "=h:65535"));
  for (const std::string& bad :
       {std::string(), std::string("2"), std::string("2="), std::string("2=h"), std::string("2=h:"),
        std::string("2=h:0"), std::string("2=h:65536"), std::string("2=:1"), std::string("2=h:1,"),
        std::string(",2=h:1"), std::string("2=h:1,2=i:1"), std::string("2=h:1,0=i:1"),
        "2=h:1," + beyond + "=i:1", std::string("2=h:1,65538=i:1"), std::string("2=h i:1")}) {
    EXPECT_FALSE(takes("members", bad)) << bad;
  }
}

TEST(DirectoryText, AnIdentityOfAnotherFormatIsSaidToBeOne) {
  for (const auto& [format, word] : {std::pair("3", "newer onced"), std::pair("1", "older release"),
                                     std::pair("0", "older release"), std::pair("x", "damaged")}) {
    const auto read =
        parse_identity("identity", with_line("format", "format=" + std::string(format) + "\n"));
    ASSERT_FALSE(read) << format;
    EXPECT_NE(read.error().message.find(word), std::string::npos) << read.error().message;
  }
  for (const char* key : {"format", "cluster", "disk", "node", "epoch", "hash_seed", "shard_count",
                          "segment_bytes", "members"}) {
    EXPECT_FALSE(parse_identity("identity", with_line(key, ""))) << "without " << key;
  }
}

// No single bit may turn one text into another that is taken; nor may its end be missing.
TEST(DirectoryText, DamageIsSeenWhereverItIs) {
  const std::vector<std::pair<std::string, std::function<bool(const std::string&)>>> kinds = {
      {identity_text(some()),
       [](const std::string& text) { return parse_identity("identity", text).has_value(); }},
      {peers_text({{NodeId{1}, id_of<DiskId>('1')}, {NodeId{3}, id_of<DiskId>('3')}}),
       [](const std::string& text) { return parse_peers(text).has_value(); }},
      {standing_text(Standing::kAdmitted, id_of<DiskId>('1')),
       [](const std::string& text) {
         return parse_standing(text, id_of<DiskId>('1')).has_value();
       }},
      {streams_text(2), [](const std::string& text) { return parse_streams(text).has_value(); }}};
  for (const auto& [text, takes] : kinds) {
    ASSERT_TRUE(takes(text)) << text;
    for (size_t size = 0; size < text.size(); ++size) {
      EXPECT_FALSE(takes(text.substr(0, size))) << size << " bytes of " << text;
    }
    EXPECT_FALSE(takes(text + "\n"));
    EXPECT_FALSE(takes(text + text));
    for (size_t bit = 0; bit < text.size() * 8; ++bit) {
      std::string damaged = text;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
      // The digits of the checksum may change case: it is the same number.
      const bool same = bit % 8 == 5 && bit / 8 > text.find("checksum=") + 8 &&
                        isalpha(static_cast<unsigned char>(text[bit / 8])) != 0;
      EXPECT_EQ(takes(damaged), same) << "bit " << bit << " of " << text;
    }
  }
}

TEST(DirectoryText, PeersAreReadAsTheyWereWritten) {
  const std::map<NodeId, DiskId> peers{{NodeId{1}, id_of<DiskId>('1')},
                                       {NodeId{kMaxNodes}, id_of<DiskId>('f')}};
  EXPECT_EQ(parse_peers(peers_text(peers)), peers);
  EXPECT_EQ(parse_peers(peers_text({})), (std::map<NodeId, DiskId>{}));
  const std::string disk = "=" + std::string(32, 'a') + "\n";
  EXPECT_TRUE(parse_peers(with_checksum("1" + disk)));
  EXPECT_FALSE(parse_peers(with_checksum("0" + disk)));
  EXPECT_FALSE(parse_peers(with_checksum(std::to_string(kMaxNodes + 1) + disk)));
  EXPECT_FALSE(parse_peers(with_checksum("65537" + disk)));
  EXPECT_FALSE(parse_peers(with_checksum("1" + disk + "1" + disk))) << "twice";
  EXPECT_FALSE(parse_peers(with_checksum("1=" + std::string(33, 'a') + "\n")));
  EXPECT_FALSE(parse_peers(with_checksum("one" + disk)));
}

TEST(DirectoryText, AStandingIsOfOneDisk) {
  const auto disk = id_of<DiskId>('1');
  for (const Standing standing : {Standing::kAdmitted, Standing::kWithdrawn}) {
    EXPECT_EQ(parse_standing(standing_text(standing, disk), disk), standing);
    EXPECT_FALSE(parse_standing(standing_text(standing, disk), id_of<DiskId>('2')));
  }
  const std::string of = "disk=" + hex_of(disk) + "\n";
  EXPECT_TRUE(parse_standing(with_checksum("standing=admitted\n" + of), disk));
  EXPECT_FALSE(parse_standing(with_checksum("standing=waiting\n" + of), disk));
  EXPECT_FALSE(parse_standing(with_checksum("standing=\n" + of), disk));
  EXPECT_FALSE(parse_standing(with_checksum("standing=admitted\n"), disk));
  EXPECT_FALSE(parse_standing(with_checksum(of + "standing=admitted\n"), disk));
  EXPECT_FALSE(parse_standing(with_checksum("standing=admitted\n" + of + of), disk));
}

TEST(DirectoryText, AtLeastOneStreamAndAsManyAsCores) {
  for (const uint32_t count : {1u, 2u, static_cast<uint32_t>(kMaxCores)}) {
    EXPECT_EQ(parse_streams(streams_text(count)), count);
  }
  EXPECT_FALSE(parse_streams(streams_text(0)));
  EXPECT_FALSE(parse_streams(streams_text(kMaxCores + 1)));
  EXPECT_FALSE(parse_streams(with_checksum("count=4294967297\n")));
  EXPECT_FALSE(parse_streams(with_checksum("count=1\ncount=1\n")));
  EXPECT_FALSE(parse_streams(with_checksum("streams=1\n")));
  EXPECT_FALSE(parse_streams(with_checksum("")));
}

}  // namespace directory_text_test
}  // namespace once::server

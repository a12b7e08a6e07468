// Frames of lists: what fits, and what is refused.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "net/client_codec.h"

namespace once::net {
namespace list_codec_test {

using paxos::Status;

template <class Encode>
std::string made(Encode encode) {
  std::vector<char> out;
  encode(out);
  return {out.begin(), out.end()};
}

ListReply two_names() {
  return {Status::kDone, 3, {{{"job/42", 1, 6, true, true}, {"job/43", 7, 0, false, false}}, 4096}};
}

TEST(ListCodec, ThePageOfTheLongestNamesFits) {
  const std::string name(kMaxNameBytes, 'n');
  ListReply reply;
  reply.page.names.assign(paxos::kMostListedBytes / kMaxNameBytes, {name, 1, 2, true, true});
  const std::string short_name(paxos::kMostListedBytes / paxos::kMostListedAtOnce, 's');
  ListReply many;
  many.page.names.assign(paxos::kMostListedAtOnce, {short_name, 1, 2, true, true});
  for (const ListReply& one : {reply, many}) {
    const std::string bytes = made([&](auto& out) { encode_list_reply(1, one, out); });
    EXPECT_LE(bytes.size(), kMaxFrameBytes);
    std::string_view left = bytes;
    Frame frame;
    ASSERT_TRUE(take_frame(left, frame).value());
    const auto back = decode_list_reply(frame.body);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->page.names.size(), one.page.names.size());
    EXPECT_EQ(back->page.names.back().name, one.page.names.back().name);
  }
}

// Room is made for no more than a page can have, whatever the count says.
TEST(ListCodec, TheCountOfAListIsBounded) {
  std::string bytes = made([](auto& out) { encode_list_reply(1, two_names(), out); });
  for (const uint32_t count : {paxos::kMostListedAtOnce, paxos::kMostListedAtOnce + 1, ~0u}) {
    store(bytes.data() + kFrameHeaderBytes + 16, count);
    std::string_view left = bytes;
    Frame frame;
    ASSERT_TRUE(take_frame(left, frame).value());
    EXPECT_FALSE(decode_list_reply(frame.body)) << count;
  }
}

TEST(ListCodec, ReservedBytesFlagsAndUnknownNumbersAreRefused) {
  const std::string good = made([](auto& out) { encode_list_reply(1, two_names(), out); });
  for (const size_t at : {16u, 17u, 19u, 48u, 49u}) {
    std::string bytes = good;
    bytes[at] = 99;
    std::string_view left = bytes;
    Frame frame;
    ASSERT_TRUE(take_frame(left, frame).value());
    EXPECT_FALSE(decode_list_reply(frame.body)) << at;
  }
}

TEST(ListCodec, ALongPrefixAndAFrameTypeBeyondTheLastAreRefused) {
  ListRequest request;
  const std::string prefix(kMaxNameBytes, 'p');
  request.query.prefix = prefix;
  std::string bytes = made([&](auto& out) { encode_list_request(1, request, out); });
  std::string_view left = bytes;
  Frame frame;
  ASSERT_TRUE(take_frame(left, frame).value());
  const auto back = decode_list_request(frame.body);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->query.prefix, prefix);
  bytes += 'p';  // one more of it
  store(bytes.data(), static_cast<uint32_t>(bytes.size() - 4));
  store(bytes.data() + kFrameHeaderBytes + 16, static_cast<uint16_t>(kMaxNameBytes + 1));
  left = bytes;
  ASSERT_TRUE(take_frame(left, frame).value());
  EXPECT_FALSE(decode_list_request(frame.body));
  bytes[4] = static_cast<char>(kLastFrameType) + 1;
  left = bytes;
  EXPECT_FALSE(take_frame(left, frame).has_value());
}

}  // namespace list_codec_test
}  // namespace once::net

// Frames cut out of a stream, and what stands in them, at every cut and at every limit: met exactly
// it is taken, one beyond it is refused, and a length or a size that lies finds nobody who believes
// it.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "net/client_codec.h"
#include "net/frame_assembler.h"

namespace once::net {
namespace framing_test {

using namespace paxos;
using Outcome = FrameAssembler::Outcome;

constexpr uint64_t k32 = uint64_t{1} << 32;
const RequestId kId = request_id(k32 + 3, k32 + 4);

// A frame of `size` bytes, its length field included.
std::string frame_of(size_t size, char fill = 'f') {
  std::string bytes(size, fill);
  store(bytes.data(), static_cast<uint32_t>(size - 4));
  return bytes;
}

struct Cutter {
  Outcome feed(std::string_view bytes) {
    const auto outcome = assembler.feed(
        bytes, memory, [this] { return limits; },
        [this](std::string_view frame, std::string_view rest) {
          frames.emplace_back(frame);
          behind.emplace_back(rest);
          if (next_limits.second != 0) limits = next_limits;
          return frames.size() != stop_after;
        });
    return outcome;
  }
  std::pair<size_t, size_t> limits{12, 64};
  std::pair<size_t, size_t> next_limits{0, 0};  // once a frame was taken
  size_t stop_after = 0;
  std::vector<std::string> frames, behind;
  RoundMemory memory;
  FrameAssembler assembler;
};

// --- the assembler
// -----------------------------------------------------------------------------------

TEST(Assembler, TakesFramesWholeWhereverTheStreamIsCut) {
  const std::vector<std::string> all{frame_of(12, 'a'), frame_of(64, 'b'), frame_of(13, 'c')};
  const std::string stream = all[0] + all[1] + all[2];
  for (size_t first = 0; first <= stream.size(); ++first) {
    for (size_t second = first; second <= stream.size(); ++second) {
      Cutter cutter;
      EXPECT_EQ(cutter.feed(stream.substr(0, first)), Outcome::kWantsMore);
      cutter.memory.end_round();
      EXPECT_EQ(cutter.feed(stream.substr(first, second - first)), Outcome::kWantsMore);
      cutter.memory.end_round();
      EXPECT_EQ(cutter.feed(stream.substr(second)), Outcome::kWantsMore);
      ASSERT_EQ(cutter.frames, all) << first << " " << second;
    }
  }
}

TEST(Assembler, TakesThemByteByByte) {
  const std::string stream = frame_of(12) + frame_of(64) + frame_of(12);
  Cutter cutter;
  for (char byte : stream) {
    EXPECT_EQ(cutter.feed(std::string_view(&byte, 1)), Outcome::kWantsMore);
  }
  EXPECT_EQ(cutter.frames.size(), 3u);
}

TEST(Assembler, RefusesALengthOutsideOfTheLimitsAtItsLastByte) {
  for (const size_t size : {4u, 11u, 65u, 0x7fffffffu}) {
    std::string head(4, '\0');
    store(head.data(), static_cast<uint32_t>(size - 4));
    for (size_t cut = 0; cut <= 4; ++cut) {
      Cutter cutter;
      const Outcome before = cutter.feed(head.substr(0, cut));
      const Outcome after = cut == 4 ? before : cutter.feed(head.substr(cut));
      if (cut < 4) {
        EXPECT_EQ(before, Outcome::kWantsMore);
      }
      EXPECT_EQ(after, Outcome::kBadLength) << size << " cut at " << cut;
      EXPECT_EQ(cutter.assembler.bad_length(), size - 4);
    }
  }
}

// 4 + the length is no number of 32 bits then.
TEST(Assembler, RefusesTheLengthsThatOverflow) {
  for (const uint32_t length : {UINT32_MAX, UINT32_MAX - 3, UINT32_MAX - 4}) {
    Cutter cutter;
    cutter.limits = {0, 64};
    std::string head(4, '\0');
    store(head.data(), length);
    EXPECT_EQ(cutter.feed(head), Outcome::kBadLength) << length;
    EXPECT_EQ(cutter.assembler.bad_length(), length);
  }
}

TEST(Assembler, AsksForTheLimitsAnewForEachFrame) {
  const std::string stream = frame_of(64) + frame_of(65);
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    Cutter wider;
    wider.next_limits = {12, 65};
    wider.feed(stream.substr(0, cut));
    EXPECT_EQ(wider.feed(stream.substr(cut)), Outcome::kWantsMore) << cut;
    EXPECT_EQ(wider.frames.size(), 2u) << cut;
    Cutter narrower;
    narrower.limits = {12, 65};
    narrower.next_limits = {12, 64};
    Outcome outcome = narrower.feed(stream.substr(0, cut));
    if (outcome == Outcome::kWantsMore) outcome = narrower.feed(stream.substr(cut));
    EXPECT_EQ(outcome, Outcome::kBadLength) << cut;
    EXPECT_EQ(narrower.frames.size(), 1u) << cut;
  }
}

TEST(Assembler, StopsWhereItIsToldToAndSaysWhatIsBehind) {
  const std::string stream = frame_of(12, 'a') + frame_of(20, 'b') + "cd";
  for (size_t cut = 0; cut < 12; ++cut) {
    Cutter cutter;
    cutter.stop_after = 1;
    cutter.feed(stream.substr(0, cut));
    EXPECT_EQ(cutter.feed(stream.substr(cut)), Outcome::kStopped);
    ASSERT_EQ(cutter.behind.size(), 1u);
    EXPECT_EQ(cutter.behind[0], stream.substr(12)) << cut;
  }
}

TEST(Assembler, AFrameThatIsPutTogetherLivesToTheEndOfTheRound) {
  RoundMemory memory;
  FrameAssembler assembler;
  std::vector<std::string_view> frames;
  const auto feed = [&](std::string_view bytes) {
    assembler.feed(
        bytes, memory,
        [] {
          return std::pair<size_t, size_t>{12, 64};
        },
        [&](std::string_view frame, std::string_view) {
          frames.push_back(frame);
          return true;
        });
  };
  const std::string first = frame_of(40, 'a'), second = frame_of(40, 'b');
  feed(first.substr(0, 30));
  feed(first.substr(30) + second.substr(0, 30));
  feed(second.substr(30));
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0], first);
  EXPECT_EQ(frames[1], second);
}

// --- client frames
// ------------------------------------------------------------------------------------

template <class Encode>
std::string made(Encode encode) {
  std::vector<char> out;
  encode(out);
  return {out.begin(), out.end()};
}

std::string request_frame(const ClientRequest& request) {
  return made([&](auto& out) { encode_request(k32 + 1, request, out); });
}

TEST(ClientFrames, TheLongestIsTakenAndOneMoreByteIsNot) {
  for (const auto& [size, fits] : {std::pair<size_t, bool>{15, false},
                                   {16, true},
                                   {kMaxFrameBytes, true},
                                   {kMaxFrameBytes + 1, false}}) {
    std::string bytes = frame_of(size + 4, '\0').substr(0, size);
    store(bytes.data(), static_cast<uint32_t>(size - 4));
    if (size >= 8) store(bytes.data() + 4, static_cast<uint32_t>(FrameType::kError));
    std::string_view left = bytes;
    Frame frame;
    const auto taken = take_frame(left, frame);
    EXPECT_EQ(taken.has_value() && *taken, fits) << size;
    if (!fits) continue;
    EXPECT_TRUE(left.empty());
    EXPECT_EQ(frame.body.size(), size - kFrameHeaderBytes);
  }
}

TEST(ClientFrames, OneEndsWhereTheNextBegins) {
  const std::string bytes = request_frame({0, Operation::kRead, kId, 1, "a", {}}) +
                            request_frame({0, Operation::kRead, kId, 1, "bc", {}});
  std::string_view left = bytes;
  Frame frame;
  for (const char* name : {"a", "bc"}) {
    ASSERT_TRUE(take_frame(left, frame).value());
    EXPECT_EQ(decode_request(frame.body)->name, name);
    EXPECT_EQ(frame.correlation, k32 + 1);
  }
  EXPECT_TRUE(left.empty());
}

TEST(ClientFrames, ARequestComesBackWithAllOfItsBits) {
  for (int o = 1; o <= static_cast<int>(kLastOperation); ++o) {
    const auto operation = static_cast<Operation>(o);
    for (const uint64_t version : {uint64_t{0}, k32 - 1, k32, k32 + 7, UINT64_MAX}) {
      for (const uint32_t timeout : {0u, 1u, 65536u, UINT32_MAX}) {
        const std::string bytes = request_frame({0, operation, kId, timeout, "n", "", version});
        std::string_view left = bytes;
        Frame frame;
        ASSERT_TRUE(take_frame(left, frame).value());
        const auto back = decode_request(frame.body);
        ASSERT_TRUE(back);
        EXPECT_EQ(back->operation, operation);
        EXPECT_EQ(back->id, kId);
        EXPECT_EQ(back->timeout_ms, timeout);
        EXPECT_EQ(back->version, takes_version(operation) ? version : 0);
      }
    }
  }
}

TEST(ClientFrames, AReplyComesBackWithAllOfItsBits) {
  const std::string value(kMaxValueBytes, 'v');
  for (const uint64_t version : {k32 - 1, k32, k32 + 7, UINT64_MAX - 1}) {
    for (const size_t size : {0u, 1u, 65535u, 65536u}) {
      for (const bool sealed : {false, true}) {
        const ClientReply reply{
            0, Status::kConflict, {version, sealed, kId, std::string_view(value).substr(0, size)}};
        const std::string bytes = made([&](auto& out) { encode_reply(k32 + 1, reply, out); });
        std::string_view left = bytes;
        Frame frame;
        ASSERT_TRUE(take_frame(left, frame).value());
        const auto back = decode_reply(frame.body);
        ASSERT_TRUE(back);
        EXPECT_EQ(back->state.version, version);
        EXPECT_EQ(back->state.sealed, sealed);
        EXPECT_EQ(back->state.writer, kId);
        EXPECT_EQ(back->state.value.size(), size);
      }
    }
  }
}

// Added as numbers of 32 bits they would give the length.
TEST(ClientFrames, SizesThatAddUpByAnOverflowAreRefused) {
  for (const size_t body_size : {28u, 40u}) {
    for (const uint32_t name_size : {4u, 100u, 0xffffu}) {
      std::string body(body_size, '\0');
      body[0] = static_cast<char>(Operation::kWrite);
      store(body.data() + 2, static_cast<uint16_t>(name_size));
      store(body.data() + 4, static_cast<uint32_t>(body_size - 28 - name_size));
      if (name_size <= body_size - 28) continue;
      EXPECT_FALSE(decode_request(body)) << body_size << " " << name_size;
    }
  }
}

TEST(ClientFrames, OperationsAndStatusesEndWithTheLast) {
  for (int number = 0; number < 256; ++number) {
    std::string request(29, '\0'), reply(32, '\0');
    request[0] = reply[0] = static_cast<char>(number);
    request[2] = 1;
    const bool versioned =
        number >= 1 && number <= 8 && takes_version(static_cast<Operation>(number));
    if (versioned) request.resize(37);
    EXPECT_EQ(decode_request(request).has_value(), number >= 1 && number <= 8) << number;
    EXPECT_EQ(decode_reply(reply).has_value(), number <= static_cast<int>(kLastStatus)) << number;
  }
}

TEST(ClientFrames, AHelloHasUpTo15MembersAndAddressesOf512Bytes) {
  ServerHello hello;
  for (uint16_t n = 1; n <= kMaxNodes; ++n) {
    hello.members.push_back({NodeId{n}, kMaxCores, std::string(512, 'a')});
  }
  std::string bytes = made([&](auto& out) { encode_server_hello(hello, out); });
  std::string body = bytes.substr(kFrameHeaderBytes);
  const auto back = decode_server_hello(body);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->members.size(), 15u);
  EXPECT_EQ(back->members[14].client_address.size(), 512u);
  body += body.substr(body.size() - 518);
  store(body.data() + 40, uint16_t{16});
  EXPECT_FALSE(decode_server_hello(body)) << "16 members";
  body = bytes.substr(kFrameHeaderBytes) + 'a';
  store(body.data() + body.size() - 515, uint16_t{513});
  EXPECT_FALSE(decode_server_hello(body)) << "an address of 513 bytes";
}

TEST(ClientFrames, AnErrorsTextEndsAt1024Bytes) {
  for (const size_t size : {1023u, 1024u, 1025u, 200'000u}) {
    const std::string bytes =
        made([&](auto& out) { encode_error(1, std::string(size, 'e'), out); });
    EXPECT_EQ(bytes.size(), kFrameHeaderBytes + std::min<size_t>(size, 1024));
  }
}

}  // namespace framing_test
}  // namespace once::net

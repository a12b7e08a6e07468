// Frames out of a stream that is cut anywhere: limits met exactly, lengths judged before anything
// is stored, and views that hold until the round ends.
#include "net/frame_assembler.h"

#include <gtest/gtest.h>

#include <string>

namespace once::net {
namespace frame_assembler_test {

using Outcome = FrameAssembler::Outcome;

constexpr size_t kLeast = 8;
constexpr size_t kGreatest = 40;

std::string frame_of(size_t size, char fill = 'f') {
  std::string frame(size, fill);
  const uint32_t length = static_cast<uint32_t>(size - 4);
  std::memcpy(frame.data(), &length, 4);
  return frame;
}

struct Feeder {
  Outcome feed(std::string_view bytes) {
    return assembler.feed(
        bytes, memory, [this] { return limits; },
        [this](std::string_view frame, std::string_view rest) {
          views.push_back(frame);
          frames.emplace_back(frame);
          last_rest = rest;
          return frames.size() != stop_after;
        });
  }
  FrameAssembler assembler;
  RoundMemory memory;
  std::pair<size_t, size_t> limits{kLeast, kGreatest};
  std::vector<std::string_view> views;  // must hold until the round ends
  std::vector<std::string> frames;
  std::string last_rest;
  size_t stop_after = SIZE_MAX;
};

TEST(FrameAssembler, LimitsAreAllowedAndNothingBeyondThem) {
  for (const size_t size :
       {kLeast - 1, kLeast, kLeast + 1, kGreatest - 1, kGreatest, kGreatest + 1}) {
    const bool allowed = size >= kLeast && size <= kGreatest;
    const std::string frame = frame_of(size);
    for (size_t cut = 0; cut < size; ++cut) {
      SCOPED_TRACE(std::to_string(size) + " cut at " + std::to_string(cut));
      Feeder feeder;
      Outcome outcome = Outcome::kWantsMore;
      if (cut > 0) outcome = feeder.feed(frame.substr(0, cut));
      EXPECT_EQ(outcome == Outcome::kBadLength, !allowed && cut >= 4) << "known by its length";
      if (outcome != Outcome::kBadLength) outcome = feeder.feed(frame.substr(cut));
      EXPECT_EQ(outcome, allowed ? Outcome::kWantsMore : Outcome::kBadLength);
      EXPECT_EQ(feeder.frames, allowed ? std::vector{frame} : std::vector<std::string>{});
      EXPECT_EQ(feeder.assembler.bad_length(), allowed ? 0 : size - 4);
    }
  }
}

// Whoever announces four gigabytes is not waited for.
TEST(FrameAssembler, AMonstrousLengthIsRefusedWithItsLastByte) {
  const std::string length(4, '\xff');
  for (size_t cut = 0; cut <= 3; ++cut) {
    Feeder feeder;
    EXPECT_EQ(feeder.feed(length.substr(0, cut)), Outcome::kWantsMore);
    EXPECT_EQ(feeder.feed(length.substr(cut)), Outcome::kBadLength) << cut;
  }
}

// The limits of a greeting are not those of what follows it.
TEST(FrameAssembler, LimitsAreAskedAnew) {
  const std::string frame = frame_of(kGreatest);
  for (const size_t cut : {1, 3, 4, 5, 20, 39}) {
    Feeder feeder;
    EXPECT_EQ(feeder.feed(frame.substr(0, cut)), Outcome::kWantsMore);
    feeder.limits.second = kGreatest - 1;
    EXPECT_EQ(feeder.feed(frame.substr(cut)), Outcome::kBadLength) << cut;
    EXPECT_TRUE(feeder.frames.empty());
  }
}

TEST(FrameAssembler, EveryCutIntoThreeGivesTheSameFrames) {
  const std::vector<std::string> frames{frame_of(9, 'a'), frame_of(kLeast, 'b'),
                                        frame_of(kGreatest, 'c')};
  const std::string all = frames[0] + frames[1] + frames[2];
  for (size_t first = 0; first <= all.size(); ++first) {
    for (size_t second = first; second <= all.size(); ++second) {
      Feeder feeder;
      std::vector<std::string> pieces{all.substr(0, first), all.substr(first, second - first),
                                      all.substr(second)};
      for (const std::string& piece : pieces) {
        EXPECT_EQ(feeder.feed(piece), Outcome::kWantsMore);
      }
      ASSERT_EQ(feeder.frames, frames) << first << " " << second;
      for (size_t i = 0; i < frames.size(); ++i) {
        ASSERT_EQ(feeder.views[i], frames[i]) << "a view changed within the round";
      }
    }
  }
}

// Frame after frame is put together from pieces, round after round: memory is used again, but not
// within a round.
TEST(FrameAssembler, AssembledFramesHoldUntilTheRoundEnds) {
  Feeder feeder;
  for (int round = 0; round < 5; ++round) {
    std::vector<std::string> sent;
    feeder.views.clear();
    for (char fill = 'a'; fill < 'k'; ++fill) {
      const std::string frame = frame_of(20, static_cast<char>(fill + round));
      feeder.feed(frame.substr(0, 6));
      feeder.feed(frame.substr(6));
      sent.push_back(frame);
    }
    ASSERT_EQ(feeder.views.size(), sent.size());
    for (size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(feeder.views[i], sent[i]) << round;
    feeder.memory.end_round();
  }
}

// Whoever takes a stream over gets what stands behind the frame, and nothing is kept here.
TEST(FrameAssembler, StopsAtTheFrameThatSaysSo) {
  const std::string first = frame_of(10, 'a');
  const std::string second = frame_of(12, 'b');
  for (size_t cut = 0; cut < first.size(); ++cut) {
    Feeder feeder;
    feeder.stop_after = 1;
    if (cut > 0) feeder.feed(first.substr(0, cut));
    EXPECT_EQ(feeder.feed(first.substr(cut) + second + "tail"), Outcome::kStopped);
    EXPECT_EQ(feeder.frames, std::vector{first});
    EXPECT_EQ(feeder.last_rest, second + "tail");
  }
}

// A buffer that once held a large frame is not kept by whoever may send small ones only.
TEST(FrameAssembler, UsedBuffersAreForLargeFrames) {
  for (const size_t greatest : {kGreatest, size_t{65536}}) {
    Feeder feeder;
    feeder.memory.retire(std::vector<char>(50'000));
    feeder.memory.end_round();
    feeder.limits = {kLeast, greatest};
    feeder.feed("x");
    EXPECT_EQ(feeder.memory.take().capacity() >= 50'000, greatest == kGreatest);
  }
}

}  // namespace frame_assembler_test
}  // namespace once::net

// What the log says of peers that go and come.
#include "server/peer_watch.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace once::server {
namespace peer_watch_test {

constexpr int64_t kMs = 1'000'000;

class PeerWatchTest : public testing::Test {
 protected:
  PeerWatchTest() {
    configuration_.node = NodeId{1};
    for (uint16_t node = 1; node <= 3; ++node) {
      configuration_.members.emplace_back(NodeId{node}, fmt::format("host-{}:75{:02}", node, node));
    }
  }
  // Lets time pass, tick by tick; what was said meanwhile.
  std::vector<std::string> pass(int64_t ms) {
    lines_.clear();
    for (const int64_t end = now_ns_ + ms * kMs; now_ns_ < end;) {
      now_ns_ += 10 * kMs;
      watch_.on_tick(linked_, now_ns_);
    }
    return lines_;
  }
  void link(uint16_t node, bool up) { linked_[node] = up; }

  Configuration configuration_;
  std::vector<std::string> lines_;
  PeerWatch::Linked linked_{};
  int64_t now_ns_ = 1'000 * kMs;
  PeerWatch watch_{
      configuration_, [this](PeerWatch::Kind kind, std::string_view line) {
        lines_.push_back((kind == PeerWatch::Kind::kBad ? "! " : "") + std::string(line));
      }};
};

using Lines = std::vector<std::string>;

TEST_F(PeerWatchTest, SaysWhoIsLostAndWhoIsBack) {
  link(2, true);
  link(3, true);
  EXPECT_EQ(pass(100), (Lines{"node 2 (host-2:7502) is up; 3 of 3 nodes are up",
                              "node 3 (host-3:7503) is up; 3 of 3 nodes are up"}));
  EXPECT_EQ(pass(20'000), Lines{});
  link(2, false);
  EXPECT_EQ(pass(450), Lines{}) << "it may be back at once";
  EXPECT_EQ(pass(150), (Lines{"! node 2 (host-2:7502) is lost; 2 of 3 nodes are up"}));
  EXPECT_EQ(pass(60'000), Lines{}) << "once";
  link(2, true);
  EXPECT_EQ(pass(20), (Lines{"node 2 (host-2:7502) is back after 60.6 s; 3 of 3 nodes are up"}));
}

TEST_F(PeerWatchTest, SaysWhenTheMajorityIsLostAndBack) {
  link(2, true);
  link(3, true);
  pass(100);
  link(2, false);
  link(3, false);
  EXPECT_EQ(pass(1'000), (Lines{"! node 2 (host-2:7502) is lost; 1 of 3 nodes are up",
                                "! node 3 (host-3:7503) is lost; 1 of 3 nodes are up",
                                "! the majority is lost: 1 of 3 nodes are up, 2 are needed; "
                                "clients are told unavailable until it is back"}));
  link(3, true);
  EXPECT_EQ(pass(1'000), (Lines{"node 3 (host-3:7503) is back after 1.0 s; 2 of 3 nodes are up",
                                "the majority is back after 1.0 s: 2 of 3 nodes are up"}));
}

TEST_F(PeerWatchTest, SaysThatThereIsNoMajorityYet) {
  EXPECT_EQ(pass(2'900), Lines{}) << "nodes need not start at one moment";
  EXPECT_EQ(pass(20'000), (Lines{"! no majority yet: 1 of 3 nodes are up, 2 are needed; clients "
                                 "are told unavailable until then"}));
  link(2, true);
  EXPECT_EQ(pass(100), (Lines{"node 2 (host-2:7502) is up; 2 of 3 nodes are up",
                              "the majority is there: 2 of 3 nodes are up"}));
}

TEST_F(PeerWatchTest, OneThatComesLateIsNotLost) {
  link(2, true);
  EXPECT_EQ(pass(60'000).size(), 1u) << "node 3 was never there";
}

// A link that breaks again and again must not fill the log.
TEST_F(PeerWatchTest, WhatFlickersIsToldOnceInAWhile) {
  link(2, true);
  link(3, true);
  pass(100);
  size_t lines = 0;
  for (int second = 0; second < 60; ++second) {
    link(2, false);
    lines += pass(700).size();
    link(2, true);
    lines += pass(300).size();
  }
  EXPECT_GE(lines, 2u);
  EXPECT_LE(lines, 14u);
  for (int second = 0; second < 60; ++second) {
    link(2, false);
    EXPECT_EQ(pass(400), Lines{});
    link(2, true);
    EXPECT_EQ(pass(10), Lines{});
  }
}

TEST_F(PeerWatchTest, ANodeAloneHasNothingToSay) {
  configuration_.members.resize(1);
  EXPECT_EQ(pass(60'000), Lines{});
}

}  // namespace peer_watch_test
}  // namespace once::server

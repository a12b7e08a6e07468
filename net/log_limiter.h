// Keeps floods out of the log: of each kind of complaint a few lines in ten seconds, whatever else
// is said, and at their end how many were left out. The texts hold what strangers said, so they do
// not count as kinds. Single-threaded. Private to net/.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace once::net {

enum class Complaint : uint8_t {
  kPeerTurnedAway,
  kNotAPeer,     // what was said is no greeting
  kForeignPeer,  // of another cluster, or with a list of members or a number that does not fit
  kSameNumber,   // two nodes have the number of this one
  kOtherDisk,    // under the number of a node that was known by another one
  kRefusedByPeer,
  kUnreachable,
  kSlowPeer,
  kBrokenLink,
  kSecondLink,  // of a node that has one which lives
  kOtherTerms,  // other cores or another address of a node that is linked
  kRunTooFar,   // an incarnation that is not believed
  kOtherRun,    // messages of another incarnation
  kSlowGreeting,
  kContradiction,  // of what was accepted or decided
  kFarBallot,
  kClientTurnedAway,
  kClientSilent,
  kClientCrowd,  // gave way to others, before its hello
  kClientIdle,   // likewise, as the longest idle
  kClientClosed,
  kClientOfAnotherCluster,
  kClientDoesNotRead,
};

class LogLimiter {
 public:
  static constexpr int64_t kWindowNs = 10'000'000'000;
  static constexpr size_t kLines = 3;  // of a kind, about a node, in a window

  explicit LogLimiter(std::function<void(std::string_view)> say) : say_(std::move(say)) {}

  // `node`: a member that this is about, each with lines of its own; 0: a stranger, or a client. A
  // text that was said in this window already is not said again; about a member, who only tries
  // again, it does not count as left out either.
  void complain(Complaint kind, NodeId node, std::string_view text, int64_t now_ns);
  void on_tick(int64_t now_ns);

 private:
  struct Window {
    Complaint kind;
    NodeId node;
    int64_t began_ns = 0;
    uint64_t left_out = 0;
    size_t said = 0;
    std::array<size_t, kLines> hashes{};  // of the texts
  };

  Window& window(Complaint kind, NodeId node, int64_t now_ns);

  const std::function<void(std::string_view)> say_;
  std::vector<Window> windows_;  // at most one a kind and member
};

}  // namespace once::net

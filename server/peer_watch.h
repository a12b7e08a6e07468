// Tells the operator when a peer, and the majority, is lost and comes back. What flickers is told
// once in a while only. One thread at a time; no clock of its own.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "server/data_directory.h"

namespace once::server {

class PeerWatch {
 public:
  static constexpr int64_t kLostNs = 500'000'000;         // so long it is away before that is said
  static constexpr int64_t kLostAgainNs = 5'000'000'000;  // if it came back a moment ago
  static constexpr int64_t kMomentNs = 10'000'000'000;
  static constexpr int64_t kPatienceNs = 3'000'000'000;  // at the start, for a first majority

  enum class Kind : uint8_t { kGood, kBad };
  using Say = std::function<void(Kind, std::string_view line)>;
  using Linked = std::array<bool, kMaxNodes + 1>;  // by the number of the node

  PeerWatch(const Configuration& configuration, Say say)
      : configuration_(configuration), say_(std::move(say)) {}

  // Every few milliseconds: with which nodes there is a link. Nothing is allocated unless
  // something is said.
  void on_tick(const Linked& linked, int64_t now_ns);

 private:
  struct Watched {
    bool seen = false;  // it was there once
    bool there = false;
    bool told_lost = false;
    int64_t lost_ns = 0;
    int64_t back_ns = -kMomentNs;
  };
  enum class News : uint8_t { kNone, kFirst, kLost, kBack };

  static News look(Watched& what, bool there, int64_t now_ns);
  void tell_of_peer(NodeId node, const std::string& address, News news, int64_t away_ns) const;
  void tell_of_majority(News news, int64_t away_ns) const;
  std::string count() const;

  const Configuration& configuration_;
  const Say say_;
  std::array<Watched, kMaxNodes + 1> peers_;
  Watched majority_;
  size_t up_ = 0;         // nodes, with this one
  int64_t began_ns_ = 0;  // 0: not yet
  bool told_none_ = false;
};

}  // namespace once::server

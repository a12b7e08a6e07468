// Who asks for little does not wait behind what another client has under way. As long as somebody
// modest asks, a greedy client may have few requests under way, and the rest of them waits in his
// own connection; alone, or among greedy ones, he may have all that he likes.
// Under way is what was asked lately and is not answered: what takes its time, as a wait for a
// value or a change whose home is away, is no load, and stops nobody. Single-threaded. Private to
// net/.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace once::net {

// Of one client.
class UnderWay {
 public:
  static constexpr int64_t kLatelyNs = 5'000'000;
  static constexpr size_t kMostModest = 32;
  // Who was greedy once is so for as long: between his bursts he would be modest.
  static constexpr int64_t kGreedyNs = 1'000'000'000;

  void asked(int64_t now_ns) {
    if (lately(now_ns) >= kMostModest) greedy_until_ns_ = now_ns + kGreedyNs;
    ++count_;
  }
  // Whatever it was that was answered.
  void answered() {
    if (count_ > 0) --count_;
  }
  size_t lately(int64_t now_ns) {
    if (now_ns - since_ns_ >= kLatelyNs) {
      count_ = 0;
      since_ns_ = now_ns;
    }
    return count_;
  }
  bool is_modest(int64_t now_ns) const { return now_ns >= greedy_until_ns_; }

 private:
  size_t count_ = 0;
  int64_t since_ns_ = 0;
  int64_t greedy_until_ns_ = std::numeric_limits<int64_t>::min();
};

// Those of one core who were answered last and are modest: two of them, so that one knows of
// another. When a client asks, it is not known yet how much he asks.
class ModestClients {
 public:
  static constexpr int64_t kRememberedNs = 100'000'000;

  void answered(uint64_t client, int64_t now_ns) {
    if (latest_[0].client != client) std::swap(latest_[0], latest_[1]);
    latest_[0] = {client, now_ns + kRememberedNs};
  }
  bool any_beside(uint64_t client, int64_t now_ns) const {
    return std::any_of(latest_.begin(), latest_.end(), [&](const Modest& one) {
      return one.client != client && now_ns < one.until_ns;
    });
  }

 private:
  struct Modest {
    uint64_t client = 0;  // no client's number
    int64_t until_ns = std::numeric_limits<int64_t>::min();
  };
  std::array<Modest, 2> latest_;
};

}  // namespace once::net

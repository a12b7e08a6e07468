// Who asks for little does not wait behind what another client has under way. As long as somebody
// modest asks, a greedy client may have few requests under way, and the rest of them waits in his
// own connection; alone, or among greedy ones, he may have all that he likes.
// What takes its time, as a change whose home is away, is no load: it slows its client down, and
// stops him never. Single-threaded. Private to net/.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "base/assert.h"

namespace once::net {

// What each of so many clients may have: `most`, and beyond four of them less, down to `least`.
constexpr size_t portion(size_t most, size_t least, size_t clients) {
  return std::clamp(4 * most / std::max<size_t>(clients, 1), least, most);
}

// Of one client: his requests that are not answered. Waits for a value count only while they are
// young, for they may have hours.
class UnderWay {
 public:
  static constexpr size_t kMostModest = 32;
  // Who was greedy once is so for as long: between his bursts he would be modest.
  static constexpr int64_t kGreedyNs = 1'000'000'000;
  static constexpr int64_t kYoungNs = 5'000'000;
  // Whose window is full gets half of it once more after so long.
  static constexpr int64_t kPatienceNs = 5'000'000;

  void asked(bool wait, int64_t now_ns) {
    forget_old_waits(now_ns);
    ++(wait ? young_waits_ : count_);
    if (count_ + young_waits_ > kMostModest) greedy_until_ns_ = now_ns + kGreedyNs;
  }
  // Which of the waits it was is not known: a young one, if there is any.
  void answered(bool wait) {
    if (wait) {
      if (young_waits_ > 0) --young_waits_;
      return;
    }
    ONCE_ASSERT(count_ > 0);
    --count_;
  }
  bool is_modest(int64_t now_ns) const { return now_ns >= greedy_until_ns_; }

  // Whether one more is within the window. Once it is not, and until he is `held` no more, the
  // answer is no until half of the window is free, or for so long.
  bool has_room(size_t window, bool held, int64_t now_ns) {
    forget_old_waits(now_ns);
    const size_t now = count_ + young_waits_;
    if (!held) {
      if (now < window) bound_ = window;
      if (now < std::max(window, bound_)) return true;
      full_since_ns_ = now_ns;
      return false;
    }
    if (now >= window / 2 && now_ns - full_since_ns_ < kPatienceNs) return false;
    bound_ = std::max(window, now + window / 2);
    return true;
  }

 private:
  void forget_old_waits(int64_t now_ns) {
    if (now_ns - young_since_ns_ < kYoungNs) return;
    young_waits_ = 0;
    young_since_ns_ = now_ns;
  }

  size_t count_ = 0;  // no waits
  size_t young_waits_ = 0;
  int64_t young_since_ns_ = 0;
  int64_t greedy_until_ns_ = std::numeric_limits<int64_t>::min();
  size_t bound_ = 0;
  int64_t full_since_ns_ = 0;
};

// Those of one core whose questions and changes were answered last and who are modest: two of them,
// so that one knows of another. When a client asks, it is not known yet how much he asks. Of other
// nodes it is known that they have some.
class ModestClients {
 public:
  static constexpr int64_t kRememberedNs = 100'000'000;
  // What a greedy client may have under way beside them; the less, the more of those wait.
  static constexpr size_t kMostBeside = 64;
  static constexpr size_t kLeastBeside = 8;
  static constexpr size_t window_beside(size_t held) {
    return portion(kMostBeside, kLeastBeside, held);
  }

  void answered(uint64_t client, int64_t now_ns) {
    if (latest_[0].client != client) std::swap(latest_[0], latest_[1]);
    latest_[0] = {client, now_ns + kRememberedNs};
  }
  // Another node serves some: each change that they ask for passes here, too.
  void served_elsewhere(int64_t now_ns) { elsewhere_until_ns_ = now_ns + kRememberedNs; }
  // Until when those that are served here are remembered.
  int64_t until_ns() const { return latest_[0].until_ns; }
  bool any_beside(uint64_t client, int64_t now_ns) const {
    return now_ns < elsewhere_until_ns_ ||
           std::any_of(latest_.begin(), latest_.end(), [&](const Modest& one) {
             return one.client != client && now_ns < one.until_ns;
           });
  }

 private:
  struct Modest {
    uint64_t client = 0;  // no client's number
    int64_t until_ns = 0;
  };
  std::array<Modest, 2> latest_;
  int64_t elsewhere_until_ns_ = 0;
};
static_assert(ModestClients::kLeastBeside >= 2, "half of a window is something");

}  // namespace once::net

// What one client asks and is not taken yet: he has had his share of this round, or has more
// answers before him than he reads, or as much under way as he may beside others. How much the
// answers will be is guessed: those of reads that are under way, and whatever was taken in this
// round, as long as his last ones; of a client that has had none yet, as long as can be.
// Single-threaded. Private to net/.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fifo.h"
#include "base/limits.h"
#include "net/client_company.h"

namespace once::net {

class ClientIntake {
 public:
  static constexpr size_t kMostUnreadBytes = 1024 * 1024;
  // Requests of one client that a round takes: what others ask meanwhile waits for no more. The
  // more clients are held, the less is the share of each.
  static constexpr size_t kMostShare = 512;
  static constexpr size_t kLeastShare = 64;
  static constexpr size_t share_beside(size_t held) {
    return portion(kMostShare, kLeastShare, held);
  }
  // Answers that are waited for do not stop him longer than that.
  static constexpr int64_t kStuckNs = 1'000'000'000;

  // A frame was taken, whatever became of it. Or a command: it counts as each thing that it asks.
  void took(uint64_t round, size_t count = 1) {
    begin(round);
    taken_ += count;
  }
  // It is to be answered: a read, which is answered soon, or what may take its time.
  void asked(bool read, uint64_t round) {
    begin(round);
    ++(read ? reads_ : fresh_);
  }
  void answered(size_t bytes) {
    if (reads_ > 0) --reads_;
    answer_bytes_ = std::max(bytes, answer_bytes_ / 2);
  }
  enum class Verdict : uint8_t { kTake, kNextRound, kWhenHeReads };
  // `unsent`: what waits for him. One that is held goes on when half of it is gone.
  // `share`: of the round, as share_beside() the others that are held.
  Verdict judge(size_t unsent, uint64_t round, size_t share) {
    begin(round);
    const size_t bound = holds_ ? kMostUnreadBytes / 2 : kMostUnreadBytes;
    if (unsent + (reads_ + fresh_) * answer_bytes_ >= bound) return Verdict::kWhenHeReads;
    return taken_ < share ? Verdict::kTake : Verdict::kNextRound;
  }

  bool holds() const { return holds_; }
  void hold(std::string_view rest, int64_t now_ns) {
    holds_ = true;
    since_ns_ = now_ns;
    rest_.assign(rest.begin(), rest.end());
    bytes_ += rest_.size();
  }
  void let_go() { holds_ = false; }
  bool is_stuck(int64_t now_ns) const { return now_ns - since_ns_ > kStuckNs; }
  void expect_nothing() { reads_ = 0; }

  // What came behind; in order, `rest` of hold() first.
  void keep(std::string_view bytes) {
    bytes_ += bytes.size();
    later_.push({bytes.begin(), bytes.end()});
  }
  bool empty() const { return rest_.empty() && later_.empty(); }
  std::vector<char> pop() {
    std::vector<char> next = rest_.empty() ? later_.pop() : std::exchange(rest_, {});
    bytes_ -= next.size();
    return next;
  }
  size_t bytes() const { return bytes_; }

  void end() { ends_ = true; }  // he says no more; known when all of it is taken
  bool ends() const { return ends_; }

 private:
  void begin(uint64_t round) {
    if (round != round_) fresh_ = taken_ = 0;
    round_ = round;
  }
  size_t reads_ = 0;  // not answered yet
  size_t fresh_ = 0;  // other requests, of this round
  size_t taken_ = 0;  // all of this round
  uint64_t round_ = 0;
  size_t answer_bytes_ = kMaxValueBytes;
  bool holds_ = false;
  bool ends_ = false;
  int64_t since_ns_ = 0;
  std::vector<char> rest_;
  Fifo<std::vector<char>> later_;
  size_t bytes_ = 0;
};

}  // namespace once::net

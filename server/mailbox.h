// Bounded ring between two cores: one thread pushes, one thread pops, neither ever waits.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace once::server {

template <class T>
class Mailbox {
 public:
  // REQUIRES: capacity is a power of two.
  explicit Mailbox(size_t capacity) : mask_(capacity - 1), slots_(capacity) {
    ONCE_ASSERT(capacity > 0 && (capacity & mask_) == 0);
  }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Producer. False when full; `value` is then untouched.
  bool push(T& value) {
    const size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - known_head_ > mask_) {
      known_head_ = head_.load(std::memory_order_acquire);
      if (tail - known_head_ > mask_) return false;
    }
    slots_[tail & mask_] = std::move(value);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  // Consumer. False when empty.
  bool pop(T& value) {
    const size_t head = head_.load(std::memory_order_relaxed);
    if (head == known_tail_) {
      known_tail_ = tail_.load(std::memory_order_acquire);
      if (head == known_tail_) return false;
    }
    value = std::move(slots_[head & mask_]);
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

 private:
  const size_t mask_;
  std::vector<T> slots_;
  // Each side's counters on a line of their own, so that the two cores don't fight over one.
  alignas(64) std::atomic<size_t> tail_{0};
  size_t known_head_ = 0;
  alignas(64) std::atomic<size_t> head_{0};
  size_t known_tail_ = 0;
};

}  // namespace once::server

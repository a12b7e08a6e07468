// Mail between the cores of one node: a mailbox for each ordered pair of cores, bounded in letters
// and in bytes. post(), posted_bytes() and take() are called from the thread of `from`, of `from`
// and of `to`.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/limits.h"
#include "base/types.h"
#include "reactor/io.h"
#include "server/letter.h"
#include "server/mailbox.h"

namespace once::server {

// What one core has written and the others have not read, together; each has an equal share of it.
inline constexpr size_t kMostMailBytes = 16 * 1024 * 1024;

class PostOffice {
 public:
  explicit PostOffice(uint16_t cores)
      : cores_(cores), most_bytes_(kMostMailBytes / (cores > 1 ? cores - 1 : 1)) {
    for (size_t i = 0; i < static_cast<size_t>(cores) * cores; ++i) {
      // A core does not write to itself; its own box is only there to keep the indices plain.
      boxes_.push_back(std::make_unique<Box>(i / cores == i % cores ? 1 : kMailboxLetters));
    }
  }
  uint16_t cores() const { return cores_; }
  // Once for each core, before any core runs.
  void set_io(CoreId core, reactor::Io* io) { ios_[core.value] = io; }

  // False when the box is full; the letter stays with the caller. The receiver sees it after
  // wake(). An empty box takes any letter.
  bool post(CoreId to, LetterPtr& letter) {
    Box& there = box(letter->from, to);
    const size_t bytes = bytes_of(*letter), waiting = there.bytes();
    if (waiting != 0 && waiting + bytes > most_bytes_) return false;
    // Counted first: who takes it subtracts from a sum that has it.
    there.bytes_in.fetch_add(bytes, std::memory_order_relaxed);
    if (there.letters.push(letter)) return true;
    there.bytes_in.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  bool take(CoreId from, CoreId to, LetterPtr& letter) {
    Box& there = box(from, to);
    if (!there.letters.pop(letter)) return false;
    there.bytes_out.fetch_add(bytes_of(*letter), std::memory_order_release);
    return true;
  }
  // What `from` has written and `to` has not read.
  size_t posted_bytes(CoreId from, CoreId to) { return box(from, to).bytes(); }
  void wake(CoreId core) {
    if (ios_[core.value] != nullptr) ios_[core.value]->wake();
  }

 private:
  struct Box {
    explicit Box(size_t most_letters) : letters(most_letters) {}
    // Of `from`, which alone adds to the first sum: the second one is never ahead of it.
    size_t bytes() const {
      return bytes_in.load(std::memory_order_relaxed) - bytes_out.load(std::memory_order_acquire);
    }
    Mailbox<LetterPtr> letters;
    alignas(64) std::atomic<size_t> bytes_in{0};  // since the start, of what was pushed
    alignas(64) std::atomic<size_t> bytes_out{0};
  };

  Box& box(CoreId from, CoreId to) {
    ONCE_ASSERT(from.value < cores_ && to.value < cores_ && from != to);
    return *boxes_[static_cast<size_t>(from.value) * cores_ + to.value];
  }

  uint16_t cores_;
  size_t most_bytes_;  // of one box
  std::vector<std::unique_ptr<Box>> boxes_;
  std::array<reactor::Io*, kMaxCores> ios_{};
};

}  // namespace once::server

// Makes memory be there before it is needed: a page that is touched first costs its user the time
// to find and clear it, which for a huge one is milliseconds on some machines. One for a process,
// with a thread of its own; while there is none, memory comes as it is touched. What is asked for
// soon goes before what has time, which takes a third of one core at most.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>

#include "base/assert.h"
#include "base/huge_pages.h"
#include "base/thread_name.h"

namespace once {

class PageToucher {
 public:
  // From here on the process has one. REQUIRES: it has none yet.
  PageToucher() : thread_([this] { work(); }) {
    PageToucher* none = nullptr;
    ONCE_ASSERT(of_process_.compare_exchange_strong(none, this));
  }
  PageToucher(const PageToucher&) = delete;
  PageToucher& operator=(const PageToucher&) = delete;
  // REQUIRES: no other thread calls ask() any more.
  ~PageToucher() {
    of_process_.store(nullptr);
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wanted_.notify_one();
    thread_.join();
  }

  // Whole pages, of a mapping that the caller can write to. Any thread. Nothing happens if there is
  // no toucher, if it has too much to do, or if the kernel (before 5.14) cannot: nobody relies on
  // it. What is unmapped meanwhile is no harm.
  static void ask(char* at, size_t bytes) {
    if (PageToucher* toucher = of_process_.load()) toucher->push(&PageToucher::soon_, {at, bytes});
  }
  // The same for what nobody waits for.
  static void ask_in_time(char* at, size_t bytes) {
    if (PageToucher* toucher = of_process_.load()) toucher->push(&PageToucher::later_, {at, bytes});
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kMostWaiting = 256;
  struct Pages {
    char* at = nullptr;
    size_t bytes = 0;
  };
  // From begin to end.
  struct Ring {
    std::array<Pages, kMostWaiting> pages;
    size_t begin = 0;
    size_t end = 0;
    bool empty() const { return begin == end; }
    Pages& front() { return pages[begin % kMostWaiting]; }
  };

  void push(Ring PageToucher::*ring, const Pages& pages) {
    {
      const std::lock_guard lock(mutex_);
      Ring& waiting = this->*ring;
      if (waiting.end - waiting.begin == kMostWaiting) return;
      waiting.pages[waiting.end++ % kMostWaiting] = pages;
    }
    wanted_.notify_one();
  }
  void work() {
    name_thread("touch-pages");
    std::unique_lock lock(mutex_);
    while (true) {
      wanted_.wait(lock, [this] { return stopping_ || !soon_.empty() || !later_.empty(); });
      if (stopping_) return;
      if (soon_.empty()) {
        touch_a_step(lock);
      } else {
        const Pages pages = soon_.front();
        ++soon_.begin;
        touch(pages, lock);
      }
    }
  }
  void touch_a_step(std::unique_lock<std::mutex>& lock) {
    Pages& rest = later_.front();
    const Pages step{rest.at, std::min(rest.bytes, HugePages::kPageBytes)};
    rest = {rest.at + step.bytes, rest.bytes - step.bytes};
    if (rest.bytes == 0) ++later_.begin;
    const Clock::time_point begun = Clock::now();
    touch(step, lock);
    wanted_.wait_for(lock, 2 * (Clock::now() - begun),
                     [this] { return stopping_ || !soon_.empty(); });
  }
  static void touch(const Pages& pages, std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    ::madvise(pages.at, pages.bytes, kPopulate);
    lock.lock();
  }

  static constexpr int kPopulate = 23;  // MADV_POPULATE_WRITE
  static inline std::atomic<PageToucher*> of_process_{nullptr};
  std::mutex mutex_;
  std::condition_variable wanted_;
  Ring soon_;
  Ring later_;
  bool stopping_ = false;
  std::thread thread_;  // begins last: it uses all of the above
};

}  // namespace once

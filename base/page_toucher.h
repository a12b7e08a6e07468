// Makes memory be there before it is needed: a page that is touched first costs its user the time
// to find and clear it, which for a huge one is milliseconds on some machines. One for a process,
// with a thread of its own; while there is none, memory comes as it is touched.
#pragma once

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>

#include "base/assert.h"
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
    if (PageToucher* toucher = of_process_.load()) toucher->push({at, bytes});
  }

 private:
  static constexpr size_t kMostWaiting = 256;
  struct Pages {
    char* at = nullptr;
    size_t bytes = 0;
  };

  void push(const Pages& pages) {
    {
      const std::lock_guard lock(mutex_);
      if (end_ - begin_ == kMostWaiting) return;
      waiting_[end_++ % kMostWaiting] = pages;
    }
    wanted_.notify_one();
  }
  void work() {
    name_thread("touch-pages");
    std::unique_lock lock(mutex_);
    while (true) {
      wanted_.wait(lock, [this] { return stopping_ || begin_ != end_; });
      if (stopping_) return;
      const Pages pages = waiting_[begin_++ % kMostWaiting];
      lock.unlock();
      ::madvise(pages.at, pages.bytes, kPopulate);
      lock.lock();
    }
  }

  static constexpr int kPopulate = 23;  // MADV_POPULATE_WRITE
  static inline std::atomic<PageToucher*> of_process_{nullptr};
  std::mutex mutex_;
  std::condition_variable wanted_;
  std::array<Pages, kMostWaiting> waiting_;  // a ring: from begin_ to end_
  size_t begin_ = 0;
  size_t end_ = 0;
  bool stopping_ = false;
  std::thread thread_;  // begins last: it uses all of the above
};

}  // namespace once

#include "server/clerk.h"

#include <utility>

#include "base/thread_name.h"

namespace once::server {

Clerk::Clerk() : thread_([this] { work(); }) {}

Clerk::~Clerk() {
  {
    const std::lock_guard guard(mutex_);
    ends_ = true;
  }
  news_.notify_one();
  thread_.join();
}

void Clerk::give(std::function<void()> job) {
  {
    const std::lock_guard guard(mutex_);
    jobs_.push_back(std::move(job));
  }
  news_.notify_one();
}

void Clerk::work() {
  name_thread("clerk");
  std::unique_lock guard(mutex_);
  for (;;) {
    news_.wait(guard, [this] { return ends_ || !jobs_.empty(); });
    if (ends_) return;
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    guard.unlock();
    job();
    guard.lock();
  }
}

}  // namespace once::server

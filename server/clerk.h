// A thread that does what may wait for a disk, one job after the other, so that no loop waits.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace once::server {

class Clerk {
 public:
  // Throws std::system_error where there can be no thread.
  Clerk();
  // Waits for the job that it is at; those that it has not begun are dropped.
  ~Clerk();
  Clerk(const Clerk&) = delete;
  Clerk& operator=(const Clerk&) = delete;

  // Any thread. Whoever gives jobs bounds them.
  void give(std::function<void()> job);

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable news_;
  std::deque<std::function<void()>> jobs_;  // guarded by mutex_
  bool ends_ = false;                       // likewise
  std::thread thread_;                      // begins last: it uses all of the above
};

}  // namespace once::server

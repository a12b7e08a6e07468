// Lines on their way to a descriptor that somebody else reads, or does not: a bounded queue and a
// thread that writes it, so that no caller ever waits for a reader. Any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace once::server {

class LogWriter {
 public:
  static constexpr size_t kMaxLines = 1024;
  static constexpr size_t kMaxBytes = 256 * 1024;

  // `notice`: the line that says how many were dropped. Throws std::system_error when there can be
  // no thread.
  LogWriter(int fd, std::function<std::string(uint64_t dropped)> notice);
  ~LogWriter();  // loses what is not written yet: finish() first

  // Lines come with their newline, of at most 4,096 bytes, so that each is one write. What does not
  // fit is dropped, and from then on everything until half of the queue is free again: then the
  // notice comes, in its place.
  void add(std::string line);
  void add_last(std::string line);  // always fits: for a process that ends now
  // Waits until all is written, so long at most. False: it is not.
  bool finish(int64_t patience_ms);

 private:
  void work();
  void write(const std::string& line);
  void put(std::string line);
  void put_notice();

  const int fd_;
  const std::function<std::string(uint64_t)> notice_;
  std::mutex mutex_;  // of what follows; never held during a write
  std::condition_variable wanted_;
  std::condition_variable written_;
  std::deque<std::string> lines_;  // the first is being written
  size_t bytes_ = 0;
  uint64_t dropped_ = 0;  // since the last line in the queue
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace once::server

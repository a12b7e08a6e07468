// Writes, syncs and reads files in a few threads, where io_uring is not there to do it. What is
// submitted together may run and end in any order, as with io_uring.
// Thread rule: everything from the loop thread; `notify` is called from the threads, after each
// piece of work.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "reactor/operations.h"

namespace once::reactor {

struct FileWork {
  enum class Kind : uint8_t { kWrite, kDurableWrite, kSync, kRead } kind = Kind::kSync;
  int fd = -1;
  char* bytes = nullptr;  // of a write only read
  size_t size = 0;
  uint64_t offset = 0;
  uint64_t tag = 0;
};

class FileThreads {
 public:
  static constexpr size_t kThreads = 4;

  explicit FileThreads(std::function<void()> notify) : notify_(std::move(notify)) {}
  ~FileThreads();  // waits for what has begun; the rest is dropped

  // Makes the threads, before the loop runs. Empty, or why there can be none; fewer will do.
  std::string start();
  void submit(const FileWork& work);
  std::vector<Completion> take_done();
  void drop_waiting();  // what no thread has begun: its files may be closed now

 private:
  bool add_thread();
  void work();

  const std::function<void()> notify_;
  std::mutex mutex_;  // of what follows; never held during the work itself
  std::condition_variable wanted_;
  std::deque<FileWork> queue_;
  bool stopping_ = false;
  std::vector<Completion> done_;
  std::vector<std::thread> threads_;  // of the loop thread
};

}  // namespace once::reactor

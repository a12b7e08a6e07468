// Makes, renames and removes files in one helper thread, started by the first request, so that the
// loop never waits for fallocate, fsync or the freeing of blocks. One after the other, in the order
// of the requests.
// Thread rule: submit() and take_done() from the loop thread; `notify` is called from the helper,
// and by submit() where no helper can be made.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "reactor/io.h"

namespace once::reactor {

struct PreparedFile {
  enum class How : uint8_t { kZeroFilled, kRenamed, kRemoved } how = How::kZeroFilled;
  std::string path;
  std::string from = {};  // of a renamed one
  uint64_t size = 0;      // of a zero-filled one
  FilePreparedHandler* handler = nullptr;
  std::string error = {};  // empty: the file is there and durable
};

class FilePreparer {
 public:
  explicit FilePreparer(std::function<void()> notify) : notify_(std::move(notify)) {}
  ~FilePreparer();

  // False: it is a removal, and many of them wait, or no thread can be made now.
  bool submit(PreparedFile request);
  std::vector<PreparedFile> take_done();

 private:
  bool add_thread();
  void refuse(PreparedFile request);
  void work();

  std::function<void()> notify_;
  std::mutex mutex_;
  std::condition_variable wanted_;
  std::deque<PreparedFile> requests_;
  size_t removals_ = 0;  // not done yet
  std::vector<PreparedFile> done_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace once::reactor

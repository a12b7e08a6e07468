#include "reactor/file_threads.h"

#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/assert.h"
#include "base/thread_name.h"

namespace once::reactor {
namespace {

ssize_t carry_out(const FileWork& work) {
  const iovec bytes{work.bytes, work.size};
  const auto offset = static_cast<off_t>(work.offset);
  switch (work.kind) {
    case FileWork::Kind::kWrite:
      return pwritev(work.fd, &bytes, 1, offset);
    case FileWork::Kind::kDurableWrite:
      return pwritev2(work.fd, &bytes, 1, offset, RWF_DSYNC);
    case FileWork::Kind::kSync:
      return fdatasync(work.fd);
    case FileWork::Kind::kRead:
      return preadv(work.fd, &bytes, 1, offset);
  }
  ONCE_ASSERT(false);
}

// Not repeated, whatever it says: after a failed sync nobody knows what is durable.
Completion result_of(const FileWork& work) {
  const ssize_t result = carry_out(work);
  return {.tag = work.tag, .result = result < 0 ? -errno : static_cast<int32_t>(result)};
}

}  // namespace

FileThreads::~FileThreads() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wanted_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

std::string FileThreads::start() {
  while (threads_.size() < kThreads && add_thread()) {
  }
  return threads_.empty() ? "cannot make a thread for files; raise the limit (`ulimit -u`)" : "";
}

bool FileThreads::add_thread() {
  try {
    threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

void FileThreads::submit(const FileWork& work) {
  ONCE_ASSERT(!threads_.empty());
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(work);
  }
  wanted_.notify_one();
}

std::vector<Completion> FileThreads::take_done() {
  const std::lock_guard lock(mutex_);
  return std::exchange(done_, {});
}

void FileThreads::drop_waiting() {
  const std::lock_guard lock(mutex_);
  queue_.clear();
}

void FileThreads::work() {
  name_thread("files");
  std::unique_lock lock(mutex_);
  for (;;) {
    wanted_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    const FileWork work = queue_.front();
    queue_.pop_front();
    lock.unlock();
    const Completion completion = result_of(work);
    lock.lock();
    done_.push_back(completion);
    lock.unlock();
    notify_();
    lock.lock();
  }
}

}  // namespace once::reactor

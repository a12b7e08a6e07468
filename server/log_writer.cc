#include "server/log_writer.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string_view>
#include <utility>

#include "base/thread_name.h"

namespace once::server {
namespace {

constexpr int kPollMs = 100;     // so often a stuck thread looks whether it is still wanted
constexpr size_t kPiece = 4096;  // so much fits into a pipe that poll() calls writable

}  // namespace

LogWriter::LogWriter(int fd, std::function<std::string(uint64_t)> notice)
    : fd_(fd), notice_(std::move(notice)), thread_([this] { work(); }) {}

LogWriter::~LogWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wanted_.notify_one();
  thread_.join();
}

void LogWriter::put(std::string line) {
  bytes_ += line.size();
  lines_.push_back(std::move(line));
  wanted_.notify_one();
}

void LogWriter::put_notice() { put(notice_(std::exchange(dropped_, 0))); }

void LogWriter::add(std::string line) {
  const std::lock_guard lock(mutex_);
  const bool fits = lines_.size() < kMaxLines && bytes_ + line.size() <= kMaxBytes;
  if (dropped_ > 0 || !fits) {
    ++dropped_;
    return;
  }
  put(std::move(line));
}

void LogWriter::add_last(std::string line) {
  const std::lock_guard lock(mutex_);
  if (dropped_ > 0) put_notice();
  put(std::move(line));
}

bool LogWriter::finish(int64_t patience_ms) {
  std::unique_lock lock(mutex_);
  return written_.wait_for(lock, std::chrono::milliseconds(patience_ms),
                           [this] { return lines_.empty(); });
}

void LogWriter::work() {
  name_thread("log-writer");
  // Signals are for the other threads; one of them is that nobody reads any more (SIGPIPE).
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  std::unique_lock lock(mutex_);
  for (;;) {
    wanted_.wait(lock, [this] { return stopping_ || !lines_.empty(); });
    if (stopping_) return;
    const std::string& line = lines_.front();  // stays where it is while others are added
    lock.unlock();
    write(line);
    lock.lock();
    bytes_ -= line.size();
    lines_.pop_front();
    const bool room = lines_.size() <= kMaxLines / 2 && bytes_ <= kMaxBytes / 2;
    if (dropped_ > 0 && room) put_notice();
    if (lines_.empty()) written_.notify_all();
  }
}

// Waits in poll(), not in the write, so that the thread can be ended. A line that cannot be written
// (nobody will ever read, the disk is full) is lost, which harms nothing.
void LogWriter::write(const std::string& line) {
  std::string_view rest = line;
  while (!rest.empty() && !stopping_) {
    pollfd out{fd_, POLLOUT, 0};
    const int ready = ::poll(&out, 1, kPollMs);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const ssize_t wrote = ::write(fd_, rest.data(), std::min(rest.size(), kPiece));
    if (wrote < 0 && (errno == EINTR || errno == EAGAIN)) {
      ::poll(nullptr, 0, 10);  // it is said to be writable, and is not
      continue;
    }
    if (wrote <= 0) return;
    rest.remove_prefix(static_cast<size_t>(wrote));
  }
}

}  // namespace once::server

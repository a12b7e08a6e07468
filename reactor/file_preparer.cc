#include "reactor/file_preparer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "base/assert.h"
#include "base/durable_file.h"
#include "base/errno_text.h"
#include "base/sync_directory.h"
#include "base/thread_name.h"

namespace once::reactor {
namespace {

constexpr size_t kMaxPrepareRequests = 1024;
constexpr size_t kMaxRemovals = 64;  // of these

std::string describe(const FileFailure& failure) {
  const int code = failure.error_number;
  if (code == ECANCELED) return "stopped while preparing " + failure.path;
  if (code == ENOSPC || code == EDQUOT) {
    return "disk full while preparing " + failure.path + " (" + failure.doing +
           "): " + errno_text(code) + "; free some space";
  }
  return std::string(failure.doing) + " " + failure.path + ": " + errno_text(code);
}

std::string make_zero_filled(const PreparedFile& file, const std::atomic<bool>* stopping) {
  const FileContents zeros{{}, file.size};
  // Past the page cache, where nobody reads them; a copy of them there would cost as much again.
  auto failed = make_durable_file(file.path, zeros, O_DIRECT, stopping);
  if (failed && failed->error_number == EINVAL) {  // the file system takes none such
    failed = make_durable_file(file.path, zeros, 0, stopping);
  }
  return failed ? describe(*failed) : "";
}

// What a run before began to make under that name is of no use to anybody.
std::string rename_durably(const PreparedFile& file) {
  unlink(unfinished_name(file.path).c_str());
  if (std::rename(file.from.c_str(), file.path.c_str()) != 0) {
    return describe({"rename to", file.path, errno});
  }
  const std::string directory = file.path.substr(0, file.path.rfind('/'));
  const int code = sync_directory(directory);
  return code == 0 ? "" : describe({"fsync directory", directory, code});
}

}  // namespace

FilePreparer::~FilePreparer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_.store(true);
  }
  wanted_.notify_one();
  if (thread_.joinable()) thread_.join();
}

bool FilePreparer::submit(PreparedFile request) {
  const bool removes = request.how == PreparedFile::How::kRemoved;
  if (!thread_.joinable() && !add_thread()) {
    if (!removes) refuse(std::move(request));
    return !removes;
  }
  {
    const std::lock_guard lock(mutex_);
    if (removes && removals_ == kMaxRemovals) return false;
    ONCE_ASSERT(requests_.size() < kMaxPrepareRequests);
    if (removes) ++removals_;
    requests_.push_back(std::move(request));
  }
  wanted_.notify_one();
  return true;
}

bool FilePreparer::add_thread() {
  try {
    thread_ = std::thread([this] { work(); });
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

// Whoever asked tries again later, and there may be room for a thread by then.
void FilePreparer::refuse(PreparedFile request) {
  request.error = "cannot make a thread to prepare " + request.path +
                  "; raise the limit (`ulimit -u`, or pids.max of the container)";
  {
    const std::lock_guard lock(mutex_);
    done_.push_back(std::move(request));
  }
  notify_();
}

std::vector<PreparedFile> FilePreparer::take_done() {
  const std::lock_guard lock(mutex_);
  return std::exchange(done_, {});
}

void FilePreparer::work() {
  name_thread("segments");
  for (;;) {
    PreparedFile request;
    {
      std::unique_lock lock(mutex_);
      wanted_.wait(lock, [this] { return stopping_.load() || !requests_.empty(); });
      if (stopping_.load()) return;
      request = std::move(requests_.front());
      requests_.pop_front();
    }
    if (request.how == PreparedFile::How::kRemoved) {
      // What a power cut brings back is removed again by a later run.
      unlink(request.path.c_str());
      const std::lock_guard lock(mutex_);
      --removals_;
      continue;
    }
    request.error = request.how == PreparedFile::How::kRenamed
                        ? rename_durably(request)
                        : make_zero_filled(request, &stopping_);
    {
      const std::lock_guard lock(mutex_);
      done_.push_back(std::move(request));
    }
    notify_();
  }
}

}  // namespace once::reactor

#include "reactor/file_preparer.h"

#include <cerrno>

#include "base/assert.h"
#include "base/durable_file.h"
#include "base/errno_text.h"
#include "base/thread_name.h"

namespace once::reactor {
namespace {

constexpr size_t kMaxPrepareRequests = 1024;

std::string describe(const FileFailure& failure) {
  const int code = failure.error_number;
  if (code == ECANCELED) return "stopped while preparing " + failure.path;
  if (code == ENOSPC || code == EDQUOT) {
    return "disk full while preparing " + failure.path + " (" + failure.doing +
           "): " + errno_text(code) + "; free some space";
  }
  return std::string(failure.doing) + " " + failure.path + ": " + errno_text(code);
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

void FilePreparer::submit(PreparedFile request) {
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  {
    const std::lock_guard lock(mutex_);
    ONCE_ASSERT(requests_.size() < kMaxPrepareRequests);
    requests_.push_back(std::move(request));
  }
  wanted_.notify_one();
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
    const auto failed = make_durable_file(request.path, {{}, request.size}, 0, &stopping_);
    request.error = failed ? describe(*failed) : "";
    {
      const std::lock_guard lock(mutex_);
      done_.push_back(std::move(request));
    }
    notify_();
  }
}

}  // namespace once::reactor

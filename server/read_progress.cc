#include "server/read_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace once::server {

ReadProgress::ReadProgress(uint64_t all, Clock clock, Say say)
    : all_(all),
      clock_(clock),
      say_(std::move(say)),
      began_ns_(clock()),
      next_ns_(began_ns_ + kQuietNs) {}

// More than all is read if it has to be read anew (node_cores.h).
void ReadProgress::add(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  bytes = std::min(bytes, all_ - done_);
  done_ += bytes;
  const int64_t now_ns = clock_();
  if (bar_) {
    bar_->add(bytes);
  } else if (now_ns >= began_ns_ + kShortNs) {
    bar_.emplace(all_).add(done_);
  }
  if (!say_ || all_ == 0 || now_ns < next_ns_) return;
  next_ns_ = now_ns + kQuietNs;
  say_(fmt::format("reading the log: {} % of {} MiB", done_ * 100 / all_, all_ >> 20));
}

}  // namespace once::server

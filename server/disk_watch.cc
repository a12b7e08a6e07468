#include "server/disk_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace once::server {
namespace {

constexpr int64_t kMs = 1'000'000;

constexpr std::string_view kFull = "disk full";

std::string full_text(std::string_view why, bool other) {
  return fmt::format(
      "{}: new names and changes are left to the other nodes, or refused, until {}{}",
      other ? "no further log file can be made" : kFull,
      other ? "one can be made" : "there is room again",
      why.empty() ? "" : fmt::format(" ({})", why));
}

}  // namespace

std::vector<std::string> DiskWatch::look(const Seen& seen, std::string_view why_full,
                                         int64_t now_ns) {
  std::vector<std::string> lines;
  if (seen.crowded != seen_.crowded) {
    lines.emplace_back(seen.crowded
                           ? "the disk is slower than what comes: new names and changes are left "
                             "to the other nodes, or refused, until it has caught up"
                           : "the disk has caught up: new names are taken");
  }
  if (seen.behind != seen_.behind) {
    lines.emplace_back(seen.behind
                           ? "the disk does not keep up: nothing more is taken until it does"
                           : "the disk keeps up again: requests are taken");
  }
  if (seen.full != seen_.full) {
    if (seen.full) other_reason_ = !why_full.empty() && !why_full.starts_with(kFull);
    lines.push_back(seen.full       ? full_text(why_full, other_reason_)
                    : other_reason_ ? "log files can be made again: new names are taken"
                                    : "there is room on the disk again: new names are taken");
  }
  if (const std::string_view line = look_at_rest(seen.spent, now_ns); !line.empty()) {
    lines.emplace_back(line);
  }
  if (seen_.writing_ns != 0 && seen.writing_ns != seen_.writing_ns) {  // that write is done
    if (!long_seen_) long_in_a_row_ = 0;
    long_seen_ = false;
  }
  seen_ = seen;
  const bool was_slow = slow_;
  if (seen.writing_ns != 0) look_at_write(now_ns - seen.writing_ns, now_ns);
  if (slow_ && now_ns >= slow_until_ns_) slow_ = false;
  if (slow_ && !was_slow) {
    lines.emplace_back(
        fmt::format("the disk is slow: a log write takes {} ms by now; the other nodes go on "
                    "meanwhile, look after this node's disk",
                    longest_ns_ / kMs));
  } else if (was_slow && !slow_) {
    lines.emplace_back(fmt::format("the disk is no longer slow; the longest log write took {} ms",
                                   longest_ns_ / kMs));
  }
  return lines;
}

// While a segment is cleaned a log is spent for a moment, and that is no news.
std::string_view DiskWatch::look_at_rest(bool spent, int64_t now_ns) {
  if (!spent) {
    spent_since_ns_ = 0;
    if (!std::exchange(spent_said_, false)) return {};
    return "the log has room again";
  }
  if (spent_since_ns_ == 0) spent_since_ns_ = now_ns;
  if (spent_said_ || now_ns - spent_since_ns_ < kSpentNs) return {};
  spent_said_ = true;
  return "the log has no room: this node answers only what it knows by itself, until there is room "
         "on the disk; make some";
}

void DiskWatch::look_at_write(int64_t took_ns, int64_t now_ns) {
  if (took_ns < kLongNs) return;
  if (!long_seen_) ++long_in_a_row_;
  long_seen_ = true;
  if (took_ns < kStalledNs && long_in_a_row_ < kLongInARow) return;
  longest_ns_ = slow_ ? std::max(longest_ns_, took_ns) : took_ns;
  slow_ = true;
  slow_until_ns_ = now_ns + kSlowKeptNs;
}

}  // namespace once::server

// What a core's log shows of its disk (full, crowded, behind, slow), and the lines that people get
// about it. Pure; one core's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace once::server {

class DiskWatch {
 public:
  // A log write that stalls for so long makes the disk slow, and so do several in a row that take
  // long. It is so until none has been for a while: one hiccup is no news.
  static constexpr int64_t kStalledNs = 3'000'000'000;
  static constexpr int64_t kLongNs = 500'000'000;
  static constexpr int kLongInARow = 4;
  static constexpr int64_t kSlowKeptNs = 10'000'000'000;
  // So long a spent log is none that is just being cleaned.
  static constexpr int64_t kSpentNs = 5'000'000'000;

  struct Seen {
    bool full = false;       // wal::Log::full
    bool crowded = false;    // wal::Log::crowded
    bool behind = false;     // wal::Log::behind
    bool spent = false;      // wal::Log::spent
    int64_t writing_ns = 0;  // since when the write under way is; 0: there is none
  };
  // With each tick. What it returns is for the process log; often nothing.
  // `why_full`: wal::Log::full_because.
  std::vector<std::string> look(const Seen& seen, std::string_view why_full, int64_t now_ns);

  bool full() const { return seen_.full; }
  bool slow() const { return slow_; }

 private:
  std::string_view look_at_rest(bool spent, int64_t now_ns);
  void look_at_write(int64_t took_ns, int64_t now_ns);

  Seen seen_;
  bool other_reason_ = false;  // it was called full, and what was met is something else
  bool slow_ = false;
  bool long_seen_ = false;  // the write under way is long by now
  int long_in_a_row_ = 0;
  int64_t slow_until_ns_ = 0;
  int64_t longest_ns_ = 0;  // of the writes that made it slow
  int64_t spent_since_ns_ = 0;
  bool spent_said_ = false;
};

}  // namespace once::server

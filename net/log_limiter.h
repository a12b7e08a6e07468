// Keeps a flood of the same complaint out of the log: each text once in ten seconds, and not more
// than twenty lines in any ten seconds altogether. Private to net/.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace once::net {

class LogLimiter {
 public:
  bool allow(std::string_view text, int64_t now_ns) {
    if (now_ns - window_began_ns_ >= kWindowNs) {
      window_began_ns_ = now_ns;
      seen_.clear();
    }
    if (seen_.size() >= kMaxLines) return false;
    return seen_.emplace(std::string(text), true).second;
  }

 private:
  static constexpr int64_t kWindowNs = 10'000'000'000;
  static constexpr size_t kMaxLines = 20;
  int64_t window_began_ns_ = INT64_MIN / 2;
  std::map<std::string, bool, std::less<>> seen_;
};

}  // namespace once::net

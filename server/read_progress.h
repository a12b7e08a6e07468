// How far a start has read the log, if that takes long: a bar on a terminal, else a line of the log
// now and then. Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>

#include "base/progress_bar.h"

namespace once::server {

class ReadProgress {
 public:
  static constexpr int64_t kShortNs = 1'000'000'000;  // that long nobody wonders: no bar
  static constexpr int64_t kQuietNs = 5'000'000'000;  // before the first line, and between two

  using Clock = int64_t (*)();
  using Say = std::function<void(std::string_view line)>;
  // `all`: bytes. `say`: empty where there is a terminal.
  ReadProgress(uint64_t all, Clock clock, Say say);
  void add(uint64_t bytes);

 private:
  std::mutex mutex_;
  const uint64_t all_;
  const Clock clock_;
  const Say say_;
  const int64_t began_ns_;
  std::optional<ProgressBar> bar_;
  uint64_t done_ = 0;
  int64_t next_ns_;  // a line
};

}  // namespace once::server

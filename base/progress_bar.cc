#include "base/progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/folded.h"
#include "base/last_words.h"

namespace once {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kEveryNs = kSecondNs / 10;
// A terminal that is held up must not hold up the work.
constexpr int64_t kNoPatienceMs = 0;
constexpr size_t kCells = 20;
constexpr size_t kColumns = 80;

int64_t steady_ns() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string mebibytes(double bytes) {
  constexpr double kMebibyte = 1024 * 1024;
  return bytes < 1024 * kMebibyte ? fmt::format("{:.0f} MiB", bytes / kMebibyte)
                                  : fmt::format("{:.1f} GiB", bytes / (1024 * kMebibyte));
}

}  // namespace

std::string progress_line(const Progress& progress, size_t columns) {
  const uint64_t done = std::min(progress.done, progress.all);
  const double part =
      progress.all == 0 ? 1 : static_cast<double>(done) / static_cast<double>(progress.all);
  const auto cells = static_cast<size_t>(part * kCells);
  std::string line = fmt::format("[{}{}] {:3.0f} %  {} of {}", std::string(cells, '#'),
                                 std::string(kCells - cells, '.'), part * 100,
                                 mebibytes(static_cast<double>(done)),
                                 mebibytes(static_cast<double>(progress.all)));
  // The first second tells nothing of the rest.
  if (progress.took_ns >= kSecondNs && done > 0) {
    const double seconds = static_cast<double>(progress.took_ns) / kSecondNs;
    const double rate = static_cast<double>(done) / seconds;
    line += fmt::format(", {}/s, {:.0f} s left", mebibytes(rate),
                        static_cast<double>(progress.all - done) / rate);
  }
  if (line.size() > columns) line.resize(columns);
  return line;
}

ProgressBar::ProgressBar(uint64_t all)
    : on_(::isatty(STDERR_FILENO) == 1), progress_{0, all, 0}, begin_ns_(steady_ns()) {}

ProgressBar::~ProgressBar() {
  if (on_) say_briefly("\r\033[K", kNoPatienceMs);
}

void ProgressBar::add(uint64_t bytes) {
  progress_.done += bytes;
  if (!on_) return;
  const int64_t now = steady_ns();
  if (now < next_ns_ && progress_.done < progress_.all) return;
  next_ns_ = now + kEveryNs;
  progress_.took_ns = now - begin_ns_;
  const size_t columns = columns_of(STDERR_FILENO);
  say_briefly("\r\033[K" + progress_line(progress_, (columns == 0 ? kColumns : columns) - 1),
              kNoPatienceMs);
}

}  // namespace once

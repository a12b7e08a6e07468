#include "server/log_line.h"

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <string>
#include <system_error>

#include "base/last_words.h"
#include "base/printable.h"
#include "server/log_writer.h"

namespace once::server {
namespace {

// A line is one write, so that those of several threads and processes don't mix; in a pipe that
// holds up to this size.
constexpr size_t kMaxLineBytes = 4096;
constexpr int64_t kFinishMs = 1000;

std::atomic<LogWriter*> background{nullptr};

std::string line_of(std::string_view level, std::string_view text) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm utc{};
  gmtime_r(&now.tv_sec, &utc);
  // Into a string: for another buffer the whole formatter would be compiled once more.
  std::string line = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z {:<7} ",
                                 utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                                 utc.tm_min, utc.tm_sec, now.tv_nsec / 1'000'000, level);
  // Some of it was said by strangers: none of it may begin a line, or speak to a terminal.
  line.append(printable(text.substr(0, kMaxLineBytes)));
  constexpr std::string_view kCut = "...";
  if (line.size() >= kMaxLineBytes) {
    line.resize(kMaxLineBytes - 1 - kCut.size());
    line.append(kCut);
  }
  line.push_back('\n');
  return line;
}

void write_line(std::string_view level, std::string_view text) {
  std::string line = line_of(level, text);
  if (LogWriter* const writer = background.load()) return writer->add(std::move(line));
  // A lost line harms nothing.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

std::string dropped_line(uint64_t dropped) {
  return line_of("warning", fmt::format("{} line{} dropped: standard error was not read", dropped,
                                        dropped == 1 ? "" : "s"));
}

[[noreturn]] void on_terminate() {
  std::string what = "no exception";
  try {
    if (const auto thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::exception& failure) {
    what = failure.what();
  } catch (...) {
    what = "an unknown exception";
  }
  die_saying("terminated: " + what);
}

}  // namespace

void log_info(std::string_view text) { write_line("info", text); }
void log_warning(std::string_view text) { write_line("warning", text); }
void log_error(std::string_view text) { write_line("error", text); }

void log_in_background() {
  last_words = log_last_error;
  std::set_terminate(on_terminate);
  try {
    // Never destroyed: other threads may log until the process is gone.
    background = new LogWriter(STDERR_FILENO, dropped_line);
  } catch (const std::system_error& failure) {
    log_warning(
        fmt::format("no thread for the log, which may now hold the node up: {}", failure.what()));
  }
}

void finish_log() {
  if (LogWriter* const writer = background.load()) writer->finish(kFinishMs);
}

void log_last_error(std::string_view text) {
  std::string line = line_of("error", text);
  LogWriter* const writer = background.load();
  if (writer == nullptr) return say_briefly(line, kFinishMs);
  writer->add_last(std::move(line));
  writer->finish(kFinishMs);
}

}  // namespace once::server

// What is typed on the terminal of `onced dev`: bytes to lines, lines to commands. Pure; one
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace once::server {

enum class ConsoleWord : uint8_t { kNothing, kKill, kStart, kStatus, kHelp, kQuit };

struct ConsoleCommand {
  ConsoleWord word = ConsoleWord::kNothing;
  uint16_t node = 0;  // of kKill and kStart
};

inline constexpr const char* kConsoleHelp =
    "kill N    node N dies at once, as by kill -9, and stays down\n"
    "start N   and comes back\n"
    "status    which nodes run, and what that means\n"
    "quit      stops every node, as Ctrl-C does\n";

// An error says what to type instead.
Result<ConsoleCommand> parse_console(std::string_view line, uint16_t nodes);

// What it means that so many of all run.
std::string dev_verdict(size_t running, size_t all);

// Lines out of the bytes that a terminal gives. What is too long for a line is no command.
class ConsoleLines {
 public:
  static constexpr size_t kMaxBytes = 256;

  // Calls take(line) for each line that is whole.
  template <class Take>
  void feed(std::string_view bytes, Take take) {
    for (const char c : bytes) {
      if (c != '\n') {
        if (line_.size() <= kMaxBytes) line_ += c;
        continue;
      }
      const std::string line = std::move(line_);
      line_.clear();
      take(std::string_view(line));
    }
  }

 private:
  std::string line_;
};

}  // namespace once::server

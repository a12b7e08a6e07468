// Lines for people, broken between words where a terminal ends: by itself it breaks in the middle
// of one. What is meant to be typed stays whole.
#pragma once

#include <sys/ioctl.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace once {

// Of the terminal that this leads to; 0: it is none, or does not tell.
inline size_t columns_of(int fd) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

// `line`: printable, without its end. What follows the first row is indented, so that no word of
// others begins a row as if it were ours. A command between backquotes is one word. 0 columns: as
// it is.
inline std::string folded(std::string_view line, size_t columns) {
  constexpr size_t kNarrowest = 20;
  constexpr std::string_view kNextRow = "\n  ";
  if (columns < kNarrowest) return std::string(line);
  // Bytes that go on with a character are no column.
  const auto width_of = [](std::string_view text) {
    return static_cast<size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
  };
  std::string out;
  size_t used = 0;
  while (!line.empty()) {
    const size_t blanks = std::min(line.find_first_not_of(' '), line.size());
    size_t end = std::min(line.find(' ', blanks), line.size());
    const size_t quote = line.find('`', blanks);
    if (quote < end) {
      const size_t close = line.find('`', quote + 1);
      const size_t whole = std::min(line.find(' ', std::min(close, line.size())), line.size());
      const bool fits = whole - blanks + kNextRow.size() <= columns;
      if (close != std::string_view::npos && fits) end = whole;
    }
    const std::string_view word = line.substr(blanks, end - blanks);
    if (used > 0 && used + blanks + width_of(word) > columns) {
      out.append(kNextRow).append(word);
      used = kNextRow.size() - 1 + width_of(word);
    } else {
      out.append(line.substr(0, end));
      used += blanks + width_of(word);
    }
    line.remove_prefix(end);
  }
  return out;
}

}  // namespace once

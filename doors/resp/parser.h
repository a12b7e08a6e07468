// Cuts commands off a stream of RESP: arrays of bulk strings, and inline commands, whose words are
// split as by a shell. Bounded; each byte is looked at once, however the bytes come.
// Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "doors/door.h"

namespace once::doors {

struct ParsedCommand {
  enum class What : uint8_t { kNeedsMore, kCommand, kBroken };
  What what = What::kNeedsMore;
  size_t bytes = 0;    // kNeedsMore: at least so many in all; kCommand: it is so long
  std::string broken;  // kBroken: for people; the stream cannot be read on
};

class CommandParser {
 public:
  static constexpr size_t kMostWords = kMostAsksOfCommand + 16;
  static constexpr size_t kMostInlineBytes = 64 * 1024;

  // `bytes` begin where a command does. After kNeedsMore the next call gets the same ones and more;
  // after kCommand, those behind it.
  ParsedCommand parse(std::string_view bytes);
  // Of the command that parse() returned last: views into its bytes, or into decoded(). Maybe none.
  const std::vector<std::string_view>& words() const { return words_; }
  // What inline words point into; whoever takes it keeps it as long as the words.
  std::vector<char>&& decoded() { return std::move(decoded_); }
  void forget();  // nobody looks at the words any more
  // Beyond the little room that stays for the next command.
  size_t kept_bytes() const;

 private:
  ParsedCommand parse_array(std::string_view bytes);
  ParsedCommand parse_inline(std::string_view bytes);
  bool split(std::string_view line);
  ParsedCommand more(std::string_view bytes, size_t least = 0) const;
  ParsedCommand whole(size_t bytes);
  ParsedCommand broken(std::string why);

  std::vector<std::string_view> words_;
  std::vector<char> decoded_;
  std::vector<std::pair<size_t, size_t>> places_;  // of words: where each begins, and its bytes
  size_t at_ = 0;                                  // all before it has been looked at
  bool counted_ = false;                           // the line that says how many words there are
  size_t count_ = 0;
};

}  // namespace once::doors

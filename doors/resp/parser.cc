#include "doors/resp/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/printable.h"

namespace once::doors {
namespace {

// "*1024" and its line end, with room for zeros in front that nobody sends.
constexpr size_t kMostCountBytes = 24;
constexpr size_t kLeastWordBytes = 6;  // "$0", two line ends
constexpr size_t kWordsKept = 32;      // room that stays for the next command

template <class T>
void shed(std::vector<T>& words) {
  words.clear();
  if (words.capacity() > kWordsKept) std::vector<T>().swap(words);
}
template <class T>
size_t bytes_beyond(const std::vector<T>& words) {
  return words.capacity() > kWordsKept ? words.capacity() * sizeof(T) : 0;
}

std::optional<size_t> count_of(std::string_view digits) {
  if (digits.empty() || digits.size() > 18) return std::nullopt;
  size_t count = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    count = count * 10 + static_cast<size_t>(c - '0');
  }
  return count;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\0' || c == '\n'; }

std::optional<char> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<char>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<char>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<char>(c - 'A' + 10);
  return std::nullopt;
}

// What stands behind a backslash in double quotes; takes it off.
char escaped(std::string_view& line) {
  const char c = line.front();
  if (c == 'x' && line.size() >= 3 && hex_digit(line[1]) && hex_digit(line[2])) {
    const char byte = static_cast<char>(*hex_digit(line[1]) << 4 | *hex_digit(line[2]));
    line.remove_prefix(3);
    return byte;
  }
  line.remove_prefix(1);
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// A word in quotes, the first of which is taken off already. False: it does not end, or not with
// the word.
bool take_quoted(char quote, std::string_view& line, std::vector<char>& out) {
  while (!line.empty()) {
    const char c = line.front();
    line.remove_prefix(1);
    if (c == quote) return line.empty() || is_space(line.front());
    if (c != '\\' || line.empty()) {
      out.push_back(c);
    } else if (quote == '"') {
      out.push_back(escaped(line));
    } else if (line.front() == '\'') {
      out.push_back('\'');
      line.remove_prefix(1);
    } else {
      out.push_back(c);
    }
  }
  return false;
}

}  // namespace

ParsedCommand CommandParser::more(std::string_view bytes, size_t least) const {
  ParsedCommand parsed;
  parsed.bytes = std::min(std::max(bytes.size() + 1, least), kMostDoorBytes);
  return parsed;
}

ParsedCommand CommandParser::whole(size_t bytes) {
  at_ = 0;
  counted_ = false;
  places_.clear();
  return {ParsedCommand::What::kCommand, bytes, {}};
}

void CommandParser::forget() {
  shed(words_);
  shed(places_);
  std::vector<char>().swap(decoded_);
}

size_t CommandParser::kept_bytes() const {
  return bytes_beyond(words_) + bytes_beyond(places_) + decoded_.capacity();
}

ParsedCommand CommandParser::broken(std::string why) {
  return {ParsedCommand::What::kBroken, 0, std::move(why)};
}

ParsedCommand CommandParser::parse(std::string_view bytes) {
  words_.clear();
  if (bytes.empty()) return more(bytes);
  return bytes.front() == '*' ? parse_array(bytes) : parse_inline(bytes);
}

ParsedCommand CommandParser::parse_array(std::string_view bytes) {
  while (!counted_ || places_.size() < count_) {
    const std::string_view left = bytes.substr(at_);
    if (left.empty()) return more(bytes);
    if (counted_ && left.front() != '$') {
      return broken(fmt::format("expected '$', got '{}'", printable(left.substr(0, 1))));
    }
    const size_t end = left.substr(0, kMostCountBytes).find('\r');
    if (end == std::string_view::npos) {
      if (left.size() < kMostCountBytes) return more(bytes);
      return broken(counted_ ? "too big bulk count string" : "too big mbulk count string");
    }
    const std::optional<size_t> number = count_of(left.substr(1, end - 1));
    if (!counted_ && (!number || *number > kMostWords)) return broken("invalid multibulk length");
    if (counted_ && !number) return broken("invalid bulk length");
    if (left.size() < end + 2) return more(bytes);
    if (left[end + 1] != '\n') return broken("a line ends with CR and LF");
    const size_t begin = at_ + end + 2;
    if (!counted_) {
      counted_ = true;
      count_ = *number;
      at_ = begin;
      continue;
    }
    const size_t behind = begin + *number + 2;
    if (*number > kMostDoorBytes || behind > kMostDoorBytes) {
      return broken(
          fmt::format("invalid bulk length: a command may have {} bytes in all", kMostDoorBytes));
    }
    if (bytes.size() < behind) {
      return more(bytes, behind + (count_ - places_.size() - 1) * kLeastWordBytes);
    }
    if (bytes.substr(behind - 2, 2) != "\r\n") return broken("a bulk string ends with CR and LF");
    places_.emplace_back(begin, *number);
    at_ = behind;
  }
  for (const auto& [begin, size] : places_) words_.push_back(bytes.substr(begin, size));
  return whole(at_);
}

ParsedCommand CommandParser::parse_inline(std::string_view bytes) {
  const size_t end = bytes.substr(0, kMostInlineBytes).find('\n', at_);
  if (end == std::string_view::npos) {
    if (bytes.size() >= kMostInlineBytes) return broken("too big inline request");
    at_ = bytes.size();
    return more(bytes);
  }
  if (!split(bytes.substr(0, end))) return broken("unbalanced quotes in request");
  if (places_.size() > kMostWords) return broken("too many words in an inline request");
  for (const auto& [begin, size] : places_) words_.emplace_back(decoded_.data() + begin, size);
  return whole(end + 1);
}

// Into decoded_ and places_. False: quotes do not match.
bool CommandParser::split(std::string_view line) {
  decoded_ = {};
  decoded_.reserve(line.size());
  places_.clear();
  for (;;) {
    while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
    if (line.empty()) return true;
    const size_t begin = decoded_.size();
    while (!line.empty() && !is_space(line.front())) {
      const char c = line.front();
      line.remove_prefix(1);
      if (c != '"' && c != '\'') {
        decoded_.push_back(c);
      } else if (!take_quoted(c, line, decoded_)) {
        return false;
      }
    }
    places_.emplace_back(begin, decoded_.size() - begin);
  }
}

}  // namespace once::doors

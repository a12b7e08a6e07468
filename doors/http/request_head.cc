#include "doors/http/request_head.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/limits.h"

namespace once::doors::http {
namespace {

constexpr std::array<std::string_view, kFields> kFieldNames = {"host",
                                                               "content-length",
                                                               "transfer-encoding",
                                                               "connection",
                                                               "expect",
                                                               "origin",
                                                               "sec-fetch-site",
                                                               "if-match",
                                                               "if-none-match",
                                                               "idempotency-key",
                                                               "accept",
                                                               "prefer",
                                                               "range",
                                                               "content-range",
                                                               "if-range",
                                                               "if-modified-since",
                                                               "if-unmodified-since"};

constexpr size_t kFieldsKept = 32;  // room that stays for the next request

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_token_byte(char c) {
  if (is_digit(c) || (small_letter(c) >= 'a' && small_letter(c) <= 'z')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_byte);
}

bool is_control(char c) {
  const unsigned char byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

// The lists whose elements may stand in several fields.
bool may_repeat(Field field) {
  return field == Field::kConnection || field == Field::kAccept || field == Field::kPrefer ||
         field == Field::kIfNoneMatch;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool take_element(std::string_view& list, std::string_view& element) {
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    element = trimmed(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (!element.empty()) return true;
  }
  return false;
}

size_t Head::count(Field field) const {
  return static_cast<size_t>(std::count_if(fields.begin(), fields.end(),
                                           [&](const auto& one) { return one.first == field; }));
}

std::string_view Head::value(Field field, std::string_view bytes) const {
  for (const auto& [name, where] : fields) {
    if (name == field) return where.in(bytes);
  }
  return {};
}

void HeadReader::reset() {
  std::vector<std::pair<Field, Span>> fields = std::move(head_.fields);
  fields.clear();
  if (fields.capacity() > kFieldsKept) fields = std::vector<std::pair<Field, Span>>();
  *this = HeadReader{};
  head_.fields = std::move(fields);
}

bool HeadReader::refuse(uint16_t status, std::string_view text) {
  objection_ = {status, text};
  return false;
}

HeadReader::What HeadReader::read(std::string_view bytes) {
  if (objection_.status != 0) return What::kBad;
  const std::string_view seen = bytes.substr(0, kMaxHeadBytes);
  while (at_ != At::kEnd) {
    if (at_ == At::kRequestLine) head_.is_head = seen.starts_with("HEAD ");
    const size_t end = seen.find('\n', scanned_);
    if (end == std::string_view::npos) {
      scanned_ = seen.size();
      if (seen.size() < kMaxHeadBytes) return What::kMore;
      at_ == At::kRequestLine ? refuse(414, "the request line is longer than 16 KiB")
                              : refuse(431, "the fields of the request are longer than 16 KiB");
      return What::kBad;
    }
    const Span line{static_cast<uint32_t>(line_begin_), static_cast<uint32_t>(end - line_begin_)};
    scanned_ = line_begin_ = end + 1;
    if (!take_line(bytes, line)) return What::kBad;
  }
  return What::kHead;
}

bool HeadReader::take_line(std::string_view bytes, Span line) {
  const std::string_view text = line.in(bytes);
  if (!text.ends_with('\r')) return refuse(400, "a line ends with LF alone, not with CR and LF");
  --line.size;
  const std::string_view shorter = line.in(bytes);
  if (std::any_of(shorter.begin(), shorter.end(), is_control)) {
    return refuse(400, "a control character stands in the head of the request");
  }
  if (at_ == At::kFields) {
    if (!shorter.empty()) return take_field(bytes, line);
    head_.bytes = line_begin_;
    at_ = At::kEnd;
    return finish();
  }
  at_ = At::kFields;
  return take_request_line(bytes, line);
}

bool HeadReader::take_request_line(std::string_view bytes, Span line) {
  const std::string_view text = line.in(bytes);
  const size_t first = text.find(' ');
  const size_t second = first == std::string_view::npos ? first : text.find(' ', first + 1);
  if (second == std::string_view::npos || text.find(' ', second + 1) != std::string_view::npos) {
    return refuse(400, "a request line is METHOD TARGET HTTP/1.1, with one space between them");
  }
  head_.method = {line.begin, static_cast<uint32_t>(first)};
  head_.target = {line.begin + static_cast<uint32_t>(first) + 1,
                  static_cast<uint32_t>(second - first - 1)};
  if (!is_token(head_.method.in(bytes))) return refuse(400, "the method is no word");
  return take_version(text.substr(second + 1));
}

bool HeadReader::take_version(std::string_view word) {
  const bool well_formed = word.size() == 8 && word.starts_with("HTTP/") && is_digit(word[5]) &&
                           word[6] == '.' && is_digit(word[7]);
  if (!well_formed) return refuse(400, "the request line does not end with HTTP/1.1");
  head_.http_1_0 = word == "HTTP/1.0";
  if (head_.http_1_0 || word == "HTTP/1.1") return true;
  return refuse(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
}

bool HeadReader::take_field(std::string_view bytes, Span line) {
  const std::string_view text = line.in(bytes);
  if (text.front() == ' ' || text.front() == '\t') {
    return refuse(400, "a field goes on in a second line, which nobody may do any more");
  }
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || !is_token(text.substr(0, colon))) {
    return refuse(400, "a field is NAME: VALUE, with no space before the colon");
  }
  const std::string_view value = trimmed(text.substr(colon + 1));
  const size_t offset = value.empty() ? 0 : static_cast<size_t>(value.data() - bytes.data());
  const Span where{static_cast<uint32_t>(offset), static_cast<uint32_t>(value.size())};
  for (size_t i = 0; i < kFields; ++i) {
    if (is_same_word(kFieldNames[i], text.substr(0, colon))) {
      return note(static_cast<Field>(i), value, where);
    }
  }
  return true;
}

bool HeadReader::note(Field field, std::string_view value, Span where) {
  if (!may_repeat(field) && head_.has(field)) {
    return refuse(400, "a field that may come once came twice");
  }
  head_.fields.emplace_back(field, where);
  switch (field) {
    case Field::kContentLength:
      return take_length(value);
    case Field::kTransferEncoding:
      chunked_ = true;
      return true;
    case Field::kConnection:
      take_connection(value);
      return true;
    case Field::kExpect:
      if (!is_same_word(value, "100-continue")) {
        return refuse(417, "the only thing to expect is 100-continue");
      }
      head_.expects_continue = true;
      return true;
    default:
      return true;
  }
}

bool HeadReader::take_length(std::string_view value) {
  if (value.empty() || !std::all_of(value.begin(), value.end(), is_digit)) {
    return refuse(400, "Content-Length is no number");
  }
  uint32_t length = 0;
  for (const char c : value) {
    length = length * 10 + static_cast<uint32_t>(c - '0');
    too_large_ = too_large_ || length > kMaxValueBytes;
    if (too_large_) length = 0;
  }
  head_.body_bytes = length;
  head_.says_length = true;
  return true;
}

void HeadReader::take_connection(std::string_view value) {
  std::string_view option;
  while (take_element(value, option)) {
    says_close_ = says_close_ || is_same_word(option, "close");
    says_keep_alive_ = says_keep_alive_ || is_same_word(option, "keep-alive");
  }
}

bool HeadReader::finish() {
  if (chunked_ && head_.says_length) {
    return refuse(400, "Content-Length and Transfer-Encoding exclude each other");
  }
  if (chunked_ && head_.http_1_0) return refuse(400, "HTTP/1.0 has no Transfer-Encoding");
  if (chunked_) {
    return refuse(501, "bodies in chunks are not taken: send the value with a Content-Length");
  }
  if (!head_.http_1_0 && !head_.has(Field::kHost)) return refuse(400, "Host is missing");
  if (too_large_) return refuse(413, "a value has at most 65536 bytes");
  head_.keeps_alive = !says_close_ && (!head_.http_1_0 || says_keep_alive_);
  head_.expects_continue = head_.expects_continue && !head_.http_1_0 && head_.body_bytes > 0;
  return true;
}

}  // namespace once::doors::http

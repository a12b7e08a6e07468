#include "doors/resp/writer.h"

#include <algorithm>
#include <charconv>

namespace once::doors {

void RespWriter::head(char type, uint64_t number) {
  char line[24];
  line[0] = type;
  char* end = std::to_chars(line + 1, line + sizeof line - 2, number).ptr;
  *end++ = '\r';
  *end++ = '\n';
  put({line, static_cast<size_t>(end - line)});
}

void RespWriter::simple(std::string_view text) {
  out_.push_back('+');
  put(text);
  put("\r\n");
}

void RespWriter::error(std::string_view text) {
  out_.push_back('-');
  const size_t from = out_.size();
  put(text);
  std::replace_if(
      out_.begin() + static_cast<long>(from), out_.end(),
      [](char c) { return c == '\r' || c == '\n'; }, ' ');
  put("\r\n");
}

void RespWriter::integer(int64_t number) {
  if (number >= 0) return head(':', static_cast<uint64_t>(number));
  out_.push_back(':');
  head('-', uint64_t{0} - static_cast<uint64_t>(number));
}

void RespWriter::bulk(std::string_view bytes) {
  head('$', bytes.size());
  put(bytes);
  put("\r\n");
}

void RespWriter::null() { put(resp_ == Resp::kThree ? "_\r\n" : "$-1\r\n"); }

void RespWriter::truth(bool yes) {
  if (resp_ == Resp::kTwo) return integer(yes ? 1 : 0);
  put(yes ? "#t\r\n" : "#f\r\n");
}

void RespWriter::array(size_t count) { head('*', count); }

void RespWriter::map(size_t pairs) {
  if (resp_ == Resp::kThree) return head('%', pairs);
  head('*', 2 * pairs);
}

}  // namespace once::doors

#include "bench/peers/resp_session.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>

#include "base/printable.h"

namespace once::bench::peers {
namespace {

constexpr std::string_view kEndOfLine = "\r\n";

// How long the reply is that these bytes begin with; 0: it is not all there.
size_t reply_bytes(std::string_view bytes) {
  const size_t end = bytes.find(kEndOfLine);
  if (end == std::string_view::npos) return 0;
  const size_t line = end + kEndOfLine.size();
  if (bytes[0] != '$') return line;
  int64_t length = -1;
  std::from_chars(bytes.data() + 1, bytes.data() + end, length);
  if (length < 0) return line;  // nil
  const size_t all = line + static_cast<size_t>(length) + kEndOfLine.size();
  return bytes.size() < all ? 0 : all;
}

Answer answer_of(std::string_view reply) {
  if (reply.starts_with("$-1")) return Answer::kRefused;
  return reply[0] == '+' || reply[0] == '$' ? Answer::kDone : Answer::kFailed;
}

}  // namespace

void RespSession::create(Caller caller, std::string_view name, std::string_view value,
                         Outbox& out) {
  asked_.push(caller);
  fmt::format_to(std::back_inserter(out),
                 "*4\r\n$3\r\nSET\r\n${}\r\n{}\r\n${}\r\n{}\r\n$2\r\nNX\r\n", name.size(), name,
                 value.size(), value);
}

void RespSession::read(Caller caller, std::string_view name, Outbox& out) {
  asked_.push(caller);
  fmt::format_to(std::back_inserter(out), "*2\r\n$3\r\nGET\r\n${}\r\n{}\r\n", name.size(), name);
}

std::string RespSession::receive(std::string_view bytes, Outbox&, AnswerHandler& handler) {
  unread_.append(bytes);
  std::string_view rest = unread_;
  while (const size_t length = reply_bytes(rest)) {
    if (asked_.empty()) return "a reply that nobody asked for: " + printable(rest);
    const std::string_view reply = rest.substr(0, length);
    handler.on_answer(asked_.pop(), answer_of(reply), reply);
    rest.remove_prefix(length);
  }
  unread_.erase(0, unread_.size() - rest.size());
  return {};
}

}  // namespace once::bench::peers

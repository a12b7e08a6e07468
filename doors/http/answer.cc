#include "doors/http/answer.h"

#include <charconv>

#include "base/hex_digits.h"

namespace once::doors::http {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

void append_number(std::vector<char>& out, uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number);
  append(out, {digits, static_cast<size_t>(end.ptr - digits)});
}

void append_id(std::vector<char>& out, const RequestId& id) {
  for (const uint64_t word : {id.high, id.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) out.push_back(kHexDigits[word >> shift & 15]);
  }
}

void append_field(std::vector<char>& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  append(out, name);
  append(out, value);
  append(out, kLineEnd);
}

// 304 tells of a body that is not sent, 204 has none at all.
bool has_no_body(uint16_t status) { return status == 204 || status == 304; }

void append_state(const Answer& answer, std::vector<char>& out) {
  append(out, "ETag: \"");
  append_number(out, answer.version);
  append(out, "\"\r\nOnce-Writer: ");
  append_id(out, answer.writer);
  append(out, answer.sealed ? "\r\nOnce-Sealed: true\r\n" : "\r\nOnce-Sealed: false\r\n");
}

void append_rest(const Answer& answer, std::vector<char>& out) {
  append_field(out, "Once-Outcome: ", answer.outcome);
  append_field(out, "Once-Refused: ", answer.refusal);
  if (answer.shows_state) append_state(answer, out);
  if (answer.has_request_id) {
    append(out, "Once-Request-Id: ");
    append_id(out, answer.request_id);
    append(out, kLineEnd);
  }
  append_field(out, "Allow: ", answer.allowed);
  if (answer.applied_wait_s != 0) {
    append(out, "Preference-Applied: wait=");
    append_number(out, answer.applied_wait_s);
    append(out, kLineEnd);
  }
  if (answer.try_again) append(out, "Retry-After: 1\r\n");
  if (answer.closing == Closing::kSaysClose) append(out, "Connection: close\r\n");
  if (answer.closing == Closing::kSaysKeepAlive) append(out, "Connection: keep-alive\r\n");
  append(out, "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\r\n");
}

}  // namespace

std::string_view reason_of(uint16_t status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Error";
  }
}

void put_answer(const Answer& answer, std::vector<char>& out) {
  append(out, "HTTP/1.1 ");
  append_number(out, answer.status);
  out.push_back(' ');
  append(out, reason_of(answer.status));
  append(out, kLineEnd);
  if (!has_no_body(answer.status)) {
    append(out, "Content-Type: ");
    append(out, answer.type);
    append(out, "\r\nContent-Length: ");
    append_number(out, answer.body.size());
    append(out, kLineEnd);
  }
  append_rest(answer, out);
  if (!answer.head_only && !has_no_body(answer.status)) append(out, answer.body);
}

}  // namespace once::doors::http

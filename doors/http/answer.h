// One answer of HTTP/1.1 as bytes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace once::doors::http {

inline constexpr std::string_view kOctets = "application/octet-stream";
inline constexpr std::string_view kText = "text/plain; charset=utf-8";
inline constexpr std::string_view kJson = "application/json";
inline constexpr std::string_view kProblem = "application/problem+json";
inline constexpr std::string_view kMetricsText = "text/plain; version=0.0.4; charset=utf-8";

enum class Closing : uint8_t {
  kSaysNothing,    // it goes on, as HTTP/1.1 does
  kSaysKeepAlive,  // it goes on, as who speaks HTTP/1.0 has asked
  kSaysClose,
};

// What is empty, 0 or false is not said. The views must live until put_answer() returns.
struct Answer {
  uint16_t status = 200;
  std::string_view type = kText;  // of the body
  std::string_view body;
  bool head_only = false;  // the length of the body is told, and not the body
  Closing closing = Closing::kSaysNothing;
  std::string_view outcome;  // Once-Outcome
  std::string_view refusal;  // Once-Refused
  bool shows_state = false;  // the next three, as ETag, Once-Writer, Once-Sealed
  uint64_t version = 0;
  bool sealed = false;
  RequestId writer;
  bool has_request_id = false;
  RequestId request_id;  // Once-Request-Id
  std::string_view allowed;
  uint32_t applied_wait_s = 0;
  bool try_again = false;  // Retry-After
};

void put_answer(const Answer& answer, std::vector<char>& out);
inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
std::string_view reason_of(uint16_t status);

inline void append(std::vector<char>& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}

}  // namespace once::doors::http

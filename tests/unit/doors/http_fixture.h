// A door for HTTP over a host that answers when the test says so.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "doors/http/http_door.h"
#include "tests/unit/doors/fake_http_host.h"

namespace once::doors::http {

using paxos::Operation;
using paxos::Status;
using What = Taken::What;

struct HttpDoorTest : testing::Test {
  // As a listener gives them: one command after the other, from where the last one ended.
  Taken give(std::string_view bytes) {
    Taken taken;
    while (!bytes.empty()) {
      taken = door.take(bytes);
      if (taken.what == What::kNothing) return taken;
      bytes.remove_prefix(taken.bytes);
      if (taken.what == What::kLast) break;
    }
    return taken;
  }
  std::string answer_to(const std::string& bytes) {
    give(bytes);
    return host.said();
  }
  int status_of(const std::string& bytes) {
    const std::string text = answer_to(bytes);
    return text.empty() ? 0 : std::stoi(text.substr(9, 3));
  }
  void reply(size_t asked, const paxos::ClientReply& what) {
    door.on_reply(host.asked[asked].ticket, host.asked[asked].request.operation, what);
  }

  FakeHost host;
  HttpDoor door{host};
};

inline std::string request(const std::string& line, const std::string& fields = {},
                           const std::string& body = {}) {
  return line + " HTTP/1.1\r\nHost: localhost:7401\r\n" + fields +
         (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" +
         body;
}
inline size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace once::doors::http

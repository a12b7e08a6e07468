// A door for clients of Redis, and a node that the test answers for.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "doors/resp/door.h"
#include "tests/unit/doors/fake_http_host.h"

namespace once::doors {

using paxos::Operation;
using paxos::Status;

struct RespDoorTest : testing::Test {
  // All of it is taken, as far as it goes.
  Taken take(const std::string& bytes) {
    bytes_.push_back(bytes);
    std::string_view left = bytes_.back();
    Taken taken;
    while (!left.empty()) {
      taken = door.take(left);
      if (taken.what == Taken::What::kNothing) return taken;
      left.remove_prefix(taken.bytes);
      if (taken.what == Taken::What::kLast) return taken;
    }
    return taken;
  }
  // What is said to it at once.
  std::string said(const std::string& line) {
    take(line + "\r\n");
    return host.said();
  }
  void reply(size_t index, Status status, uint64_t version = 0, std::string_view value = {},
             bool sealed = false) {
    const auto& one = host.asked.at(index);
    door.on_reply(one.ticket, one.request.operation, reply_of(status, version, value, sealed));
  }
  // What is said when the one thing that it asks is answered so.
  std::string told(const std::string& line, Status status, uint64_t version = 0,
                   std::string_view value = {}, bool sealed = false) {
    const size_t before = host.asked.size();
    EXPECT_EQ(said(line), "") << line;
    EXPECT_EQ(host.asked.size(), before + 1) << line;
    if (host.asked.size() == before) return "nothing was asked";
    reply(before, status, version, value, sealed);
    EXPECT_EQ(door.unanswered(), 0u);
    EXPECT_EQ(door.kept_bytes(), 0u);
    return host.said();
  }
  const paxos::ClientRequest& last() const { return host.asked.back().request; }
  std::string refused(const std::string& line) {
    const size_t before = host.asked.size();
    const std::string text = said(line);
    EXPECT_EQ(host.asked.size(), before) << line;
    EXPECT_EQ(text.front(), '-') << line;
    return text;
  }

  FakeHost host;
  RespDoor door{host};
  std::deque<std::string> bytes_;
};

}  // namespace once::doors

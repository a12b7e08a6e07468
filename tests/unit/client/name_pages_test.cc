// A page of names, asked for part by part and core by core: what a node may answer, and what not.
#include "client/listing.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "client/socket.h"
#include "tests/unit/client/fake_server.h"

namespace once::client {
namespace name_pages_test {

class ListingTest : public testing::Test {
 protected:
  using Part = std::optional<net::ListReply>;
  // The answers, one after the other; the last one again and again.
  void answers(std::vector<Part> parts) {
    asked_ = 0;
    server_.list = [this, parts](const net::ListRequest& request) {
      last_ = request;
      return parts[std::min<size_t>(asked_++, parts.size() - 1)];
    };
  }
  static net::ListReply part(std::vector<std::string_view> names, uint64_t next,
                             Status status = Status::kDone) {
    net::ListReply reply;
    reply.status = status;
    reply.run = 7;
    for (const std::string_view name : names) reply.page.names.push_back({name, 1, 2, true, true});
    reply.page.next = next;
    return reply;
  }
  NamesPage page(size_t limit = 10, int64_t timeout_ms = 5000) {
    ListOptions options;
    options.limit = limit;
    return ask_names(resolver_, {server_.address()}, {}, options, now_ns() + timeout_ms * kMs,
                     [](const std::string&) {});
  }
  static std::vector<std::string> names_of(const NamesPage& page) {
    std::vector<std::string> names;
    for (const ListedName& one : page.names) names.push_back(one.name);
    return names;
  }
  void expect_unavailable(const NamesPage& page, const std::string& why) {
    EXPECT_EQ(outcome_name(page.outcome), outcome_name(Outcome::kUnavailable));
    EXPECT_NE(page.message.find(why), std::string::npos) << page.message;
  }

  NameResolver resolver_;
  std::atomic<size_t> asked_{0};
  net::ListRequest last_;
  FakeServer server_{[](const auto&, auto&) { return FakeServer::Act::kSilence; }};
};

using Names = std::vector<std::string>;

TEST_F(ListingTest, APageIsMadeOfPartsAndSaysWhereItEnds) {
  answers({part({"a", "b"}, 2), part({"c"}, 3), part({"d"}, 0)});
  const NamesPage all = page();
  EXPECT_EQ(all.outcome, Outcome::kDone) << all.message;
  EXPECT_EQ(names_of(all), (Names{"a", "b", "c", "d"}));
  EXPECT_EQ(all.after, "");
  EXPECT_EQ(last_.query.from, 3u);
  EXPECT_EQ(last_.query.most, 7u) << "the rest of the page";
  EXPECT_EQ(last_.run, 7u);
  answers({part({"a", "b"}, 2)});
  EXPECT_EQ(page(2).after, "1-0-7-2");
}

TEST_F(ListingTest, ANodeThatHasNoTurnIsAskedAgain) {
  answers({part({}, 0, Status::kOverloaded), part({}, 0, Status::kOverloaded), part({"a"}, 0)});
  const NamesPage all = page();
  EXPECT_EQ(all.outcome, Outcome::kDone) << all.message;
  EXPECT_EQ(names_of(all), Names{"a"});
  answers({part({}, 0, Status::kOverloaded)});
  expect_unavailable(page(10, 200), "node 1 (");
}

// Whoever believed it would ask for ever, or hold more than was asked for.
TEST_F(ListingTest, AListThatDoesNotGoOnOrIsTooLongIsNotBelieved) {
  answers({part({"a"}, 5), part({}, 5)});
  expect_unavailable(page(10, 3000), "does not go on");
  answers({part({"a"}, 5), part({}, 4)});
  expect_unavailable(page(10, 3000), "does not go on");
  answers({part({"a", "b", "c"}, 0)});
  expect_unavailable(page(2), "more names than it was asked for");
}

TEST_F(ListingTest, APageThatHasGoneOnWhenItsTimeIsOverIsOne) {
  server_.list = [this](const net::ListRequest&) -> Part {
    if (asked_++ == 0) return part({"a"}, 4);
    std::this_thread::sleep_for(std::chrono::milliseconds(1200));
    return std::nullopt;
  };
  const NamesPage late = page(10, 600);
  EXPECT_EQ(late.outcome, Outcome::kDone) << late.message;
  EXPECT_EQ(names_of(late), Names{"a"});
  EXPECT_EQ(late.after, "1-0-7-4");
}

TEST_F(ListingTest, WhatCameUntilANodeBrokeOffIsToldWithTheReason) {
  answers({part({"a"}, 4), std::nullopt});
  const NamesPage broken = page();
  expect_unavailable(broken, "node 1 (" + server_.address() + "): ");
  EXPECT_EQ(names_of(broken), Names{"a"}) << "what came until then";
  EXPECT_EQ(broken.after, "1-0-7-4");
}

// A name with several addresses may lead elsewhere at each connection.
TEST_F(ListingTest, AnotherNodeBehindTheSameAddressIsNotListed) {
  answers({part({"a"}, 0)});
  std::atomic<int> greeted{0};
  const std::string address = server_.address();
  const auto hello = [&](uint16_t node, uint16_t core, uint16_t cores) {
    return hello_of(node, {address, address}, core, cores);
  };
  net::ServerHello later;
  server_.hello = [&](uint16_t) { return greeted++ == 0 ? hello(1, 0, 2) : later; };
  const auto listed_by = [&](const net::ServerHello& second) {
    greeted = 0;
    later = second;
    NamesPage told = page();
    EXPECT_EQ(names_of(told), Names{}) << "what it tells is not even looked at";
    return told;
  };
  expect_unavailable(listed_by(hello(2, 0, 2)), "another node, or another run");
  expect_unavailable(listed_by(hello(1, 1, 2)), "another node, or another run");
  expect_unavailable(listed_by(hello(1, 0, 3)), "another node, or another run");
  net::ServerHello foreign = hello(1, 0, 2);
  foreign.cluster.low ^= 1;
  expect_unavailable(listed_by(foreign), "another node, or another run");
  server_.hello = [&](uint16_t core) { return hello(1, core == kAnyCore ? 0 : core, 2); };
  const NamesPage all = page();
  EXPECT_EQ(all.outcome, Outcome::kDone) << all.message;
  EXPECT_EQ(names_of(all), (Names{"a", "a"})) << "of both cores";
}

}  // namespace name_pages_test
}  // namespace once::client

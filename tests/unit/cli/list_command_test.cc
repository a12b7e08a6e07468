// `once list`, `once explain` and `once status`: what a node tells, put before people and programs.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>

#include "cli/commands/commands.h"
#include "cli/output.h"
#include "tests/unit/cli/command_fixture.h"

namespace once::client {
namespace list_command_test {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

class ListCommandTest : public CommandTest {
 protected:
  // Names without end, as many at a time as are asked for; or `page` and no more.
  ListCommandTest() {
    server_.list = [this](const net::ListRequest& request) -> std::optional<net::ListReply> {
      net::ListReply reply;
      reply.status = status_;
      reply.run = 1;
      if (!page_.empty()) {
        reply.page.names = page_;
        return reply;
      }
      for (uint32_t i = 0; i < request.query.most; ++i) {
        names_.push_back("name" + std::to_string(request.query.from + i));
        reply.page.names.push_back({names_.back(), 1, 2, true, true});
      }
      reply.page.next = request.query.from + request.query.most;
      return reply;
    };
  }
  Ended list(uint64_t limit, bool json = false, const std::string& prefix = "") {
    Arguments a = arguments(Command::kList, "");
    a.limit = limit;
    a.json = json;
    a.prefix = prefix;
    a.timeout_ms = timeout_ms_;
    return run(list_command, a);
  }
  static size_t count(const std::string& text, const std::string& part) {
    size_t times = 0;
    for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++times;
    return times;
  }

  std::deque<std::string> names_;
  std::vector<paxos::ListedName> page_;
  std::atomic<Status> status_{Status::kDone};
  int64_t timeout_ms_ = 5000;
};

TEST_F(ListCommandTest, ALimitBeyondAPageIsKept) {
  const Ended ended = list(1500);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(count(ended.out, "\n"), 1500u);
  EXPECT_NE(ended.err.find("once: there is more: once list --after 1-0-1-1500\n"),
            std::string::npos)
      << ended.err;
}

TEST_F(ListCommandTest, AsJsonAllPagesAreOneObject) {
  const Ended ended = list(1500, true);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(count(ended.out, "\n"), 1u);
  EXPECT_EQ(count(ended.out, "\"name\":"), 1500u);
  EXPECT_EQ(count(ended.out, "},{"), 1499u);
  EXPECT_TRUE(ended.out.starts_with(R"({"node":1,"names":[{"name":"name0","version":1,)"))
      << ended.out;
  EXPECT_TRUE(ended.out.ends_with(R"(],"after":"1-0-1-1500","outcome":"done"})"
                                  "\n"))
      << ended.out;
  EXPECT_EQ(ended.err, "");
}

// All names of the first page turn out to be empty; there is more behind them.
TEST_F(ListCommandTest, AsJsonAPageWithoutRowsLeavesNoComma) {
  server_.list = [this](const net::ListRequest& request) -> std::optional<net::ListReply> {
    net::ListReply reply;
    reply.run = 1;
    if (request.query.from > 0) {
      reply.page.names = {{"a", 1, 2, true, true}, {"b", 1, 2, true, true}};
      return reply;
    }
    for (uint32_t i = 0; i < request.query.most; ++i) {
      names_.push_back("tried" + std::to_string(i));
      reply.page.names.push_back({names_.back(), 1, 0, true, false});
    }
    reply.page.next = request.query.most;
    return reply;
  };
  const Ended ended = list(0, true);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, R"({"node":1,"names":[)"
                       R"({"name":"a","version":1,"sealed":true,"value_bytes":2,"decided":true},)"
                       R"({"name":"b","version":1,"sealed":true,"value_bytes":2,"decided":true}],)"
                       R"("after":null,"outcome":"done"})"
                       "\n");
}

TEST_F(ListCommandTest, AsJsonAFailureIsAnObjectToo) {
  status_ = Status::kUnavailable;
  const Ended ended = list(10, true);
  EXPECT_EQ(ended.code, exit_code(Outcome::kUnavailable));
  EXPECT_TRUE(ended.out.starts_with(R"({"node":1,"names":[],"after":)")) << ended.out;
  EXPECT_NE(ended.out.find(R"("outcome":"unavailable","message":"node 1)"), std::string::npos)
      << ended.out;
  EXPECT_EQ(list_json_head(NodeId{}), R"({"node":null,"names":[)");
}

TEST_F(ListCommandTest, WhetherANameIsSealedAndDecidedAreTwoThings) {
  EXPECT_EQ(list_json_rows({{"a", 1, 2, true, false}, {"b\xff", 3, 4, false, true}}, false),
            R"({"name":"a","version":1,"sealed":true,"value_bytes":2,"decided":false},)"
            R"({"name_base64":"Yv8=","version":3,"sealed":false,"value_bytes":4,"decided":true})");
}

// What a node has not heard the end of, a majority is asked for.
TEST_F(ListCommandTest, ANameThatWasTriedAndNeverSetIsNotShown) {
  page_ = {{"tried", 1, 0, true, false}, {"begun", 1, 0, true, false}, {"known", 2, 5, true, true}};
  ask("begun", Op::kWrite, "value");
  const Ended ended = list(10);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, "begun\nknown\n");
  EXPECT_EQ(ended.err, "");
  const Ended json = list(10, true);
  EXPECT_NE(json.out.find(R"({"name":"begun","version":1,"sealed":true,"value_bytes":5,)"),
            std::string::npos)
      << json.out;
}

// The page and what is asked about its names have one timeout together.
TEST_F(ListCommandTest, WhatIsAskedBesidesHasTheRestOfTheTime) {
  page_ = {{"begun", 1, 0, true, false}};
  set_trouble([](const auto&, auto&) { return Act::kSilence; });
  const auto told = server_.list;
  server_.list = [&](const net::ListRequest& request) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1600));
    return told(request);
  };
  timeout_ms_ = 2000;
  const auto begun = Clock::now();
  const Ended ended = list(10);
  EXPECT_LT(Clock::now() - begun, std::chrono::milliseconds(3300));
  EXPECT_EQ(ended.out, "begun\n");
  EXPECT_NE(ended.err.find("1 of these may not have been set"), std::string::npos) << ended.err;
}

TEST_F(ListCommandTest, WhereToGoOnCanBeTyped) {
  EXPECT_NE(list(2, false, "-d").err.find("once list --after 1-0-1-2 -- -d\n"), std::string::npos);
  EXPECT_NE(list(2, false, "a b").err.find("once list 'a b' --after 1-0-1-2\n"), std::string::npos);
}

// As somebody types it; `words` behind the endpoints.
tl::expected<Arguments, EarlyExit> typed(std::vector<const char*> words) {
  words.insert(words.begin(), "once");
  words.push_back(nullptr);
  return parse_arguments(static_cast<int>(words.size()) - 1, words.data());
}

TEST_F(ListCommandTest, TheLineToGoOnHasAllThatWasGiven) {
  const std::string at = server_.address();
  auto a = typed({"--endpoints", at.c_str(), "--raw", "--timeout", "4999", "list", "--limit", "2",
                  "-l", "a b", "--after", "1-0-1-7"});
  ASSERT_TRUE(a) << a.error().err;
  const std::string line = "once: there is more: once --endpoints " + at +
                           " --timeout 4999 --raw list 'a b' --limit 2 --long --after 1-0-1-9\n";
  EXPECT_EQ(run(list_command, *a).err, line);
  a = typed({"list", "--limit", "2", "--endpoints", at.c_str(), "--", "-d"});
  ASSERT_TRUE(a) << a.error().err;
  EXPECT_EQ(run(list_command, *a).err, "once: there is more: once --endpoints " + at +
                                           " list --limit 2 --after 1-0-1-2 -- -d\n");
  setenv("ONCE_ENDPOINTS", at.c_str(), 1);
  a = typed({"list", "--limit", "2"});
  unsetenv("ONCE_ENDPOINTS");
  ASSERT_TRUE(a) << a.error().err;
  EXPECT_EQ(run(list_command, *a).err, "once: there is more: once list --limit 2 --after 1-0-1-2\n")
      << "the variable is still there";
}

// Who reads lines would ask for two names that do not exist, and lose the one that does.
TEST_F(ListCommandTest, ANameWithALineBreakIsSaidAndCanBeKeptWhole) {
  page_ = {{"a\nb", 1, 2, true, true}, {"c\nd", 1, 2, true, true}, {"e", 1, 2, false, true}};
  const std::string at = server_.address();
  auto a = typed({"--endpoints", at.c_str(), "list", "--limit", "0"});
  ASSERT_TRUE(a) << a.error().err;
  Ended ended = run(list_command, *a);
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.out, "a\nb\nc\nd\ne\n") << "nothing is refused";
  EXPECT_EQ(ended.err,
            "once: a name has a line break in it, and looks like two: once --endpoints " + at +
                " list --limit 0 --null\n");
  for (const char* option : {"-0", "--null"}) {
    a = typed({"--endpoints", at.c_str(), "list", option});
    ASSERT_TRUE(a) << a.error().err;
    ended = run(list_command, *a);
    EXPECT_EQ(ended.out, std::string("a\nb\0c\nd\0e\0", 10));
    EXPECT_EQ(ended.err, "");
  }
  page_ = {{std::string_view("a\0b", 3), 1, 2, true, true}};
  EXPECT_NE(run(list_command, *a).err.find("only --json"), std::string::npos);
  a = typed({"--json", "list", "-0"});
  ASSERT_FALSE(a);
  EXPECT_NE(a.error().err.find("--null"), std::string::npos) << a.error().err;
}

TEST_F(ListCommandTest, NodesOfAnotherClusterAreNotAskedToExplain) {
  Arguments a = arguments(Command::kExplain, "x");
  EXPECT_EQ(run(explain_command, a).code, exit_code(Outcome::kEmpty));
  a.cluster_id = "1234";
  const Ended ended = run(explain_command, a);
  EXPECT_EQ(ended.code, exit_code(Outcome::kError)) << ended.out << ended.err;
  EXPECT_NE(ended.err.find("expected"), std::string::npos) << ended.err;
}

TEST_F(ListCommandTest, StatusWaitsForAsLongAsItIsTold) {
  const LoopbackListener silent;
  Arguments a = arguments(Command::kStatus, "");
  a.endpoints = {silent.address()};
  a.timeout_given = true;
  a.timeout_ms = 100;
  const auto begun = Clock::now();
  EXPECT_EQ(run(status_command, a).code, exit_code(Outcome::kUnavailable));
  EXPECT_LT(Clock::now() - begun, std::chrono::milliseconds(1800)) << "2 s, if nothing is said";
}

TEST_F(ListCommandTest, StatusShowsChangesASecond) {
  std::atomic<uint64_t> changes{0};
  server_.counters = [&] {
    return std::vector<std::pair<std::string, uint64_t>>{{"changes", changes.fetch_add(1000)}};
  };
  Arguments a = arguments(Command::kStatus, "");
  a.watch_s = 1;
  a.count = 2;
  const auto begun = Clock::now();
  const Ended ended = run(status_command, a);
  EXPECT_GE(Clock::now() - begun, seconds(1));
  std::istringstream words(ended.out.substr(ended.out.rfind(server_.address())));
  std::string address, state, names;
  double rate = 0;
  words >> address >> state >> names >> rate;
  EXPECT_GT(rate, 10) << ended.out;
  EXPECT_LE(rate, 1000) << ended.out;
}

}  // namespace list_command_test
}  // namespace once::client

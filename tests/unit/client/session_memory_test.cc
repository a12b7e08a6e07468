// What a session remembers of the past, and what it must forget: each operation, each connection
// begins anew.
#include <gtest/gtest.h>

#include "tests/unit/client/session_fixture.h"

namespace once::client {
namespace session_memory_test {

class SessionMemoryTest : public SessionTest {
 protected:
  PathId path_to(const std::string& address) const {
    for (const auto& [path, at] : where) {
      if (at == address) return path;
    }
    return kNoPath;
  }
  bool connects_to(const std::string& address) const {
    return std::any_of(connects.begin(), connects.end(),
                       [&](const auto& one) { return std::get<1>(one) == address; });
  }
};

// It takes the place of one that had to be asked for again and again.
TEST_F(SessionMemoryTest, AnOperationBeginsWithAShortPause) {
  establish();
  submit(Op::kRead, "x", 5000);
  for (size_t answered = 0; answered < 12; ++answered) {
    while (sent.size() <= answered) run_until(session->next_wake_ns());
    reply(answered, Status::kUnavailable);
  }
  while (sent.size() <= 12) run_until(session->next_wake_ns());
  reply(12, Status::kEmpty);
  ASSERT_EQ(results.size(), 1u);
  sent.clear();
  submit(Op::kRead, "y", 5000);
  ASSERT_EQ(sent.size(), 1u);
  reply(0, Status::kUnavailable);
  run_until(now + 4 * kFirstBackoffNs);
  EXPECT_EQ(sent.size(), 2u);
}

TEST_F(SessionMemoryTest, AnOperationDoesNotEndWithTheTroubleOfAnother) {
  establish();
  submit(Op::kRead, "x", 5000);
  reply(0, Status::kOverloaded);
  while (sent.size() < 2) run_until(session->next_wake_ns());
  reply(1, Status::kEmpty);
  ASSERT_EQ(results.size(), 1u);
  results.clear();
  sent.clear();
  submit(Op::kRead, "y", 300);
  ASSERT_FALSE(sent.empty());
  run_until(now + 300 * kMs);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kUnavailable);
  EXPECT_EQ(results[0].message.find("overloaded"), std::string::npos) << results[0].message;
}

// A third of what is left: with a whole half second it would be over before anybody else is asked.
TEST_F(SessionMemoryTest, WhoHasLittleTimeAsksTheNextNodeSooner) {
  establish();
  submit(Op::kRead, "x", 600);
  run_until(now + 190 * kMs);
  EXPECT_EQ(sent.size(), 1u);
  run_until(now + 20 * kMs);
  EXPECT_EQ(sent.size(), 2u);
}

TEST_F(SessionMemoryTest, AConnectionThatCameUpIsTriedAgainSoon) {
  establish();
  const PathId c = path_to("c:1");
  for (int i = 0; i < 10; ++i) session->on_closed(c, "refused", now);
  session->on_ready(c, hello_of(3, addresses), now);
  session->on_closed(c, "reset", now);
  connects.clear();
  now += 4 * kFirstBackoffNs;
  submit(Op::kRead, name_homed_at(2, 3));
  EXPECT_TRUE(connects_to("c:1"));
}

// A node may not have heard from a peer since its start.
TEST_F(SessionMemoryTest, AMapWithoutAnAddressTakesNoneAway) {
  establish();
  const PathId b = path_to("b:1");
  session->on_closed(path_to("c:1"), "reset", now);
  session->on_closed(b, "reset", now);
  session->on_ready(b, hello_of(2, {"a:1", "b:1", ""}), now);
  connects.clear();
  now += kSecond;
  submit(Op::kRead, name_homed_at(2, 3));
  EXPECT_TRUE(connects_to("c:1"));
}

}  // namespace session_memory_test
}  // namespace once::client

// The mail of a core, among two: what was asked, answered and forgotten arrives, and a full box
// loses nothing that must arrive.
#include "server/core_mail.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/limits.h"

namespace once::server {
namespace core_mail_test {

constexpr CoreId kA{0}, kB{1};

struct Noted final : CoreMail::Reader {
  bool on_mailed_request(CoreId from, const paxos::ClientRequest& request) override {
    EXPECT_EQ(from, kA);
    asked.push_back(request);  // its views live until end_of_step()
    return true;
  }
  void on_mailed_reply(const paxos::ClientReply& reply) override {
    answers.push_back(std::to_string(reply.token) + std::string(reply.state.value));
    statuses.push_back(reply.status);
  }
  void on_mailed_forget(CoreId, const std::vector<uint64_t>& tokens) override {
    forgotten = tokens;
  }
  void on_mailed_client(std::unique_ptr<reactor::Handoff>) override { ++clients; }
  void on_mailed_peer(std::unique_ptr<reactor::Handoff>) override { ++peers; }

  std::vector<paxos::ClientRequest> asked;
  std::vector<std::string> answers;
  std::vector<paxos::Status> statuses;
  std::vector<uint64_t> forgotten;
  int clients = 0, peers = 0;
};

struct EmptyHandoff final : reactor::Handoff {};

class CoreMailTest : public testing::Test {
 protected:
  static paxos::ClientRequest request(std::string_view name, std::string_view value) {
    paxos::ClientRequest asked;
    asked.name = name;
    asked.value = value;
    return asked;
  }
  PostOffice office_{2};
  CoreMail a_{kA, &office_};
  CoreMail b_{kB, &office_};
  Noted at_a_, at_b_;
};

TEST_F(CoreMailTest, ARequestOwnsItsBytesUntilTheStepHasEnded) {
  {
    const std::string name = "name", value = "value";
    ASSERT_TRUE(a_.request(kB, 7, request(name, value)));
  }
  b_.read_all(at_b_);
  ASSERT_EQ(at_b_.asked.size(), 1u);
  EXPECT_EQ(at_b_.asked[0].name, "name");
  EXPECT_EQ(at_b_.asked[0].value, "value");
  EXPECT_EQ(at_b_.asked[0].token, 7u);
  b_.end_of_step();
}

TEST_F(CoreMailTest, AnswersThatFindTheBoxFullAreSentLater) {
  paxos::ClientReply reply;
  reply.state.value = "v";
  for (uint64_t token = 0; token < kMailboxLetters + 2; ++token) {
    b_.reply(kA, token, paxos::Operation::kRead, reply);
  }
  a_.read_all(at_a_);
  EXPECT_EQ(at_a_.answers.size(), kMailboxLetters);
  b_.post_late();
  a_.read_all(at_a_);
  ASSERT_EQ(at_a_.answers.size(), kMailboxLetters + 2);
  EXPECT_EQ(at_a_.answers.back(), std::to_string(kMailboxLetters + 1) + "v");
  b_.post_late();
  a_.read_all(at_a_);
  EXPECT_EQ(at_a_.answers.size(), kMailboxLetters + 2) << "once each";
}

// What changed something, or may have, is told whatever it takes.
TEST_F(CoreMailTest, TooManyValuesThatWaitForAFullBoxAreAnsweredOverloaded) {
  using enum paxos::Operation;
  using enum paxos::Status;
  const std::string value(kMaxValueBytes, 'v');
  const auto reply = [&](uint64_t token, paxos::Operation operation, paxos::Status status) {
    b_.reply(kA, token, operation, {token, status, {3, true, {}, value}});
  };
  const size_t many = (kMostMailBytes + kMostLateBytes) / kMaxValueBytes;
  for (uint64_t token = 0; token < many; ++token) reply(token, kRead, kDone);
  EXPECT_GT(b_.waiting_bytes(), kMostMailBytes + kMostLateBytes - 2 * 1024 * 1024);
  const size_t before = b_.waiting_bytes();
  reply(many, kWait, kDone);
  reply(many + 1, kWrite, kAlreadySet);
  reply(many + 2, kCas, kConflict);
  EXPECT_LT(b_.waiting_bytes(), before + 3 * 1024);
  reply(many + 3, kWrite, kDone);
  reply(many + 4, kSet, kUnknown);
  for (int i = 0; i < 3; ++i) {
    a_.read_all(at_a_);
    b_.post_late();
  }
  EXPECT_EQ(b_.waiting_bytes(), 0u);
  ASSERT_EQ(at_a_.answers.size(), many + 5) << "each has its answer";
  const std::vector<paxos::Status> last(at_a_.statuses.end() - 5, at_a_.statuses.end());
  EXPECT_EQ(last, (std::vector{kOverloaded, kOverloaded, kOverloaded, kDone, kUnknown}));
  EXPECT_EQ(at_a_.answers[many], std::to_string(many)) << "without its value";
  EXPECT_EQ(at_a_.answers[many + 3], std::to_string(many + 3) + value);
  EXPECT_EQ(at_a_.statuses.front(), kDone);
}

TEST_F(CoreMailTest, ARequestThatFindsTheBoxFullWasNotSent) {
  for (size_t i = 0; i < kMailboxLetters; ++i) ASSERT_TRUE(a_.request(kB, i, request("n", "")));
  EXPECT_FALSE(a_.request(kB, 99, request("n", "")));
  b_.read_all(at_b_);
  EXPECT_EQ(at_b_.asked.size(), kMailboxLetters);
}

TEST_F(CoreMailTest, HandsConnectionsAndTokensOver) {
  a_.forget({3, 5});
  a_.hand_over_client(kB, std::make_unique<EmptyHandoff>());
  a_.hand_over_peer(kB, std::make_unique<EmptyHandoff>());
  a_.hand_over_peer(kA, std::make_unique<EmptyHandoff>());         // to itself: dropped
  a_.hand_over_peer(CoreId{2}, std::make_unique<EmptyHandoff>());  // no such core: dropped
  b_.read_all(at_b_);
  EXPECT_EQ(at_b_.forgotten, (std::vector<uint64_t>{3, 5}));
  EXPECT_EQ(at_b_.clients, 1);
  EXPECT_EQ(at_b_.peers, 1);
}

TEST_F(CoreMailTest, ACoreAloneHasNobodyToWriteTo) {
  CoreMail alone(kA, nullptr);
  EXPECT_FALSE(alone.has_others());
  alone.forget({1});
  alone.hand_over_client(kB, std::make_unique<EmptyHandoff>());
  alone.read_all(at_a_);
  alone.end_of_round();
  EXPECT_EQ(at_a_.clients, 0);
}

}  // namespace core_mail_test
}  // namespace once::server

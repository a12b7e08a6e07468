// One node, asked one thing after another: whatever the pieces in which its bytes come, only the
// answer that was asked for is taken, and nothing is waited for beyond the deadline.
#include "client/conversation.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/monotonic.h"
#include "tests/unit/client/loopback_listener.h"

namespace once::client {
namespace conversation_test {

using Bytes = std::vector<char>;
constexpr int64_t kSecond = 1'000'000'000;

std::string text(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

std::string hello(uint64_t cluster = 7) {
  net::ServerHello greeting;
  greeting.cluster.low = cluster;
  greeting.node = NodeId{3};
  Bytes out;
  net::encode_server_hello(greeting, out);
  return text(out);
}
std::string told(std::string_view what, uint64_t correlation = Conversation::kCorrelation) {
  paxos::ClientReply reply;
  reply.state.version = 1;
  reply.state.value = what;
  Bytes out;
  net::encode_reply(correlation, reply, out);
  return text(out);
}
std::string status() {
  Bytes out;
  net::encode_status_request(Conversation::kCorrelation, out);
  return text(out);
}

// Says these pieces to whoever comes, one after another, and then nothing, or good-bye.
class Speaker {
 public:
  explicit Speaker(std::vector<std::string> pieces, bool closes = false)
      : pieces_(std::move(pieces)), closes_(closes) {
    thread_ = std::thread([this] { speak(); });
  }
  ~Speaker() {
    listener_.stop();
    thread_.join();
  }
  const std::string& address() const { return listener_.address(); }

 private:
  void speak() {
    const Descriptor one(accept(listener_.fd(), nullptr, nullptr));
    if (!one) return;
    const int on = 1;
    setsockopt(one.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (const std::string& piece : pieces_) {
      (void)send(one.get(), piece.data(), piece.size(), MSG_NOSIGNAL);
      if (pieces_.size() > 1) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (closes_) shutdown(one.get(), SHUT_WR);
    char heard[4096];
    while (recv(one.get(), heard, sizeof heard, 0) > 0) {
    }
  }
  const std::vector<std::string> pieces_;
  const bool closes_;
  const LoopbackListener listener_;
  std::thread thread_;
};

struct ConversationTest : testing::Test {
  once::Result<Conversation> open(const Speaker& speaker, int64_t patience_ns = 10 * kSecond) {
    return Conversation::open(names, speaker.address(), expected, net::kAnyCore,
                              now_ns() + patience_ns, &wrong);
  }
  // What it answers, or the error.
  static std::string answer(Conversation& node, int64_t patience_ns = 10 * kSecond) {
    Bytes question;
    net::encode_status_request(Conversation::kCorrelation, question);
    const auto body = node.ask(question, net::FrameType::kReply, now_ns() + patience_ns);
    if (!body) return "error: " + body.error().message;
    const auto reply = net::decode_reply(*body);
    return reply ? std::string(reply->state.value) : "no reply";
  }

  NameResolver names;
  std::optional<ClusterId> expected;
  Conversation::Wrong wrong = Conversation::Wrong::kNothing;
};

TEST_F(ConversationTest, WhatItDidNotAskForIsPassedOver) {
  const Speaker speaker({hello() + told("before any question", 0) + status() +
                         told("an older question's", Conversation::kCorrelation + 1) +
                         told("the first", Conversation::kCorrelation) + told("the second")});
  auto node = open(speaker);
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(node->hello().node, NodeId{3});
  EXPECT_EQ(answer(*node), "the first");
  EXPECT_EQ(answer(*node), "the second") << "it was there already";
}

TEST_F(ConversationTest, TheBytesComeInWhateverPieces) {
  const std::string all = hello() + told(std::string(300, 'x')) + told("y");
  std::vector<std::string> one_by_one;
  for (const char byte : all) one_by_one.emplace_back(1, byte);
  const Speaker speaker(one_by_one);
  auto node = open(speaker);
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(answer(*node), std::string(300, 'x'));
  EXPECT_EQ(answer(*node), "y");
}

TEST_F(ConversationTest, ALargeAnswerIsTakenWhole) {
  const std::string large(65'536, 'z');
  const Speaker speaker({hello() + told(large) + told(large) + told("end")});
  auto node = open(speaker);
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(answer(*node), large);
  EXPECT_EQ(answer(*node), large);
  EXPECT_EQ(answer(*node), "end");
}

TEST_F(ConversationTest, AnErrorOfTheNodeIsSaidInWordsThatHarmNoTerminal) {
  Bytes out;
  net::encode_error(net::kNothingTaken, "go \x1b[31maway" + std::string(1000, '!'), out);
  const Speaker speaker({hello() + text(out)});
  auto node = open(speaker);
  ASSERT_TRUE(node) << node.error().message;
  const std::string said = answer(*node);
  EXPECT_EQ(said.find("error: the node says: go "), 0u) << said;
  EXPECT_EQ(said.find('\x1b'), std::string::npos);
  EXPECT_LT(said.size(), 500u);
}

TEST_F(ConversationTest, WhoIsNoNodeIsSaidToBeNone) {
  const std::pair<std::string, const char*> strangers[] = {
      {"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP server"},
      {"HTTP/1.1 400 Bad Request\r\n\r\n", "--admin"},
      {"SSH-2.0-OpenSSH_9.2\r\n", "SSH server"},
      {"-ERR unknown command\r\n", "Redis protocol"},
      {"+OK\r\n", "Redis protocol"},
      {"$-1\r\n", "Redis protocol"},
      {std::string(64, '\xff'), "not a node"}};
  for (const auto& [said, word] : strangers) {
    const Speaker speaker({said});
    const auto node = open(speaker);
    ASSERT_FALSE(node);
    EXPECT_NE(node.error().message.find(word), std::string::npos) << node.error().message;
    EXPECT_EQ(wrong, Conversation::Wrong::kNoNode);
  }
  // After its hello it is a node, whatever it breaks.
  const Speaker broken({hello() + std::string(64, '\xff')});
  auto node = open(broken);
  ASSERT_TRUE(node);
  EXPECT_EQ(wrong, Conversation::Wrong::kNothing);
  EXPECT_EQ(answer(*node).find("error: "), 0u);
}

TEST_F(ConversationTest, ANodeOfAnotherClusterIsNotAsked) {
  expected = ClusterId{};
  expected->low = 8;
  const Speaker speaker({hello(7)});
  const auto node = open(speaker);
  ASSERT_FALSE(node);
  EXPECT_EQ(wrong, Conversation::Wrong::kOtherCluster);
  expected->low = 7;
  const Speaker right({hello(7)});
  EXPECT_TRUE(open(right));
}

TEST_F(ConversationTest, SilenceAndTheEndAreTold) {
  const Speaker silent({hello()});
  auto node = open(silent);
  ASSERT_TRUE(node);
  const int64_t begun_ns = now_ns();
  EXPECT_EQ(answer(*node, kSecond / 10).find("error: "), 0u);
  EXPECT_GE(now_ns() - begun_ns, kSecond / 10);

  const Speaker mute({hello().substr(0, 20)});
  EXPECT_EQ(open(mute, kSecond / 10).error().message, "no answer in time");

  // What waits for a line of its own protocol says nothing.
  const Speaker other({});
  const std::string ignored = open(other, kSecond / 10).error().message;
  EXPECT_NE(ignored.find("something listens there but does not speak once's protocol"),
            std::string::npos)
      << ignored;
  EXPECT_NE(ignored.find("--admin"), std::string::npos) << ignored;
  EXPECT_EQ(wrong, Conversation::Wrong::kNothing) << "it may be a node that hangs";
  const Speaker leaving({}, true);
  const std::string left = open(leaving).error().message;
  EXPECT_NE(left.find("closed the connection without a word"), std::string::npos) << left;

  const Speaker closing({hello() + told("last").substr(0, 20)}, true);
  auto ended = open(closing);
  ASSERT_TRUE(ended);
  EXPECT_EQ(answer(*ended), "error: the node closed the connection");
}

}  // namespace conversation_test
}  // namespace once::client

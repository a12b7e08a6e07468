#include "net/client_channel.h"

#include <gtest/gtest.h>

#include <functional>

namespace once::net {
namespace client_channel_test {

struct Recorder final : ClientChannelHandler {
  void on_hello(const ServerHello& hello) override { node = hello.node; }
  void on_reply(uint64_t correlation, const paxos::ClientReply& reply) override {
    correlations.push_back(correlation);
    values.emplace_back(reply.state.value);
    if (after_reply) after_reply();
  }
  void on_dismissed() override { ++dismissals; }
  NodeId node;
  int dismissals = 0;
  std::vector<uint64_t> correlations;
  std::vector<std::string> values;
  std::function<void()> after_reply;
};

std::string hello_bytes() {
  ServerHello hello;
  hello.node = NodeId{2};
  hello.shard_count = 64;
  hello.members.push_back({NodeId{2}, 1, "127.0.0.1:7402"});
  std::vector<char> out;
  encode_server_hello(hello, out);
  return {out.begin(), out.end()};
}

std::string reply_bytes(uint64_t correlation, std::string_view value) {
  paxos::ClientReply reply;
  reply.state.version = 1;
  reply.state.value = value;
  std::vector<char> out;
  encode_reply(correlation, reply, out);
  return {out.begin(), out.end()};
}

struct ClientChannelTest : ::testing::Test {
  ClientChannelTest() { channel.open({}, sent); }
  std::vector<char> sent;
  ClientChannel channel;
  Recorder seen;
};

TEST_F(ClientChannelTest, PiecesOfAnySizeGiveTheSameFrames) {
  const std::string bytes = hello_bytes() + reply_bytes(7, "seven") + reply_bytes(8, "");
  for (size_t piece = 1; piece < bytes.size(); ++piece) {
    sent.clear();
    channel.open({}, sent);
    seen = {};
    for (size_t at = 0; at < bytes.size(); at += piece) {
      ASSERT_EQ(channel.feed(std::string_view(bytes).substr(at, piece), seen), "");
    }
    ASSERT_EQ(seen.node, NodeId{2});
    ASSERT_EQ(seen.correlations, (std::vector<uint64_t>{7, 8}));
    ASSERT_EQ(seen.values, (std::vector<std::string>{"seven", ""}));
  }
}

TEST_F(ClientChannelTest, AReplyBeforeTheHelloIsOutOfPlace) {
  EXPECT_EQ(channel.feed(reply_bytes(1, "x"), seen), "the node sent a frame out of place");
  EXPECT_TRUE(seen.correlations.empty());
}

TEST_F(ClientChannelTest, TheNodesErrorIsTold) {
  std::vector<char> out;
  encode_error(0, "go away", out);
  EXPECT_EQ(channel.feed({out.data(), out.size()}, seen), "the node says: go away");
}

TEST_F(ClientChannelTest, NothingFollowsACloseFromACallback) {
  seen.after_reply = [this] { channel.close(); };
  EXPECT_EQ(channel.feed(hello_bytes() + reply_bytes(1, "a") + reply_bytes(2, "b"), seen), "");
  EXPECT_EQ(seen.correlations, (std::vector<uint64_t>{1}));
  EXPECT_FALSE(channel.ready());
}

TEST_F(ClientChannelTest, BytesForAnEarlierConnectionDieWithIt) {
  seen.after_reply = [this] { channel.open({}, sent); };
  const std::string half = reply_bytes(2, "b").substr(0, 9);
  EXPECT_EQ(channel.feed(hello_bytes() + reply_bytes(1, "a") + half, seen), "");
  seen.after_reply = nullptr;
  EXPECT_EQ(channel.feed(hello_bytes() + reply_bytes(3, "c"), seen), "");
  EXPECT_EQ(seen.correlations, (std::vector<uint64_t>{1, 3}));
}

TEST(ClientChannel, TellsAGoodbyeThatTookNothingFromOthers) {
  for (const uint64_t correlation : {uint64_t{0}, uint64_t{7}, kNothingTaken}) {
    ClientChannel channel;
    Recorder recorder;
    std::vector<char> out;
    channel.open({}, out);
    std::vector<char> error;
    encode_error(correlation, "full", error);
    const std::string why =
        channel.feed(hello_bytes() + std::string(error.begin(), error.end()), recorder);
    EXPECT_EQ(why, "the node says: full");
    EXPECT_EQ(recorder.dismissals, correlation == kNothingTaken ? 1 : 0);
  }
}

// Each with the first bytes that it really sends.
TEST(ClientChannelStrangers, WhoIsNoNodeIsToldFromANodeThatBreaksTheProtocol) {
  const std::string peer_port("\x41\0\0\0\x3e\r\x13\x9a\x4c\xa5\xf3\x3eONCEPEER\x02\0\x02\0", 24);
  for (const auto& [bytes, words] :
       {std::pair{peer_port, "a port between nodes"},
        std::pair{std::string("HTTP/1.1 400 Bad Request\r\n"), "HTTP"},
        std::pair{std::string("SSH-2.0-OpenSSH_9.2p1\r\n"), "SSH"},
        std::pair{std::string("\x15\x03\x03\0\x02\x02\x32", 7), "TLS"},
        std::pair{std::string("220 mail.example.org\r\n"), "not a node"},
        std::pair{std::string("-ERR unknown command\r\n"), "not a node"}}) {
    ClientChannel channel;
    Recorder recorder;
    std::vector<char> out;
    channel.open({}, out);
    EXPECT_FALSE(channel.stranger());
    const std::string why = channel.feed(bytes, recorder);
    EXPECT_NE(why.find(words), std::string::npos) << why;
    EXPECT_TRUE(channel.stranger());
    channel.open({}, out);
    EXPECT_FALSE(channel.stranger()) << "it is not held against the next one";
    EXPECT_EQ(channel.feed(hello_bytes(), recorder), "");
    EXPECT_NE(channel.feed(bytes, recorder), "");
    EXPECT_FALSE(channel.stranger()) << "it has said hello: a node, and broken";
  }
}

}  // namespace client_channel_test
}  // namespace once::net

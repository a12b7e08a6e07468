// The listener of --admin: a few connections that may ask for what the node says of itself.
#include "server/admin_listener.h"

#include <gtest/gtest.h>

#include "net/client_codec.h"
#include "tests/unit/net/fake_net_io.h"
#include "tests/unit/net/line_door.h"

namespace once::server {
namespace admin_listener_test {

using once::test::Pipe;

class AdminListenerTest : public testing::Test {
 protected:
  std::shared_ptr<Pipe> connect() {
    auto pipe = std::make_shared<Pipe>();
    io_.accept_stream(pipe, 1, &listener_);
    return pipe;
  }
  std::string say(Pipe& pipe, const std::string& bytes) {
    pipe.to[1] += bytes;
    io_.round();
    return std::exchange(pipe.to[0], {});
  }
  void tick(int64_t ns) {
    network_.now_ns += ns;
    listener_.on_tick(network_.now_ns);
    io_.round();
  }

  once::test::FakeNetwork network_;
  once::test::FakeIo io_{network_};
  const once::test::NoNode node_;
  AdminListener listener_{io_, node_, [](doors::DoorHost& host) {
                            return std::make_unique<once::test::LineDoor>(host);
                          }};
};

TEST_F(AdminListenerTest, AnswersWholeCommandsHoweverTheyCome) {
  const auto pipe = connect();
  EXPECT_EQ(say(*pipe, "p\np\np"), "pong\npong\n");
  EXPECT_EQ(say(*pipe, "\n"), "pong\n");
}

// The door waits for the end of a line, and whoever sent no text would wait for an answer to it.
TEST_F(AdminListenerTest, TellsAtOnceWhoSendsNoText) {
  std::vector<char> hello;
  net::encode_client_hello({}, hello);
  for (const std::string& bytes :
       {std::string(hello.begin(), hello.end()), std::string(hello.begin(), hello.begin() + 4),
        std::string("\x16\x03\x01\x02", 4)}) {
    const auto pipe = connect();
    const std::string told = say(*pipe, bytes);
    EXPECT_TRUE(told.starts_with("HTTP/1.1 400 ")) << told;
    EXPECT_NE(told.find("clients dial that of --listen"), std::string::npos) << told;
    const size_t body = told.find("\r\n\r\n") + 4;
    EXPECT_NE(told.find("Content-Length: " + std::to_string(told.size() - body) + "\r\n"),
              std::string::npos);
    EXPECT_TRUE(pipe->closed[1]);
    tick(1);
  }
  const auto pipe = connect();
  EXPECT_EQ(say(*pipe, "p\r\tp"), "") << "text goes to the door";
  EXPECT_TRUE(say(*pipe, "\np\n").ends_with("pong\n"));
  EXPECT_FALSE(pipe->closed[1]);
}

TEST_F(AdminListenerTest, TakesNothingBehindTheLastCommandAndCloses) {
  const auto pipe = connect();
  EXPECT_EQ(say(*pipe, "x\np\n"), "bye\n");
  EXPECT_TRUE(pipe->closed[1]);
  tick(1);
  EXPECT_EQ(listener_.connections(), 0u);
}

TEST_F(AdminListenerTest, AnswersWhatCameBeforeTheEndOfInput) {
  const auto pipe = connect();
  pipe->silent[0] = true;
  EXPECT_EQ(say(*pipe, "p\n"), "pong\n");
  io_.round();
  EXPECT_TRUE(pipe->closed[1]);
}

TEST_F(AdminListenerTest, AnswersWhatCameBeforeTheEndOfInputAlsoWhenItWaitsForItsReader) {
  const auto pipe = connect();
  io_.pretend_unsent = AdminListener::kMostUnsent + 1;
  say(*pipe, "p\np\nhalf a line");
  pipe->silent[0] = true;
  io_.round();
  tick(1);
  EXPECT_FALSE(pipe->closed[1]);
  io_.pretend_unsent = 0;
  tick(1);
  EXPECT_EQ(pipe->to[0], "pong\npong\n");
  EXPECT_TRUE(pipe->closed[1]);
  const auto late = connect();
  EXPECT_EQ(say(*late, "p\n"), "pong\n");
  io_.pretend_unsent = AdminListener::kMostUnsent + 1;
  late->silent[0] = true;
  io_.round();
  io_.pretend_unsent = 0;
  tick(1);
  EXPECT_TRUE(late->closed[1]) << "nothing is left to be answered";
}

// Who reads none of it has the time of a request.
TEST_F(AdminListenerTest, WaitsForNobodyForEver) {
  const auto pipe = connect();
  io_.pretend_unsent = AdminListener::kMostUnsent + 1;
  say(*pipe, "p\n");
  pipe->silent[0] = true;
  io_.round();
  tick(AdminListener::kPatienceNs - 1);
  EXPECT_FALSE(pipe->closed[1]);
  tick(1);
  EXPECT_TRUE(pipe->closed[1]);
}

TEST_F(AdminListenerTest, RefusesWhatADoorAsksOfTheNode) {
  const auto pipe = connect();
  EXPECT_EQ(say(*pipe, "r name\np\n"), "");
  tick(1);
  EXPECT_EQ(std::exchange(pipe->to[0], {}),
            std::to_string(static_cast<int>(paxos::Status::kUnavailable)) + "\npong\n");
  EXPECT_EQ(say(*pipe, "r name\nx\n"), "");
  EXPECT_FALSE(pipe->closed[1]) << "an answer is due";
  tick(1);
  tick(1);
  EXPECT_TRUE(pipe->closed[1]);
}

TEST_F(AdminListenerTest, GivesTheLongestSilentPlaceToANewcomer) {
  std::vector<std::shared_ptr<Pipe>> pipes;
  for (size_t i = 0; i < AdminListener::kMostConnections; ++i) {
    tick(1'000'000);
    pipes.push_back(connect());
  }
  tick(1'000'000);
  say(*pipes[0], "p\n");
  const auto newcomer = connect();
  EXPECT_EQ(say(*newcomer, "p\n"), "pong\n");
  EXPECT_FALSE(pipes[0]->closed[1]) << "it has just spoken";
  EXPECT_TRUE(pipes[1]->closed[1]);
  for (size_t i = 2; i < pipes.size(); ++i) EXPECT_FALSE(pipes[i]->closed[1]);
  tick(1'000'000);
  EXPECT_EQ(listener_.connections(), AdminListener::kMostConnections);
}

TEST_F(AdminListenerTest, HasNoMoreThanTwiceAsManyWhileOthersClose) {
  std::vector<std::shared_ptr<Pipe>> pipes;
  for (size_t i = 0; i < 3 * AdminListener::kMostConnections; ++i) pipes.push_back(connect());
  EXPECT_EQ(listener_.connections(), 2 * AdminListener::kMostConnections);
}

// A word would be taken for the answer to what a monitor asks at that moment. And those that ask
// every 10 s, or every minute, do not lose their connection each time.
TEST_F(AdminListenerTest, ClosesWhoAsksNothingForLongWithoutAWord) {
  const auto silent = connect();
  const auto served = connect();
  EXPECT_EQ(say(*served, "p\n"), "pong\n");
  for (const int64_t every : {10, 15, 30, 60}) {
    tick(every * 1'000'000'000);
    EXPECT_EQ(say(*served, "p\n"), "pong\n") << every;
  }
  EXPECT_TRUE(silent->closed[1]);
  EXPECT_EQ(silent->to[0], "");
  tick(AdminListener::kIdleNs - 1);
  EXPECT_FALSE(served->closed[1]);
  tick(1);
  EXPECT_TRUE(served->closed[1]);
  EXPECT_EQ(served->to[0], "");
  EXPECT_GT(AdminListener::kIdleNs, 60'000'000'000);
}

TEST_F(AdminListenerTest, TellsWhoStopsWithinARequest) {
  const auto half = connect();
  say(*half, "half of a line");
  tick(AdminListener::kPatienceNs - 1);
  EXPECT_FALSE(half->closed[1]);
  tick(1);
  EXPECT_TRUE(half->closed[1]);
  EXPECT_EQ(half->to[0], "slow\n");
}

// Those that are closed keep their descriptors a little longer for that, so not all of them.
TEST_F(AdminListenerTest, HearsOutHalfOfThoseThatItCloses) {
  std::vector<std::shared_ptr<Pipe>> pipes;
  for (size_t i = 0; i < AdminListener::kMostConnections; ++i) pipes.push_back(connect());
  for (auto& pipe : pipes) pipe->to[1] = "x\n";
  io_.round();
  for (auto& pipe : pipes) EXPECT_EQ(pipe->to[0], "bye\n");
  EXPECT_EQ(io_.gentle_closes, 8u);
}

TEST_F(AdminListenerTest, TakesNoMoreWhileItsAnswersAreNotRead) {
  const auto pipe = connect();
  io_.pretend_unsent = AdminListener::kMostUnsent + 1;
  EXPECT_EQ(say(*pipe, "p\n"), "");
  io_.pretend_unsent = 0;
  tick(1);
  EXPECT_EQ(pipe->to[0], "pong\n");
}

TEST_F(AdminListenerTest, HoldsTheInputOfWhoAsksMoreThanOneCommandTakes) {
  const auto pipe = connect();
  io_.pretend_unsent = AdminListener::kMostUnsent + 1;
  std::string many;
  for (size_t i = 0; i <= doors::kMostDoorBytes / 2; ++i) many += "p\n";
  say(*pipe, many);
  say(*pipe, "p\n");
  EXPECT_EQ(pipe->to[1], "p\n") << "it is not received";
  io_.pretend_unsent = 0;
  tick(1);
  tick(1);
  EXPECT_EQ(pipe->to[1], "");
  EXPECT_EQ(pipe->to[0].size(), (many.size() / 2 + 1) * 5);
}

}  // namespace admin_listener_test
}  // namespace once::server

// What peer-load says to Redis, ZooKeeper and etcd, and how it reads their answers, byte for byte.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "bench/peers/etcd_messages.h"
#include "bench/peers/resp_session.h"
#include "bench/peers/zookeeper_session.h"

namespace once::bench::peers {
namespace peer_sessions_test {

using namespace std::string_literals;

class Answers final : public AnswerHandler {
 public:
  void on_answer(Caller caller, Answer answer, std::string_view) override {
    text += std::to_string(caller) + (answer == Answer::kDone      ? " done,"
                                      : answer == Answer::kRefused ? " refused,"
                                                                   : " failed,");
  }
  std::string text;
};

std::string taken(Outbox& out) {
  std::string bytes(out.begin(), out.end());
  out.clear();
  return bytes;
}

// Of big-endian bytes, as ZooKeeper has them.
std::string int32(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}
std::string int64(uint64_t value) {
  return int32(static_cast<uint32_t>(value >> 32)) + int32(static_cast<uint32_t>(value));
}
std::string text(std::string_view value) {
  return int32(static_cast<uint32_t>(value.size())).append(value);
}
std::string reply(uint32_t number, int32_t error, std::string_view body = "") {
  return text(int32(number) + int64(7) + int32(static_cast<uint32_t>(error)) + std::string(body));
}
std::string connected(uint64_t session) {
  return text(int32(0) + int32(30'000) + int64(session) + text(std::string(16, 'p')) + "\0"s);
}

TEST(RespSession, AsksAndReadsAnswersInTheirOrder) {
  RespSession session;
  Outbox out;
  Answers answers;
  session.create(5, "name", "val", out);
  EXPECT_EQ(taken(out), "*4\r\n$3\r\nSET\r\n$4\r\nname\r\n$3\r\nval\r\n$2\r\nNX\r\n");
  session.read(6, "name", out);
  EXPECT_EQ(taken(out), "*2\r\n$3\r\nGET\r\n$4\r\nname\r\n");
  session.create(7, "name", "val", out);
  session.read(8, "none", out);
  const std::string all = "+OK\r\n$3\r\nval\r\n$-1\r\n-ERR no\r\n";
  for (const char byte : all) EXPECT_EQ(session.receive({&byte, 1}, out, answers), "");
  EXPECT_EQ(answers.text, "5 done,6 done,7 refused,8 failed,");
  EXPECT_NE(session.receive("+OK\r\n", out, answers), "");
}

TEST(ZookeeperSession, OpensASessionAndMakesTheParent) {
  ZookeeperSession session("/p");
  Outbox out;
  Answers answers;
  session.open(out);
  EXPECT_EQ(taken(out), text(int32(0) + int64(0) + int32(30'000) + int64(0) +
                             text(std::string(16, '\0')) + "\0"s));
  EXPECT_EQ(session.receive(connected(9), out, answers), "");
  EXPECT_FALSE(session.ready());
  EXPECT_EQ(taken(out), text(int32(1) + int32(1) + text("/p") + text("") + int32(1) + int32(31) +
                             text("world") + text("anyone") + int32(0)));
  EXPECT_EQ(session.receive(reply(1, -110), out, answers), "");
  EXPECT_TRUE(session.ready());
  session.close(out);
  EXPECT_EQ(taken(out), text(int32(2) + int32(static_cast<uint32_t>(-11))));
  EXPECT_EQ(answers.text, "");
}

TEST(ZookeeperSession, ReadsBehindASync) {
  ZookeeperSession session("/p");
  Outbox out;
  Answers answers;
  session.open(out);
  EXPECT_EQ(session.receive(connected(9) + reply(1, 0), out, answers), "");
  taken(out);
  session.read(3, "/p/n", out);
  EXPECT_EQ(taken(out), text(int32(2) + int32(9) + text("/p/n")) +
                            text(int32(3) + int32(4) + text("/p/n") + "\0"s));
  session.create(4, "/p/n", "v", out);
  const std::string all = reply(2, 0, text("/p/n")) + reply(3, 0, text("v")) + reply(4, -110);
  for (const char byte : all) EXPECT_EQ(session.receive({&byte, 1}, out, answers), "");
  EXPECT_EQ(answers.text, "3 done,4 refused,");
}

TEST(ZookeeperSession, SaysWhatIsWrong) {
  Outbox out;
  Answers answers;
  ZookeeperSession refused("/p");
  EXPECT_NE(refused.receive(connected(0), out, answers), "");
  ZookeeperSession early("/p");
  EXPECT_EQ(early.receive(connected(9), out, answers), "");
  EXPECT_NE(early.receive(reply(5, 0), out, answers), "");
  ZookeeperSession brief("/p");
  EXPECT_NE(brief.receive(text("abc"), out, answers), "");
}

// By the numbers of the fields in rpc.proto of etcd.
TEST(EtcdMessages, CreateIsATransactionOnTheCreateRevision) {
  EXPECT_EQ(create_message("k", "v"),
            "\0\0\0\0\x13"
            "\x0a\x07\x10\x01\x1a\x01k\x28\0"
            "\x12\x08\x12\x06\x0a\x01k\x12\x01v"s);
  EXPECT_EQ(read_message("k"), "\0\0\0\0\x03\x0a\x01k"s);
  EXPECT_EQ(create_message(std::string(200, 'k'), "v").substr(5, 7),
            "\x0a\xcf\x01\x10\x01\x1a\xc8"s);
}

TEST(EtcdMessages, AnswersSayWhetherItWasSo) {
  const std::string header = "\x0a\x02\x18\x05";
  EXPECT_EQ(has_created("\0\0\0\0\x06"s + header + "\x10\x01"), true);
  EXPECT_EQ(has_created("\0\0\0\0\x04"s + header), false);
  EXPECT_EQ(has_found("\0\0\0\0\x0b"s + header + "\x12\x03\x0a\x01k\x20\x01"), true);
  EXPECT_EQ(has_found("\0\0\0\0\x04"s + header), false);
  EXPECT_EQ(has_created("\0\0"s), std::nullopt);
  EXPECT_EQ(has_created("\0\0\0\0\x02\x0a\x05"s), std::nullopt);
  EXPECT_EQ(has_found("\0\0\0\0\x01\x20"s), std::nullopt);
  EXPECT_EQ(has_found("\0\0\0\0\x01\x07"s), std::nullopt);
}

}  // namespace peer_sessions_test
}  // namespace once::bench::peers

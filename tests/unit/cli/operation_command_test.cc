// write, read, set, cas, seal, next, check, wait: what they print, and what they exit with.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/commands/commands.h"
#include "cli/output.h"
#include "tests/unit/cli/command_fixture.h"

namespace once::client {
namespace operation_command_test {

class OperationCommandTest : public CommandTest {
 protected:
  Ended once(Command command, const std::string& value = {}, uint64_t version = 0) {
    Arguments a = arguments(command, "x");
    a.value = value;
    a.version = version;
    a.json = json_;
    a.request_id = id_;
    a.timeout_ms = timeout_ms_;
    return run(operation_command, a);
  }
  // The same on a full disk.
  Ended unshown(Command command, const std::string& value = {}, uint64_t version = 0) {
    fflush(stdout);
    const int kept = dup(STDOUT_FILENO);
    const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    EXPECT_GE(full, 0);
    dup2(full, STDOUT_FILENO);
    testing::internal::CaptureStderr();
    Arguments a = arguments(command, "x");
    a.value = value;
    a.version = version;
    a.json = json_;
    a.request_id = id_;
    Ended ended;
    ended.code = operation_command(a);
    ended.err = testing::internal::GetCapturedStderr();
    dup2(kept, STDOUT_FILENO);
    close(full);
    close(kept);
    return ended;
  }
  // Exit code, and words that must be shown to people.
  void expect(const Ended& ended, Outcome outcome, const std::string& out, const std::string& err) {
    EXPECT_EQ(ended.code, exit_code(outcome)) << ended.err;
    EXPECT_EQ(ended.out, out);
    EXPECT_NE(ended.err.find(err), std::string::npos) << ended.err;
    EXPECT_EQ(ended.err.empty(), err.empty()) << ended.err;
  }

  bool json_ = false;
  int64_t timeout_ms_ = 5000;
  std::optional<RequestId> id_ = request_id(1, 0x2a);
  const std::string hex_ = "0000000000000001000000000000002a";
};

TEST_F(OperationCommandTest, ExitCodesAreThoseOfTheManual) {
  EXPECT_EQ(exit_code(Outcome::kDone), 0);
  EXPECT_EQ(exit_code(Outcome::kError), 1);
  EXPECT_EQ(exit_code(Outcome::kCancelled), 1);
  EXPECT_EQ(exit_code(Outcome::kInvalid), 2);
  EXPECT_EQ(exit_code(Outcome::kRefused), 3);
  EXPECT_EQ(exit_code(Outcome::kEmpty), 4);
  EXPECT_EQ(exit_code(Outcome::kUnknown), 5);
  EXPECT_EQ(exit_code(Outcome::kUnavailable), 6);
  EXPECT_EQ(exit_code(Outcome::kNotYet), 7);
  EXPECT_EQ(exit_code(Outcome::kRetired), 9);
  EXPECT_EQ(exit_code(Outcome::kDenied), 10);
}

// Nodes do not say these yet; the command is ready for those that will.
TEST_F(OperationCommandTest, RetiredAndDeniedAreSaidPlainly) {
  for (const Command command : {Command::kWrite, Command::kRead, Command::kNext}) {
    set_trouble(always(Status::kRetired, [](const auto&) { return true; }));
    expect(once(command, "v"), Outcome::kRetired, "", "retired: x (the name is retired");
    set_trouble(always(Status::kDenied, [](const auto&) { return true; }));
    expect(once(command, "v"), Outcome::kDenied, "", "denied: the server does not allow");
  }
  json_ = true;
  EXPECT_NE(once(Command::kRead).out.find("\"outcome\":\"denied\""), std::string::npos);
}

TEST_F(OperationCommandTest, EachOperationIsTheOneThatWasAskedFor) {
  expect(once(Command::kRead), Outcome::kEmpty, "", "empty: x was never written");
  expect(once(Command::kSet, "one"), Outcome::kDone, "done: version 1, request id " + hex_ + "\n",
         "");
  id_ = request_id(2, 2);
  expect(once(Command::kCas, "two", 1), Outcome::kDone,
         "done: version 2, request id " + hex_of(*id_) + "\n", "");
  id_ = {};
  expect(once(Command::kCas, "three", 1), Outcome::kRefused, "two",
         "conflict: x has version 2, not 1");
  expect(once(Command::kRead), Outcome::kDone, "two", "");
  expect(once(Command::kNext), Outcome::kDone, "3\n", "");
  expect(once(Command::kCheck, {}, 3), Outcome::kDone, "yes: 3 is the newest version of x\n", "");
  expect(once(Command::kCheck, {}, 2), Outcome::kRefused, "",
         "no: x has version 3 by now, newer than 2: whoever holds 2 must stop");
  expect(once(Command::kCheck, {}, 4), Outcome::kRefused, "",
         "no: 4 was never drawn from x, which has version 3");
  expect(once(Command::kWait, {}, 2), Outcome::kDone, "two", "");
  timeout_ms_ = 300;
  expect(once(Command::kWait, {}, 3), Outcome::kNotYet, "", "no version above 3 in 300 ms");
  timeout_ms_ = 5000;
  expect(once(Command::kSeal, {}, 2), Outcome::kRefused, "two", "conflict: x has version 3, not 2");
  EXPECT_EQ(once(Command::kSeal, {}, 3).code, 0);
  EXPECT_TRUE(ask("x", Op::kRead).sealed);
  expect(once(Command::kSet, "four"), Outcome::kRefused, "two", "sealed: x never changes again");
  registers_.clear();
  EXPECT_EQ(once(Command::kWrite, "for ever").code, 0);
  expect(once(Command::kWrite, "other"), Outcome::kRefused, "for ever",
         "refused: x is already set");
  registers_.clear();
  expect(once(Command::kCheck, {}, 1), Outcome::kRefused, "",
         "no: 1 was never drawn from x, which is");
  expect(once(Command::kCheck, {}, 0), Outcome::kDone, "yes: nothing was ever drawn from x\n", "");
  expect(once(Command::kCas, "three", 7), Outcome::kRefused, "", "x is empty (version 0)");
}

TEST_F(OperationCommandTest, AnUnknownOutcomeSaysWhatCanBeDone) {
  timeout_ms_ = 1500;
  set_trouble(always(Status::kUnknown, [](const auto&) { return true; }));
  for (const auto& [command, words] :
       {std::pair{Command::kWrite, "Repeat it safely with: --request-id " + hex_},
        std::pair{Command::kSeal, "Repeat it safely with: --request-id " + hex_},
        std::pair{Command::kSet, std::string("Do not repeat it")},
        std::pair{Command::kCas, "shows the writer " + hex_},
        std::pair{Command::kNext, std::string("Draw another token")}}) {
    expect(once(command, "v", 1), Outcome::kUnknown, "", words);
  }
  set_trouble(always(Status::kUnavailable, [](const auto&) { return true; }));
  expect(once(Command::kWrite, "v"), Outcome::kUnavailable, "", "unavailable: nothing happened");
}

TEST_F(OperationCommandTest, TheSameIdIsTheSameRequest) {
  EXPECT_EQ(once(Command::kWrite, "v").code, 0);
  EXPECT_EQ(once(Command::kWrite, "v").code, 0) << "its own retry has won as well";
  expect(once(Command::kWrite, "another"), Outcome::kRefused, "", "has made version 1");
}

TEST_F(OperationCommandTest, AsJsonNothingIsMissing) {
  json_ = true;
  EXPECT_EQ(once(Command::kSet, "a \"b\"\n\x01").code, 0);
  const Ended read = once(Command::kRead);
  EXPECT_EQ(read.out,
            "{\"outcome\":\"done\",\"name\":\"x\",\"version\":1,\"sealed\":false,"
            "\"writer\":\"" +
                hex_ + "\",\"request_id\":\"" + hex_ + "\",\"value\":\"a \\\"b\\\"\\n\\u0001\"}\n");
  id_ = request_id(2, 2);
  const Ended refused = once(Command::kCas, "v", 9);
  EXPECT_EQ(refused.code, 3);
  EXPECT_NE(refused.out.find(R"("outcome":"refused","refusal":"conflict")"), std::string::npos);
  EXPECT_NE(refused.out.find(R"("message":)"), std::string::npos) << refused.out;
  EXPECT_NE(refused.out.find(R"("writer":")" + hex_), std::string::npos) << refused.out;
  EXPECT_EQ(once(Command::kSeal, {}, 1).code, 0);
  EXPECT_NE(once(Command::kRead).out.find(R"("version":2,"sealed":true)"), std::string::npos);
}

TEST_F(OperationCommandTest, BytesThatAreNoTextAreBase64) {
  Result result;
  const auto value_in_json = [&](std::string_view bytes) {
    result.value = std::string(bytes);
    const std::string json = result_json("x", result);
    const std::string key = "\"value_base64\":\"";
    const size_t at = json.find(key);
    if (at == std::string::npos) return std::string("text");
    return json.substr(at + key.size(), json.find('"', at + key.size()) - at - key.size());
  };
  EXPECT_EQ(value_in_json("\xff"), "/w==");
  EXPECT_EQ(value_in_json("\xff\xfe"), "//4=");
  EXPECT_EQ(value_in_json(std::string_view("\xff\xfe\0", 3)), "//4A");
  EXPECT_EQ(value_in_json("\xc3\xa9"), "text");
  EXPECT_EQ(value_in_json("\xc3"), "ww==") << "half of a character";
}

// A disk that is full, a reader that has gone: what could not be shown is no success.
TEST_F(OperationCommandTest, AnAnswerThatCannotBeShownIsAnError) {
  ask("x", Op::kSet, "value");
  for (json_ = false;; json_ = true) {
    for (const Command command : {Command::kRead, Command::kWait}) {
      const Ended ended = unshown(command);
      EXPECT_EQ(ended.code, 1);
      EXPECT_NE(ended.err.find("cannot write to standard output"), std::string::npos) << ended.err;
    }
    if (json_) break;
  }
}

// The exit code tells what became of the name, not of the words about it.
TEST_F(OperationCommandTest, AChangeThatCannotBeShownIsAChange) {
  for (json_ = false;; json_ = true) {
    registers_.clear();
    EXPECT_EQ(unshown(Command::kSet, "one").code, 0);
    id_ = {};
    EXPECT_EQ(unshown(Command::kCas, "two", 1).code, 0);
    EXPECT_EQ(unshown(Command::kCas, "three", 1).code, exit_code(Outcome::kRefused));
    const Ended token = unshown(Command::kNext);
    EXPECT_EQ(token.code, exit_code(Outcome::kUnknown)) << "nobody was told which one it is";
    EXPECT_NE(token.err.find("token 3 was drawn"), std::string::npos) << token.err;
    EXPECT_EQ(unshown(Command::kCheck, {}, 3).code, 0);
    EXPECT_EQ(unshown(Command::kSeal, {}, 3).code, 0);
    EXPECT_EQ(unshown(Command::kSet, "four").code, exit_code(Outcome::kRefused));
    EXPECT_EQ(value_of("x"), "two");
    if (json_) break;
  }
}

// Whoever breaks off is told what is known, and by which id it can be asked for again.
TEST_F(OperationCommandTest, ASignalBreaksOffAChange) {
  set_trouble([](const auto&, auto&) -> std::optional<Act> {
    kill(getpid(), SIGTERM);
    return Act::kSilence;
  });
  timeout_ms_ = 60'000;
  for (const Command command : {Command::kWrite, Command::kSet, Command::kCas, Command::kNext}) {
    const Ended ended = once(command, "value");
    EXPECT_EQ(ended.code, exit_code(Outcome::kUnknown)) << ended.err;
    EXPECT_NE(ended.err.find("interrupted by signal 15"), std::string::npos) << ended.err;
    EXPECT_NE(ended.err.find(hex_), std::string::npos) << ended.err;
  }
  id_ = {};
  const Ended ended = once(Command::kWrite, "value");
  EXPECT_NE(ended.err.find("Repeat it safely with: --request-id "), std::string::npos) << ended.err;
  EXPECT_EQ(ended.err.find("--request-id 00000000000000000000000000000000"), std::string::npos);
}

// Nobody is there to be asked: it is certain that nothing was.
TEST_F(OperationCommandTest, ASignalWhereNobodyAnswersSaysThatNothingHappened) {
  Arguments a = arguments(Command::kWrite, "x");
  a.value = "value";
  a.endpoints = {closed_port()};
  a.timeout_ms = 60'000;
  std::thread other = signal_soon(SIGTERM);
  const Ended ended = run(operation_command, a);
  other.join();
  EXPECT_EQ(ended.code, 128 + SIGTERM) << ended.err;
  EXPECT_NE(ended.err.find("cancelled: nothing happened"), std::string::npos) << ended.err;
}

// The answer may be on its way already, and then nobody has to ask again.
TEST_F(OperationCommandTest, AChangeThatIsAnsweredSoonAfterASignalIsKnown) {
  set_trouble([](const auto&, auto&) -> std::optional<Act> {
    kill(getpid(), SIGTERM);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return std::nullopt;
  });
  expect(once(Command::kWrite, "value"), Outcome::kDone,
         "done: version 1, request id " + hex_ + "\n", "");
  EXPECT_EQ(value_of("x"), "value");
  id_ = request_id(2, 2);
  json_ = true;
  const Ended refused = once(Command::kWrite, "another");
  EXPECT_EQ(refused.code, exit_code(Outcome::kRefused));
  EXPECT_EQ(refused.out.find("interrupted"), std::string::npos) << refused.out;
}

TEST_F(OperationCommandTest, TheLimitsOfAValueAreExact) {
  EXPECT_EQ(once(Command::kSet, std::string(kMaxValueBytes, 'v')).code, 0);
  id_ = {};
  expect(once(Command::kRead), Outcome::kDone, std::string(kMaxValueBytes, 'v'), "");
  EXPECT_EQ(once(Command::kSet, std::string(kMaxValueBytes + 1, 'v')).code, 2);
  EXPECT_EQ(ask("x", Op::kRead).version, 1u);
}

TEST(RequestIdTextTest, ReadsWhatItWritesAndNothingElse) {
  for (const RequestId wanted : {request_id(0, 1), request_id(1, 0), request_id(~0ull, ~0ull),
                                 request_id(0x0123456789abcdef, 0xfedcba9876543210)}) {
    EXPECT_EQ(hex_of(wanted).size(), 32u);
    EXPECT_EQ(request_id_of_hex(hex_of(wanted)), wanted);
  }
  EXPECT_EQ(request_id_of_hex("aBcDeF"), request_id(0, 0xabcdef));
  EXPECT_EQ(request_id_of_hex("10000000000000000"), request_id(1, 0));
  for (const char* wrong : {"g", "0x1", " 1", "1 ", "-1", "000000000000000000000000000000000"}) {
    EXPECT_FALSE(request_id_of_hex(wrong)) << wrong;
  }
}

}  // namespace operation_command_test
}  // namespace once::client

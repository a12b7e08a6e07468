// `once run`: it runs the command if, and only if, the claim is known to be its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/hex.h"
#include "cli/commands/commands.h"
#include "cli/commands/front.h"
#include "cli/output.h"
#include "cli/run_claim.h"
#include "tests/unit/cli/command_fixture.h"

namespace once::client {
namespace run_command_test {

constexpr int64_t kShortMs = 1000;
constexpr int kNoResult = 7;

class RunCommandTest : public CommandTest {
 protected:
  static bool is_claim(const paxos::ClientRequest& request) {
    return request.operation == Op::kWrite && request.name == "job";
  }
  Arguments job(std::vector<std::string> program) {
    return arguments(Command::kRun, "job", std::move(program));
  }
  // It is heard before the answer, which comes all the same.
  static std::optional<Act> signal_in_the_claim(const paxos::ClientRequest& request,
                                                FakeServer::Reply&) {
    if (!is_claim(request)) return std::nullopt;
    kill(getpid(), SIGTERM);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return std::nullopt;
  }
  void claimed_by_another(const std::string& result_text) {
    const RequestId id = request_id(5, 6);
    ask("job", Op::kWrite, to_text(JobClaim{"host-b", 12, "then", hex_of(id)}), 0, id);
    if (!result_text.empty()) ask(result_name("job", hex_of(id)), Op::kWrite, result_text);
  }
};

TEST_F(RunCommandTest, TheWinnerRunsItOnceAndWritesDownWhatCameOfIt) {
  const Ended ended = run(run_command, job(marks("echo $ONCE_RUN_NAME $ONCE_RUN_ID; exit 9")));
  EXPECT_EQ(ended.code, 9) << ended.err;
  EXPECT_EQ(times_ran(), 1u);
  const auto claim = read_claim(value_of("job"));
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->pid, getpid());
  EXPECT_EQ(ended.out, "job " + claim->run + "\n");
  EXPECT_EQ(hex_of(ask("job", Op::kRead).writer), claim->run) << "whoever reads it can tell";
  const auto result = read_run_result(value_of(result_name("job", claim->run)));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->exit_code, 9);
  EXPECT_EQ(result->signal, 0);
  EXPECT_EQ(result->error, "");
  EXPECT_NE(result->time, "");
}

TEST_F(RunCommandTest, WhatKilledTheCommandIsWrittenDown) {
  EXPECT_EQ(run(run_command, job({"sh", "-c", "kill -9 $$"})).code, 128 + SIGKILL);
  const auto claim = read_claim(value_of("job"));
  ASSERT_TRUE(claim);
  const auto result = read_run_result(value_of(result_name("job", claim->run)));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->signal, SIGKILL);
  EXPECT_EQ(run(run_command, job(marks())).code, 128 + SIGKILL) << "the others are told";
  EXPECT_EQ(times_ran(), 0u);
}

// However it comes about that nobody knows: a node says so, is silent, or breaks off.
TEST_F(RunCommandTest, NothingRunsWhenItIsNotKnownWhoClaimedTheName) {
  Arguments a = job(marks());
  a.timeout_ms = kShortMs;
  const auto expect_unknown = [&](const char* how) {
    const Ended ended = run(run_command, a);
    EXPECT_EQ(ended.code, exit_code(Outcome::kUnknown)) << how << ": " << ended.err;
    EXPECT_NE(ended.err.find("did not run"), std::string::npos) << how << ": " << ended.err;
    EXPECT_EQ(times_ran(), 0u) << how;
  };
  set_trouble(always(Status::kUnknown, is_claim));
  expect_unknown("a node does not know");
  const auto claims_are = [](Act act) -> Trouble {
    return [act](const paxos::ClientRequest& request, FakeServer::Reply&) {
      return is_claim(request) ? std::optional(act) : std::nullopt;
    };
  };
  set_trouble(claims_are(Act::kSilence));
  expect_unknown("silence");
  set_trouble(claims_are(Act::kDrop));
  expect_unknown("a connection that breaks");
  // It happened, and nobody says so.
  set_trouble(
      [this](const paxos::ClientRequest& request, FakeServer::Reply&) -> std::optional<Act> {
        if (!is_claim(request)) return std::nullopt;
        registers_[std::string(request.name)].answer(request);
        return Act::kSilence;
      });
  expect_unknown("an answer that is lost");
  set_trouble(nullptr);
  a = job(marks());
  a.wait_s = 0;
  EXPECT_EQ(run(run_command, a).code, kNoResult) << "claimed by the last one, which ran nothing";
  EXPECT_EQ(times_ran(), 0u);
}

TEST_F(RunCommandTest, NothingRunsWithoutAMajority) {
  Arguments a = job(marks());
  a.timeout_ms = kShortMs;
  for (const bool json : {false, true}) {
    a.json = json;
    set_trouble(always(Status::kUnavailable, is_claim));
    Ended ended = run(run_command, a);
    // An attempt that is under way when the time ends, on a slow machine, may still happen.
    for (int again = 0; ended.code == exit_code(Outcome::kUnknown) && again < 3; ++again) {
      ended = run(run_command, a);
    }
    EXPECT_EQ(ended.code, exit_code(Outcome::kUnavailable)) << ended.err;
    EXPECT_NE(ended.err.find("unavailable"), std::string::npos) << ended.err;
  }
  EXPECT_EQ(times_ran(), 0u);
}

// The first attempt's answer is lost; the second one finds the claim, and it is its own.
TEST_F(RunCommandTest, AClaimWhoseAnswerWasLostIsStillItsOwn) {
  std::atomic<int> asked{0};
  set_trouble([&](const paxos::ClientRequest& request, FakeServer::Reply&) -> std::optional<Act> {
    if (!is_claim(request) || asked++ != 0) return std::nullopt;
    registers_[std::string(request.name)].answer(request);
    return Act::kDrop;
  });
  EXPECT_EQ(run(run_command, job(marks("exit 4"))).code, 4);
  EXPECT_EQ(times_ran(), 1u);
  EXPECT_EQ(asked, 2);
}

// The first attempt's answer is lost, and somebody else had been faster.
TEST_F(RunCommandTest, AClaimOfAnotherIsNotRunAfterALostAnswer) {
  claimed_by_another(R"({"exit":6,"time":"now"})");
  std::atomic<int> asked{0};
  set_trouble([&](const paxos::ClientRequest& request, FakeServer::Reply&) -> std::optional<Act> {
    if (!is_claim(request) || asked++ != 0) return std::nullopt;
    return Act::kDrop;
  });
  EXPECT_EQ(run(run_command, job(marks())).code, 6);
  EXPECT_EQ(times_ran(), 0u);
}

// A signal while it claims: it is heard at once, and what is known is said.
TEST_F(RunCommandTest, ASignalBreaksOffTheClaim) {
  set_trouble([](const paxos::ClientRequest& request, FakeServer::Reply&) -> std::optional<Act> {
    if (!is_claim(request)) return std::nullopt;
    kill(getpid(), SIGINT);
    return Act::kSilence;
  });
  Arguments a = job(marks());
  a.timeout_ms = 60'000;
  const auto begun = std::chrono::steady_clock::now();
  const Ended ended = run(run_command, a);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(30));
  EXPECT_EQ(ended.code, exit_code(Outcome::kUnknown)) << ended.err;
  EXPECT_NE(ended.err.find("interrupted by signal 2"), std::string::npos) << ended.err;
  EXPECT_EQ(times_ran(), 0u);
}

// Nobody is there to be asked: it is certain that nothing was.
TEST_F(RunCommandTest, ASignalWhereNobodyAnswersSaysThatNothingWasClaimed) {
  Arguments a = job(marks());
  a.endpoints = {closed_port()};
  a.timeout_ms = 60'000;
  std::thread other = signal_soon(SIGTERM);
  const Ended ended = run(run_command, a);
  other.join();
  EXPECT_EQ(ended.code, 128 + SIGTERM) << ended.err;
  EXPECT_NE(ended.err.find("nothing was claimed"), std::string::npos) << ended.err;
  EXPECT_EQ(times_ran(), 0u);
}

// It won in that moment: nobody else can run it any more, so the others are told what happened.
TEST_F(RunCommandTest, AClaimThatIsWonInTheMomentOfASignalIsToldToTheOthers) {
  set_trouble(signal_in_the_claim);
  const Ended ended = run(run_command, job(marks()));
  EXPECT_NE(ended.err.find("while job was claimed"), std::string::npos) << ended.err;
  EXPECT_EQ(ended.code, 128 + SIGTERM);
  set_trouble(nullptr);
  std::filesystem::remove(path("marks"));
  EXPECT_EQ(run(run_command, job(marks())).code, 128 + SIGTERM) << "the others";
  EXPECT_EQ(times_ran(), 0u);
}

// Nor is the result of another waited for, by somebody who has broken off.
TEST_F(RunCommandTest, AClaimThatIsLostInTheMomentOfASignalIsNoReasonToWait) {
  claimed_by_another("");
  set_trouble(signal_in_the_claim);
  const Ended ended = run(run_command, job(marks()));
  EXPECT_EQ(ended.code, 128 + SIGTERM) << ended.err;
  EXPECT_NE(ended.err.find("nothing was claimed"), std::string::npos) << ended.err;
  EXPECT_EQ(times_ran(), 0u);
}

TEST_F(RunCommandTest, ASignalEndsTheWaitForTheResultOfAnother) {
  claimed_by_another("");
  for (const bool json : {false, true}) {
    std::thread other([] {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      kill(getpid(), SIGTERM);
    });
    Arguments a = job(marks());
    a.wait_s = 60;
    a.json = json;
    const Ended ended = run(run_command, a);
    other.join();
    EXPECT_EQ(ended.code, 128 + SIGTERM) << ended.err;
    const char* told = json ? R"({"name":"job","outcome":"cancelled","message":"signal 15 while)"
                            : "signal 15 while the result of job was waited for";
    EXPECT_NE(ended.err.find(told), std::string::npos) << ended.err;
  }
}

// The result has a minute of its own, however short --timeout is.
TEST_F(RunCommandTest, TheResultIsWrittenDownThoughItTakesLongerThanTheTimeout) {
  std::atomic<int> asked{0};
  std::atomic<uint32_t> first_ms{0};
  set_trouble(
      [&](const paxos::ClientRequest& request, FakeServer::Reply& reply) -> std::optional<Act> {
        if (is_claim(request)) return std::nullopt;
        if (asked++ == 0) first_ms = request.timeout_ms;
        if (asked > 20) return std::nullopt;
        reply.status = Status::kUnavailable;
        return Act::kReply;
      });
  Arguments a = job(marks("exit 4"));
  a.timeout_ms = 500;
  const Ended ended = run(run_command, a);
  EXPECT_EQ(ended.code, 4);
  EXPECT_EQ(ended.err.find("could not be written down"), std::string::npos) << ended.err;
  EXPECT_GT(first_ms, 30'000u);
}

// For the front, should the keeper be killed while it writes down the result.
TEST_F(RunCommandTest, TheTestamentTellsHowTheCommandEnded) {
  Testament testament;
  front_link().testament = &testament;
  Arguments a = job(marks("exit 4"));
  EXPECT_EQ(run(run_command, a).code, 4);
  EXPECT_TRUE(testament.command_ended);
  EXPECT_EQ(testament.will().exit_code, 4);
  EXPECT_EQ(std::string(testament.will().words),
            "once run: the command has run (it exited with 4), but that may not be written down (" +
                std::string(kKeeperKilledLater) +
                "); if it is not, others see the claim without a result");
  EXPECT_TRUE(testament.told);
  a.json = true;
  a.name = "job-2";
  EXPECT_EQ(run(run_command, a).code, 4);
  front_link().testament = nullptr;
  const std::string object = testament.will().words;
  EXPECT_TRUE(object.starts_with(R"({"name":"job-2","winner":true,)")) << object;
  EXPECT_NE(object.find(R"("result":{"exit":4,)"), std::string::npos) << object;
  EXPECT_NE(object.find(kKeeperKilledLater), std::string::npos) << object;
}

TEST_F(RunCommandTest, ANameThatIsNoTextIsBase64) {
  Arguments a = job({"true"});
  a.name = "j\xff";
  a.json = true;
  const Ended ended = run(run_command, a);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_NE(ended.err.find(R"({"name_base64":"av8=","winner":true,)"), std::string::npos)
      << ended.err;
  EXPECT_EQ(run_failure_json("\xff", "refused", "\xfe"),
            R"({"name_base64":"/w==","outcome":"refused","message_base64":"/g=="})");
  EXPECT_EQ(lock_json("\xff", {"busy", 0, "\xfe", ""}, nullptr),
            R"({"name_base64":"/w==","outcome":"busy","owner_base64":"/g==","result":null})");
}

// The command has ended, and nobody answers: the user need not wait for a minute.
TEST_F(RunCommandTest, ASignalBreaksOffTheRecord) {
  set_trouble([](const paxos::ClientRequest& request, FakeServer::Reply&) -> std::optional<Act> {
    if (is_claim(request)) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    kill(getpid(), SIGINT);
    return Act::kSilence;
  });
  const auto begun = std::chrono::steady_clock::now();
  const Ended ended = run(run_command, job(marks("exit 4")));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(30));
  EXPECT_EQ(ended.code, 4) << ended.err;
  EXPECT_NE(ended.err.find("could not be written down"), std::string::npos) << ended.err;
}

// But not the signal that ended the command, which may be heard of a moment after that: the answer
// comes later than whoever is interrupted waits for it.
TEST_F(RunCommandTest, TheSignalThatEndedTheCommandDoesNotBreakOffTheRecord) {
  set_trouble([](const paxos::ClientRequest& request, FakeServer::Reply&) -> std::optional<Act> {
    if (is_claim(request)) return std::nullopt;
    kill(getpid(), SIGINT);
    std::this_thread::sleep_for(std::chrono::milliseconds(2'500));
    return std::nullopt;
  });
  const Ended ended = run(run_command, job(marks("exit 4")));
  EXPECT_EQ(ended.code, 4) << ended.err;
  EXPECT_EQ(ended.err.find("could not be written down"), std::string::npos) << ended.err;
}

TEST_F(RunCommandTest, TheOthersPassOnWhatCameOfIt) {
  claimed_by_another(R"({"exit":6,"time":"now"})");
  for (const int64_t wait_s : {0, 5}) {
    Arguments a = job(marks());
    a.wait_s = wait_s;
    const Ended ended = run(run_command, a);
    EXPECT_EQ(ended.code, 6) << ended.err;
    EXPECT_NE(ended.err.find("host-b"), std::string::npos) << ended.err;
    EXPECT_NE(ended.err.find("pid 12"), std::string::npos) << ended.err;
  }
  EXPECT_EQ(times_ran(), 0u);
}

TEST_F(RunCommandTest, TheOthersWaitForAsLongAsTheyWereToldTo) {
  claimed_by_another("");
  for (const int64_t wait_s : {0, 1}) {
    Arguments a = job(marks());
    a.wait_s = wait_s;
    const auto begun = std::chrono::steady_clock::now();
    const Ended ended = run(run_command, a);
    const auto took = std::chrono::steady_clock::now() - begun;
    EXPECT_EQ(ended.code, kNoResult) << ended.err;
    EXPECT_NE(ended.err.find("no result yet"), std::string::npos) << ended.err;
    EXPECT_GE(took, std::chrono::seconds(wait_s));
    EXPECT_LT(took, std::chrono::seconds(wait_s + 4));
  }
  Arguments a = job(marks());
  std::thread later([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    ask(result_name("job", hex_of(request_id(5, 6))), Op::kWrite, R"({"signal":15})");
  });
  EXPECT_EQ(run(run_command, a).code, 128 + 15);
  later.join();
}

// As JSON: who won, who it was, what came of it; one line, whatever is in the names.
TEST_F(RunCommandTest, TellsProgramsTheSameAsPeople) {
  Arguments a = arguments(Command::kRun, "job \"1\"\n", {"sh", "-c", "exit 5"});
  a.json = true;
  const Ended won = run(run_command, a);
  EXPECT_EQ(won.code, 5);
  EXPECT_EQ(won.err.find(R"({"name":"job \"1\"\n","winner":true,"claim":{"host":")"), 0u)
      << won.err;
  EXPECT_NE(won.err.find(R"("result":{"exit":5,"time":")"), std::string::npos) << won.err;
  EXPECT_EQ(won.err.find("not_recorded"), std::string::npos) << won.err;
  EXPECT_EQ(std::count(won.err.begin(), won.err.end(), '\n'), 1) << won.err;
  const Ended lost = run(run_command, a);
  EXPECT_EQ(lost.code, 5);
  EXPECT_NE(lost.err.find(R"("winner":false)"), std::string::npos) << lost.err;
  claimed_by_another("");
  a.name = "job";
  a.wait_s = 0;
  EXPECT_NE(run(run_command, a).err.find(R"("result":null)"), std::string::npos);
}

TEST_F(RunCommandTest, AResultThatCannotBeWrittenDownIsSaid) {
  set_trouble(always(Status::kAlreadySet, [](const paxos::ClientRequest& request) {
    return request.operation == Op::kWrite && request.name != "job";
  }));
  Arguments a = job(marks("exit 4"));
  const Ended ended = run(run_command, a);
  EXPECT_EQ(ended.code, 4);
  EXPECT_NE(ended.err.find("could not be written down"), std::string::npos) << ended.err;
  EXPECT_EQ(times_ran(), 1u);
}

TEST_F(RunCommandTest, WhatIsNoClaimIsShownAndNotWaitedFor) {
  for (const std::string text : {"by hand", R"({"host":"x"})", R"({"run":"00"})"}) {
    registers_.clear();
    ask("job", Op::kWrite, text);
    const Ended ended = run(run_command, job(marks()));
    EXPECT_EQ(ended.code, exit_code(Outcome::kRefused)) << ended.err;
    EXPECT_EQ(ended.out, text + "\n");
  }
  EXPECT_EQ(times_ran(), 0u);
}

TEST_F(RunCommandTest, WhatIsNoResultIsAnError) {
  for (const char* text : {"junk", "{}", R"({"exit":256})", R"({"exit":-1})", R"({"exit":"0"})",
                           R"({"signal":300})", R"({"signal":0})", "[0]"}) {
    registers_.clear();
    claimed_by_another(text);
    EXPECT_EQ(run(run_command, job(marks())).code, exit_code(Outcome::kError)) << text;
  }
  EXPECT_EQ(times_ran(), 0u);
}

}  // namespace run_command_test
}  // namespace once::client

// `once lock`: the command runs while its lock is held, and not a moment without being stopped
// after that.
#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "cli/commands/commands.h"
#include "cli/commands/front.h"
#include "cli/output.h"
#include "client/lock_value.h"
#include "client/socket.h"
#include "tests/unit/cli/command_fixture.h"

namespace once::client {
namespace lock_command_test {

constexpr int kLost = 8;

class LockCommandTest : public CommandTest {
 protected:
  Arguments guarded(std::vector<std::string> program, int64_t ttl_s = 10, int64_t wait_s = 10) {
    Arguments a = arguments(Command::kLock, "lock", std::move(program));
    a.ttl_s = ttl_s;
    a.grace_ms = ttl_s * 1000 / 3;
    a.wait_s = wait_s;
    return a;
  }
  // Goes on for long, tells its number and that of what it started.
  std::vector<std::string> long_one(const std::string& before = "") const {
    return {"sh", "-c",
            before + "sleep 30 & echo $$ >> " + path("up") + "; echo $! >> " + path("up") +
                "; for i in $(seq -s ' ' 400); do sleep 0.05; done"};
  }
  void held_by_another(const std::string& owner, int64_t ttl_ms, uint64_t version = 0) {
    LockValue value{true, ttl_ms, version + 1, owner};
    ask("lock", Op::kCas, encode_lock_value(value), version);
  }
  // Does this once the command is up.
  std::thread when_up(std::function<void()> then) {
    return std::thread([this, then = std::move(then)] {
      EXPECT_TRUE(wait_for_lines("up", 2));
      then();
    });
  }
  void expect_all_ended() {
    for (const std::string& pid : lines_of("up")) {
      EXPECT_TRUE(soon([&] { return is_gone(pid); })) << pid;
      if (!is_gone(pid)) kill(std::stoi(pid), SIGKILL);
    }
  }
};

TEST_F(LockCommandTest, TheCommandHasTheTokenOfItsLock) {
  ask("lock", Op::kCas, "once-lock 1 free\n");
  ASSERT_EQ(setenv("ONCE_LOCK_TOKEN", "of somebody outside", 1), 0);
  const Ended ended =
      run(lock_command, guarded({"sh", "-c", "echo $ONCE_LOCK_NAME $ONCE_LOCK_TOKEN; exit 9"}));
  unsetenv("ONCE_LOCK_TOKEN");
  EXPECT_EQ(ended.code, 9) << ended.err;
  EXPECT_EQ(ended.out, "lock 2\n");
  EXPECT_EQ(ended.err, "");
  EXPECT_EQ(value_of("lock"), "once-lock 1 free\n") << "released";
  EXPECT_EQ(run(lock_command, guarded({"sh", "-c", "kill -9 $$"})).code, 128 + SIGKILL);
}

TEST_F(LockCommandTest, TheTermsAreThoseOfTheCommandLine) {
  const Ended ended =
      run(lock_command, guarded({"sh", "-c", "echo > " + path("up") + "; sleep 1"}, 7));
  EXPECT_EQ(ended.code, 0) << ended.err;
  std::string held;
  std::thread look = std::thread([&] {
    soon([&] {
      held = value_of("lock");
      return held.find("held") != std::string::npos;
    });
  });
  run(lock_command, guarded({"sleep", "1"}, 7));
  look.join();
  const auto value = parse_lock_value(held);
  ASSERT_TRUE(value) << held;
  EXPECT_EQ(value->ttl_ms, 7000);
}

// Taken over, or sealed, or changed by hand: the command and what it started are stopped.
TEST_F(LockCommandTest, TheCommandDoesNotGoOnAfterItsLockIsLost) {
  std::thread thief = when_up([this] { ask("lock", Op::kSet, "somebody's"); });
  const Ended ended = run(lock_command, guarded(long_one(), 1));
  thief.join();
  EXPECT_EQ(ended.code, kLost) << ended.err;
  EXPECT_NE(ended.err.find("was lost"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find("token, 1"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find("killed by signal 15"), std::string::npos) << ended.err;
  expect_all_ended();
  EXPECT_EQ(value_of("lock"), "somebody's") << "and left as it is";
}

TEST_F(LockCommandTest, NorWhenNobodyRenewsIt) {
  std::thread silence = when_up([this] {
    set_trouble([](const paxos::ClientRequest&, FakeServer::Reply&) { return Act::kSilence; });
  });
  Arguments a = guarded(long_one(), 1);
  a.json = true;
  a.timeout_ms = 500;
  const auto begun = std::chrono::steady_clock::now();
  const Ended ended = run(lock_command, a);
  silence.join();
  EXPECT_EQ(ended.code, kLost) << ended.err;
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(15));
  EXPECT_NE(ended.err.find(R"("outcome":"lost")"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find(R"("token":1)"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find(R"("result":{"signal":15)"), std::string::npos) << ended.err;
  expect_all_ended();
}

// It neither hears SIGTERM nor is it awake: killed in the end, all of it.
TEST_F(LockCommandTest, NorWhenItIsDeaf) {
  std::thread thief = when_up([this] { ask("lock", Op::kSet, "somebody's"); });
  const Ended ended = run(lock_command, guarded(long_one("trap '' TERM; "), 1));
  thief.join();
  EXPECT_EQ(ended.code, kLost) << ended.err;
  EXPECT_NE(ended.err.find("killed by signal 9"), std::string::npos) << ended.err;
  expect_all_ended();
}

TEST_F(LockCommandTest, NothingRunsWithoutTheLock) {
  const auto code = [&](const char* wanted, int64_t wait_s = 0) {
    Arguments a = guarded(marks(), 10, wait_s);
    a.timeout_ms = 1500;
    const Ended ended = run(lock_command, a);
    EXPECT_NE(ended.err.find(wanted), std::string::npos) << ended.err;
    EXPECT_NE(ended.err.find("not run"), std::string::npos) << ended.err;
    a.json = true;
    const Ended json = run(lock_command, a);
    EXPECT_EQ(json.code, ended.code);
    EXPECT_NE(json.err.find(R"("result":null)"), std::string::npos) << json.err;
    return ended.code;
  };
  held_by_another("host-b:7", 60'000);
  EXPECT_EQ(code("is held by host-b:7"), exit_code(Outcome::kRefused));
  registers_.clear();
  ask("lock", Op::kSet, "precious");
  EXPECT_EQ(code("foreign"), exit_code(Outcome::kRefused));
  EXPECT_EQ(value_of("lock"), "precious");
  ask("lock", Op::kSeal, {}, 1);
  EXPECT_EQ(code("sealed"), exit_code(Outcome::kRefused));
  registers_.clear();
  set_trouble(always(Status::kUnavailable, [](const auto&) { return true; }));
  EXPECT_EQ(code("unavailable"), exit_code(Outcome::kUnavailable));
  set_trouble(always(Status::kUnknown, [](const auto& r) { return r.operation == Op::kCas; }));
  EXPECT_EQ(code("unknown"), exit_code(Outcome::kUnknown));
  EXPECT_EQ(times_ran(), 0u);
}

TEST_F(LockCommandTest, WaitsForAsLongAsItWasToldTo) {
  held_by_another("host-b:7", 3'600'000);
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(run(lock_command, guarded(marks(), 10, 1)).code, exit_code(Outcome::kRefused));
  const auto took = std::chrono::steady_clock::now() - begun;
  EXPECT_GE(took, std::chrono::seconds(1));
  EXPECT_LT(took, std::chrono::seconds(5));
  std::thread later([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    ask("lock", Op::kSet, "once-lock 1 free\n");
  });
  EXPECT_EQ(run(lock_command, guarded(marks("exit 3"))).code, 3);
  later.join();
  EXPECT_EQ(times_ran(), 1u);
}

TEST_F(LockCommandTest, ASignalEndsTheWaitAndNothingRuns) {
  held_by_another("host-b:7", 3'600'000);
  std::thread other([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    kill(getpid(), SIGTERM);
  });
  const auto begun = std::chrono::steady_clock::now();
  const Ended ended = run(lock_command, guarded(marks(), 10, 60));
  other.join();
  EXPECT_EQ(ended.code, 128 + SIGTERM) << ended.err;
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
  EXPECT_EQ(times_ran(), 0u);
}

// The signal comes while the cas that takes it is on its way: what was won is released.
TEST_F(LockCommandTest, WhatIsWonInTheMomentOfASignalIsReleased) {
  std::atomic<bool> once_only{true};
  set_trouble([&](const paxos::ClientRequest& request, FakeServer::Reply&) -> std::optional<Act> {
    if (request.operation != Op::kCas || !once_only.exchange(false)) return std::nullopt;
    kill(getpid(), SIGINT);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return std::nullopt;
  });
  const Ended ended = run(lock_command, guarded(marks()));
  EXPECT_EQ(ended.code, 128 + SIGINT) << ended.err;
  EXPECT_EQ(times_ran(), 0u);
  EXPECT_EQ(value_of("lock"), "once-lock 1 free\n");
}

// Whether it was taken nobody says: two seconds are enough to ask, whatever --timeout is.
TEST_F(LockCommandTest, ASignalEndsAnAcquisitionInDoubtSoon) {
  set_trouble([](const paxos::ClientRequest& request, FakeServer::Reply&) -> std::optional<Act> {
    if (request.operation != Op::kCas) return std::nullopt;
    kill(getpid(), SIGTERM);
    return Act::kSilence;
  });
  Arguments a = guarded(marks());
  a.timeout_ms = 60'000;
  const auto begun = std::chrono::steady_clock::now();
  const Ended ended = run(lock_command, a);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(30));
  EXPECT_EQ(ended.code, 128 + SIGTERM) << ended.err;
  EXPECT_NE(ended.err.find("It may be held in our name for 10 s"), std::string::npos) << ended.err;
  EXPECT_EQ(times_ran(), 0u);
}

// Two seconds are for whoever waits for them. Of three tries one in time is enough: the machine may
// be busy.
TEST_F(LockCommandTest, ASecondSignalEndsAnAcquisitionInDoubtAtOnce) {
  set_trouble([](const paxos::ClientRequest& request, FakeServer::Reply&) -> std::optional<Act> {
    if (request.operation != Op::kCas) return std::nullopt;
    kill(getpid(), SIGTERM);
    return Act::kSilence;
  });
  Arguments a = guarded(marks());
  a.timeout_ms = 60'000;
  int64_t shortest = 60 * kSecond;
  for (int attempt = 0; attempt < 3 && shortest > 1900 * kMs; ++attempt) {
    const int64_t begun = now_ns();
    std::thread second = signal_soon(SIGINT);
    const Ended ended = run(lock_command, a);
    second.join();
    EXPECT_EQ(ended.code, 128 + SIGTERM) << ended.err;
    shortest = std::min(shortest, now_ns() - begun);
  }
  EXPECT_LT(shortest, 1900 * kMs);
  EXPECT_EQ(times_ran(), 0u);
}

// It is held, but came so late that it is renewed before it is used.
TEST_F(LockCommandTest, ASignalBeforeTheLockIsUsedEndsItsReleaseSoon) {
  set_trouble([](const paxos::ClientRequest& request, FakeServer::Reply&) -> std::optional<Act> {
    if (request.value.find("free") == std::string_view::npos) return std::nullopt;
    return Act::kSilence;
  });
  Arguments a = guarded(marks(), 120);
  a.timeout_ms = 60'000;
  a.grace_ms = 150'000;  // no renewal is enough
  std::thread other = signal_soon(SIGTERM);
  const int64_t begun = now_ns();
  const Ended ended = run(lock_command, a);
  other.join();
  EXPECT_LT(now_ns() - begun, 30 * kSecond);
  EXPECT_EQ(ended.code, 128 + SIGTERM) << ended.err;
  EXPECT_NE(ended.err.find("It may be held in our name for 120 s"), std::string::npos) << ended.err;
  EXPECT_EQ(times_ran(), 0u);
}

// The command has ended; the user need not wait for a majority that is gone.
TEST_F(LockCommandTest, ASignalEndsTheReleaseSoon) {
  set_trouble([](const paxos::ClientRequest& request, FakeServer::Reply&) -> std::optional<Act> {
    if (request.value.find("free") == std::string_view::npos) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    kill(getpid(), SIGTERM);
    return Act::kSilence;
  });
  Arguments a = guarded(marks(), 100);
  a.timeout_ms = 60'000;
  const auto begun = std::chrono::steady_clock::now();
  const Ended ended = run(lock_command, a);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(30));
  EXPECT_EQ(ended.code, 128 + SIGTERM) << ended.err;
  EXPECT_NE(ended.err.find("it may be held in our name for 100 s"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find("it exited with 0"), std::string::npos) << ended.err;
  EXPECT_EQ(times_ran(), 1u);
}

// A signal that ended the command may be heard of a moment after that; and one that comes later
// changes nothing where the lock is released in time.
TEST_F(LockCommandTest, AReleaseThatIsAnsweredIsOneAfterASignalToo) {
  for (const int wait_ms : {0, 500}) {
    set_trouble(
        [wait_ms](const paxos::ClientRequest& request, FakeServer::Reply&) -> std::optional<Act> {
          if (request.value.find("free") == std::string_view::npos) return std::nullopt;
          std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
          kill(getpid(), SIGINT);
          std::this_thread::sleep_for(std::chrono::milliseconds(100));
          return std::nullopt;
        });
    const Ended ended = run(lock_command, guarded(marks("exit 4")));
    EXPECT_EQ(ended.code, 4) << ended.err;
    EXPECT_EQ(ended.err, "");
    EXPECT_EQ(value_of("lock"), "once-lock " + value_of("lock").substr(10, 1) + " free\n");
  }
}

// A lock that is over before its command could begin is not waited for any longer.
TEST_F(LockCommandTest, ALockThatCameLateAndCannotBeRenewedIsNotUsed) {
  std::atomic<int> changes{0};
  set_trouble([&](const paxos::ClientRequest& request, FakeServer::Reply&) -> std::optional<Act> {
    if (request.operation != Op::kCas) return std::nullopt;
    if (changes++ != 0) return Act::kSilence;
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    return std::nullopt;
  });
  std::atomic<bool> over{false};
  std::thread impatient([&] {
    for (int i = 0; i < 1000 && !over; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    if (!over) kill(getpid(), SIGTERM);
  });
  const Ended ended = run(lock_command, guarded(marks(), 2));
  over = true;
  impatient.join();
  EXPECT_EQ(ended.code, exit_code(Outcome::kUnavailable)) << ended.err;
  EXPECT_NE(ended.err.find("could not be renewed before it was used"), std::string::npos)
      << ended.err;
  EXPECT_EQ(times_ran(), 0u);
}

TEST_F(LockCommandTest, TheTimeoutIsThatOfTheCommandLine) {
  set_trouble(always(Status::kUnavailable, [](const auto&) { return true; }));
  Arguments a = guarded(marks(), 10, 0);
  a.timeout_ms = 200;
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(run(lock_command, a).code, exit_code(Outcome::kUnavailable));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(4));
}

// For the front, which ends the command should the keeper be killed.
TEST_F(LockCommandTest, TheTestamentGivesTheCommandItsGrace) {
  Testament testament;
  front_link().testament = &testament;
  Arguments a = guarded(marks());
  a.grace_ms = 1234;
  const Ended ended = run(lock_command, a);
  front_link().testament = nullptr;
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_TRUE(testament.command_runs);
  EXPECT_EQ(testament.wills[1].exit_code, kLost);
  EXPECT_EQ(testament.grace_ms, 1234);
  EXPECT_EQ(testament.kill_at_ns, INT64_MAX) << "nobody has ended it";
  EXPECT_STREQ(testament.wills[1].words, "") << "the front's own";

  Testament for_programs;
  front_link().testament = &for_programs;
  a.json = true;
  EXPECT_EQ(run(lock_command, a).code, 0);
  front_link().testament = nullptr;
  const std::string object = for_programs.wills[1].words;
  EXPECT_TRUE(object.starts_with(R"({"name":"lock","outcome":"lost","token":)")) << object;
  EXPECT_TRUE(object.ends_with(R"(the command was stopped","result":null})")) << object;
}

// And after the end of the command, should the keeper be killed while it releases the lock.
TEST_F(LockCommandTest, TheTestamentTellsHowTheCommandEnded) {
  Testament testament;
  front_link().testament = &testament;
  Arguments a = guarded(marks("exit 4"));
  EXPECT_EQ(run(lock_command, a).code, 4);
  EXPECT_TRUE(testament.command_ended);
  EXPECT_EQ(testament.will().exit_code, 4);
  EXPECT_EQ(std::string(testament.will().words),
            "once lock: lock may not be released (" + std::string(kKeeperKilledLater) +
                "); if it is not, it frees itself after 10 s; the command: it exited with 4");
  EXPECT_TRUE(testament.told);
  a.json = true;
  EXPECT_EQ(run(lock_command, a).code, 4);
  const std::string object = testament.will().words;
  EXPECT_TRUE(object.starts_with(R"({"name":"lock","outcome":"unknown","token":3,)")) << object;
  EXPECT_NE(object.find(R"("result":{"exit":4,)"), std::string::npos) << object;
  front_link().testament = nullptr;
}

// It was told to end in time, and is not taken for one that ended by itself.
TEST_F(LockCommandTest, TheTestamentOfACommandThatWasToldToEndIsThatOfALostLock) {
  Testament testament;
  front_link().testament = &testament;
  std::thread thief = when_up([this] { ask("lock", Op::kSet, "somebody's"); });
  const int64_t begun = now_ns();
  EXPECT_EQ(run(lock_command, guarded(long_one(), 1)).code, kLost);
  thief.join();
  front_link().testament = nullptr;
  EXPECT_FALSE(testament.command_ended);
  EXPECT_EQ(testament.will().exit_code, kLost);
  EXPECT_GT(testament.kill_at_ns, begun);
  EXPECT_LT(testament.kill_at_ns, now_ns() + 2 * kSecond) << "when the keeper would have killed it";
}

TEST_F(LockCommandTest, TheLongestObjectFitsIntoTheTestament) {
  const std::string name(1024, '\x01');
  const std::string words = "for the longest, " + std::string(kKeeperKilled);
  const JobClaim claim{std::string(256, '\x01'), INT32_MAX, std::string(64, 'x'),
                       std::string(32, 'f')};
  EXPECT_LE(run_json(name, true, claim, nullptr, words).size(), kMostLastWords);
  const LockStory story{"lost", UINT64_MAX, {}, words};
  EXPECT_LE(lock_json(name, story, nullptr).size(), kMostLastWords);
}

TEST_F(LockCommandTest, WhoHoldsItIsToldToPeopleAndToPrograms) {
  held_by_another("host-b:7", 60'000);
  Arguments a = guarded(marks(), 10, 0);
  const Ended ended = run(lock_command, a);
  EXPECT_EQ(ended.err, "once lock: lock is held by host-b:7; the command was not run\n");
  a.json = true;
  const Ended json = run(lock_command, a);
  EXPECT_EQ(json.err, R"({"name":"lock","outcome":"busy","owner":"host-b:7",)"
                      R"("message":"the lock is held by host-b:7","result":null})"
                      "\n");
  a.wait_s = 1;
  a.json = false;
  EXPECT_NE(run(lock_command, a).err.find("host-b:7, also after 1 s (--wait); the command"),
            std::string::npos);
}

// The answer is so late that the command would have to end at once: it is renewed first.
TEST_F(LockCommandTest, ALockThatCameLateIsRenewedBeforeItIsUsed) {
  std::atomic<int> changes{0};
  set_trouble([&](const paxos::ClientRequest& request, FakeServer::Reply&) -> std::optional<Act> {
    if (request.operation != Op::kCas) return std::nullopt;
    const int delay_ms[] = {1500, 200};
    if (const int which = changes++; which < 2) {
      std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms[which]));
    }
    return std::nullopt;
  });
  const Ended ended = run(lock_command, guarded(marks("sleep 0.3; exit 4"), 2));
  EXPECT_EQ(ended.code, 4) << ended.err;
  EXPECT_EQ(times_ran(), 1u);
}

TEST_F(LockCommandTest, ASignalReachesAllOfTheCommand) {
  std::thread other = when_up([] { kill(getpid(), SIGHUP); });
  const Ended ended = run(lock_command, guarded(long_one()));
  other.join();
  EXPECT_EQ(ended.code, 128 + SIGHUP) << ended.err;
  expect_all_ended();
  EXPECT_EQ(value_of("lock"), "once-lock 1 free\n");
}

TEST_F(LockCommandTest, ALockThatCannotBeReleasedIsSaid) {
  set_trouble([](const paxos::ClientRequest& request, FakeServer::Reply&) -> std::optional<Act> {
    if (request.value.find("free") == std::string_view::npos) return std::nullopt;
    return Act::kSilence;
  });
  Arguments a = guarded(marks("exit 4"));
  a.timeout_ms = 500;
  const Ended ended = run(lock_command, a);
  EXPECT_EQ(ended.code, 4) << "the command's own";
  EXPECT_NE(ended.err.find("could not be released"), std::string::npos) << ended.err;
}

TEST_F(LockCommandTest, ACommandThatCannotStartLeavesTheLockFree) {
  const std::string script = testing::TempDir() + "/no-interpreter-" + std::to_string(getpid());
  std::ofstream(script) << "#!/no-such-interpreter";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  const Ended ended = run(lock_command, guarded({script}));
  std::filesystem::remove(script);
  EXPECT_EQ(ended.code, 127);
  EXPECT_NE(ended.err.find("cannot start"), std::string::npos) << ended.err;
  EXPECT_EQ(value_of("lock"), "once-lock 1 free\n");
}

TEST_F(LockCommandTest, ACommandThatIsNotThereAsksForNoLock) {
  for (const auto& [program, code] :
       {std::pair("no-such-program-anywhere", 127), std::pair("/", 126), std::pair("", 127)}) {
    const Ended ended = run(lock_command, guarded({program}));
    EXPECT_EQ(ended.code, code) << program;
    EXPECT_NE(ended.err.find("nothing was asked for"), std::string::npos) << ended.err;
    EXPECT_EQ(value_of("lock"), "");
  }
}

}  // namespace lock_command_test
}  // namespace once::client

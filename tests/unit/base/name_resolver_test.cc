// Names that are looked up in the background: who waits for whom, and what is known meanwhile.
#include "base/name_resolver.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <thread>

#include "tests/unit/base/fake_names.h"

namespace once {
namespace name_resolver_test {

constexpr int64_t kMs = 1'000'000;

std::string text_of(const NameResolver::Found& found) {
  std::string text = found.trouble;
  for (const SocketAddress& address : found.addresses) text += to_text(address) + " ";
  return text;
}

int64_t in_ms(int64_t ms) { return (monotonic_ms() + ms) * kMs; }

// What find() says once `enough` says so; gives up after 10 s.
std::string eventually(NameResolver& names, const std::string& address,
                       const std::function<bool(const std::string&)>& enough) {
  std::string text;
  for (const int64_t end = monotonic_ms() + 10'000; monotonic_ms() < end;) {
    text = text_of(names.find(address));
    if (enough(text)) return text;
    std::this_thread::yield();
  }
  ADD_FAILURE() << "still " << text;
  return text;
}

TEST(NameResolver, NumericHostsAreAnsweredWithoutALookUp) {
  FakeNames server;
  const auto names = server.resolver();
  EXPECT_EQ(text_of(names->find("127.0.0.1:7401")), "127.0.0.1:7401 ");
  EXPECT_EQ(text_of(names->find("[::1]:65535")), "[::1]:65535 ");
  EXPECT_EQ(server.asked("127.0.0.1"), 0);
  EXPECT_EQ(server.asked("::1"), 0);
}

TEST(NameResolver, WhatIsNoAddressIsSaidAtOnce) {
  NameResolver names;
  for (const char* bad : {"node", "node:", ":7401", "[]:7401", "node:http", "node:65536"}) {
    EXPECT_NE(names.find(bad).trouble.find(bad), std::string::npos) << bad;
  }
}

TEST(NameResolver, ANameIsLookedUpOnceForAllItsPortsAndNobodyWaits) {
  FakeNames server;
  const auto names = server.resolver();
  std::atomic<int> told{0};
  const NameResolver::Watch watch(*names, [&] { ++told; });
  const int64_t begun = monotonic_ms();
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(names->find("node:" + std::to_string(i)).pending());
  EXPECT_LT(monotonic_ms() - begun, 1000);
  server.answer("node", {"127.0.0.1", "::1"});
  const auto found = names->find_until("node:7401", in_ms(10'000));
  EXPECT_EQ(text_of(found), "127.0.0.1:7401 [::1]:7401 ");
  while (told == 0) std::this_thread::yield();
  EXPECT_EQ(text_of(names->find("node:7402")), "127.0.0.1:7402 [::1]:7402 ");
  EXPECT_EQ(server.asked("node"), 1);
}

TEST(NameResolver, ASilentNameHoldsUpNoOther) {
  FakeNames server;
  const auto names = server.resolver();
  server.answer("good", {"127.0.0.1"});
  for (int i = 0; i < 50; ++i) names->find("silent" + std::to_string(i) + ":1");
  EXPECT_EQ(text_of(names->find_until("good:1", in_ms(10'000))), "127.0.0.1:1 ");
  EXPECT_TRUE(names->find("silent7:1").pending());
}

// Those are kept from the thread that looks up alone.
TEST(NameResolver, WhoeverAsksHearsItsSignalsAfterwards) {
  FakeNames server;
  const auto names = server.resolver();
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  EXPECT_TRUE(names->find("silent:1").pending());
  pthread_sigmask(SIG_SETMASK, &before, &blocked);
  EXPECT_EQ(sigismember(&blocked, SIGTERM), 0);
  EXPECT_EQ(sigismember(&blocked, SIGUSR1), 1) << "it was not heard before";
}

TEST(NameResolver, WaitingForANameEndsAtItsDeadline) {
  FakeNames server;
  const auto names = server.resolver();
  const int64_t begun = monotonic_ms();
  EXPECT_TRUE(names->find_until("silent:1", in_ms(100)).pending());
  EXPECT_GE(monotonic_ms() - begun, 99);
  EXPECT_LT(monotonic_ms() - begun, 5000);
}

TEST(NameResolver, AnAddressThatChangesIsFollowedAndTheOldOneIsGivenMeanwhile) {
  FakeNames server;
  const auto names = server.resolver(1);
  server.answer("node", {"127.0.0.1"});
  EXPECT_EQ(text_of(names->find_until("node:1", in_ms(10'000))), "127.0.0.1:1 ");
  server.silence("node");
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(text_of(names->find("node:1")), "127.0.0.1:1 ");
  server.answer("node", {"127.0.0.2"});
  eventually(*names, "node:1", [](const auto& text) { return text == "127.0.0.2:1 "; });
  EXPECT_EQ(server.at_once(), 1);
}

TEST(NameResolver, WhatIsFreshIsNotLookedUpAgain) {
  FakeNames server;
  const auto names = server.resolver();
  server.answer("node", {"127.0.0.1"});
  names->find_until("node:1", in_ms(10'000));
  for (int i = 0; i < 100; ++i) names->find("node:1");
  EXPECT_EQ(server.asked("node"), 1);
}

TEST(NameResolver, ALookUpThatFailsKeepsWhatIsKnown) {
  FakeNames server;
  const auto names = server.resolver(1);
  server.answer("node", {"127.0.0.1"});
  names->find_until("node:1", in_ms(10'000));
  const int before = server.asked("node");
  server.fail("node", "no such name");
  eventually(*names, "node:1", [&](const auto&) { return server.asked("node") > before + 3; });
  EXPECT_EQ(text_of(names->find("node:1")), "127.0.0.1:1 ");
}

TEST(NameResolver, AFailureIsToldForAWhileAndThenTriedAgain) {
  FakeNames server;
  NameResolver::Settings settings;
  settings.look_up = server.look_up();
  settings.failure_lasts_ns = 1000 * kMs;
  NameResolver names(settings);
  server.fail("node", "no such name");
  const auto found = names.find_until("node:1", in_ms(10'000));
  EXPECT_EQ(found.trouble, "cannot resolve \"node:1\": no such name; check the host name and port");
  EXPECT_EQ(names.find("node:1").trouble, found.trouble);
  EXPECT_EQ(server.asked("node"), 1);
  server.answer("node", {"127.0.0.1"});
  eventually(names, "node:1", [](const auto& text) { return text == "127.0.0.1:1 "; });
  EXPECT_EQ(server.asked("node"), 2);
}

// An hour of the one does not keep the other.
TEST(NameResolver, FailuresLastAsLongAsFailuresAndAddressesAsLongAsAddresses) {
  constexpr int64_t kHourNs = 3'600'000 * kMs;
  FakeNames server;
  NameResolver::Settings settings;
  settings.look_up = server.look_up();
  settings.failure_lasts_ns = 1;
  settings.refresh_after_ns = kHourNs;
  NameResolver soon_tried_again(settings);
  server.fail("node", "no such name");
  const auto again = [&](const auto&) { return server.asked("node") > 1; };
  eventually(soon_tried_again, "node:1", again);
  server.answer("node", {"127.0.0.1"});
  eventually(soon_tried_again, "node:1", [](const auto& text) { return text == "127.0.0.1:1 "; });
  settings.failure_lasts_ns = kHourNs;
  settings.refresh_after_ns = 1;
  NameResolver soon_renewed(settings);
  EXPECT_EQ(text_of(soon_renewed.find_until("node:1", in_ms(10'000))), "127.0.0.1:1 ");
  server.answer("node", {"127.0.0.2"});
  eventually(soon_renewed, "node:1", [](const auto& text) { return text == "127.0.0.2:1 "; });
}

TEST(NameResolver, NamesAreBoundedAndTheOnesThatAreNotUsedMakeRoom) {
  FakeNames server;
  NameResolver::Settings settings;
  settings.look_up = server.look_up();
  settings.max_names = 2;
  NameResolver names(settings);
  names.find("silent:1");
  server.answer("a", {"127.0.0.1"});
  names.find_until("a:1", in_ms(10'000));
  server.answer("b", {"127.0.0.1"});
  EXPECT_EQ(text_of(names.find_until("b:1", in_ms(10'000))), "127.0.0.1:1 ");  // in the place of a
  names.find_until("a:1", in_ms(10'000));
  EXPECT_EQ(server.asked("a"), 2);
  names.find("other:1");  // silent too
  EXPECT_NE(names.find("b:1").trouble.find("too many names"), std::string::npos);
  while (server.asked("silent") == 0) std::this_thread::yield();  // its thread may be slow to start
  EXPECT_EQ(server.asked("silent"), 1);
}

TEST(NameResolver, NobodyWaitsForALookUpAtTheEnd) {
  FakeNames server;
  std::atomic<int> told{0};
  const int64_t begun = monotonic_ms();
  {
    const auto names = server.resolver();
    const NameResolver::Watch watch(*names, [&] { ++told; });
    names->find("silent:1");
  }
  EXPECT_LT(monotonic_ms() - begun, 5000);
  server.answer("silent", {"127.0.0.1"});
  const auto other = server.resolver();
  other->find_until("silent:1", in_ms(10'000));
  EXPECT_EQ(told, 0);
}

TEST(NameResolver, AWatchThatIsGoneIsNotTold) {
  FakeNames server;
  const auto names = server.resolver();
  int told = 0;  // not atomic: nobody may touch it any more
  auto watch = std::make_unique<NameResolver::Watch>(*names, [&] { ++told; });
  names->find("node:1");
  watch.reset();
  server.answer("node", {"127.0.0.1"});
  std::atomic<bool> done{false};
  const NameResolver::Watch other(*names, [&] { done = true; });
  names->find("second:1");
  server.answer("second", {"127.0.0.1"});
  while (!done) std::this_thread::yield();
  EXPECT_EQ(told, 0);
}

TEST(NameResolverDeath, TheProcessEndsWhileANameIsLookedUp) {
  EXPECT_EXIT(
      {
        FakeNames server;
        const auto names = server.resolver();
        names->find("silent:1");
        while (server.asked("silent") == 0) std::this_thread::yield();
        alarm(5);
        std::exit(0);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace name_resolver_test
}  // namespace once

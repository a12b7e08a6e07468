// Ctrl-C in a run, and between two runs of a series. Each test is a process of its own: what a
// signal does to a process is not undone.
#include "bench/interrupt.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include "tests/unit/reactor/fileless_io.h"

namespace once::bench {
namespace interrupt_test {

constexpr int kWoken = 100;

// Nobody asks it for anything but to be woken.
class WokenIo final : public FilelessIo {
 public:
  int64_t now_ns() const override { return 0; }
  Result<reactor::ListenerId> listen(const std::string&, reactor::ListenHandler*) override {
    return error("no streams here");
  }
  reactor::StreamId connect(const std::string&, reactor::StreamHandler*) override { return {}; }
  std::vector<char>* outbox(reactor::StreamId) override { return nullptr; }
  size_t unsent_bytes(reactor::StreamId) const override { return 0; }
  void close(reactor::StreamId) override {}
  void set_handler(reactor::StreamId, reactor::StreamHandler*) override {}
  std::unique_ptr<reactor::Handoff> detach(reactor::StreamId, std::string_view) override {
    return nullptr;
  }
  reactor::StreamId adopt(std::unique_ptr<reactor::Handoff>, reactor::StreamHandler*) override {
    return {};
  }
  void set_timer(int64_t, uint64_t) override {}
  void wake() override { woken = true; }
  void run(reactor::BatchHandler*) override {}
  void stop() override {}

  bool woken = false;
};

// As a process that a shell has just started; it ends with the number of the signal that it knows.
template <class Then>
[[noreturn]] void fresh(Then then) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const bool woken = then();
  exit((woken ? kWoken : 0) + interrupted());
}

TEST(Interrupt, ASignalWakesTheRunAndIsKnown) {
  const auto in_a_run = [](int number) {
    fresh([number] {
      WokenIo io;
      const EndOnSignals ends(io);
      raise(number);
      return io.woken;
    });
  };
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    EXPECT_EXIT(in_a_run(number), testing::ExitedWithCode(kWoken + number), "");
  }
}

// The Io of a run is gone when the next one has not begun: nothing of it may be touched.
TEST(Interrupt, BetweenTwoRunsNoIoIsWokenAndTheNextRunKnows) {
  const auto between = [] {
    fresh([] {
      WokenIo first;
      { const EndOnSignals ends(first); }
      raise(SIGINT);
      WokenIo second;
      const EndOnSignals ends(second);
      return first.woken || second.woken;
    });
  };
  EXPECT_EXIT(between(), testing::ExitedWithCode(SIGINT), "");
}

TEST(Interrupt, TheSecondSignalEndsTheProcessInALaterRunToo) {
  const auto twice = [] {
    fresh([] {
      WokenIo first;
      {
        const EndOnSignals ends(first);
        raise(SIGINT);
      }
      const EndOnSignals ends(first);
      raise(SIGINT);
      return true;
    });
  };
  EXPECT_EXIT(twice(), testing::KilledBySignal(SIGINT), "");
}

TEST(Interrupt, UnderNohupTheEndOfTheTerminalIsNoReasonToEnd) {
  const auto ignored = [] {
    fresh([] {
      signal(SIGHUP, SIG_IGN);
      WokenIo io;
      const EndOnSignals ends(io);
      raise(SIGHUP);
      return io.woken;
    });
  };
  EXPECT_EXIT(ignored(), testing::ExitedWithCode(0), "");
}

}  // namespace interrupt_test
}  // namespace once::bench

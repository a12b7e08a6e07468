// Connects of the loop to host names: the loop goes on while they are looked up, and each of their
// addresses is tried.
#include "tests/unit/base/fake_names.h"
#include "tests/unit/reactor/reactor_fixture.h"

namespace once::reactor {
namespace uring_names_test {

constexpr int64_t kMs = 1'000'000;

class UringNames : public BothBackends {
 protected:
  UringNames() { remake(); }
  void remake() {
    auto io = make_io({.backend = GetParam(), .names = names_});
    EXPECT_TRUE(io.has_value());
    loop_.io = std::move(*io);
  }
  void listen() { ASSERT_TRUE(loop_.io->listen(address_, &loop_).has_value()); }
  std::string at(const std::string& host) const {
    return host + ":" + std::to_string(port_of(address_));
  }
  void after(int64_t ms, uint64_t token = 1) {
    loop_.io->set_timer(loop_.io->now_ns() + ms * kMs, token);
  }
  // Why a connect fails that must fail.
  std::string failure_of(const std::string& address) {
    std::string text;
    loop_.connected = [](StreamId) { ADD_FAILURE(); };
    loop_.closed = [&](StreamId, std::string_view why) {
      text = why;
      loop_.io->stop();
    };
    loop_.io->connect(address, &loop_);
    loop_.run();
    return text;
  }

  FakeNames server_;
  std::shared_ptr<NameResolver> names_ = server_.resolver();
  Loop loop_;
  std::string address_ = free_address();
};
INSTANTIATE_TEST_SUITE_P(Io, UringNames, testing::Values(Backend::kUring, Backend::kEpoll),
                         backend_name);

TEST_P(UringNames, TheLoopGoesOnWhileANameIsLookedUp) {
  listen();
  const StreamId named = loop_.io->connect(at("node"), &loop_);
  loop_.send(named, "early");  // waits in the outbox
  StreamId other;
  int ticks = 0;
  bool others_bytes = false;
  std::string got;
  loop_.timer = [&](uint64_t) {
    if (++ticks == 1) {
      other = loop_.io->connect(address_, &loop_);
      loop_.send(other, "other");
    }
    if (ticks < 20) return after(10);
    EXPECT_TRUE(others_bytes);
    server_.answer("node", {"127.0.0.1"});
  };
  loop_.connected = [&](StreamId stream) {
    EXPECT_TRUE(!(stream == named) || ticks == 20) << ticks;
  };
  loop_.bytes = [&](StreamId, std::string_view bytes) {
    if (bytes == "other") others_bytes = true;
    if (bytes != "early") return;
    got = bytes;
    loop_.io->stop();
  };
  after(10);
  loop_.run();
  EXPECT_EQ(got, "early");
}

TEST_P(UringNames, EachAddressIsTriedUntilOneConnects) {
  listen();
  server_.answer("node", {"127.0.0.4", "127.0.0.3", "127.0.0.1"});
  StreamId client = loop_.io->connect(at("node"), &loop_);
  loop_.connected = [&](StreamId stream) {
    EXPECT_TRUE(stream == client);
    loop_.io->stop();
  };
  loop_.closed = [](StreamId, std::string_view why) { ADD_FAILURE() << why; };
  loop_.run();
}

TEST_P(UringNames, AnAddressThatSaysNothingLeavesTimeForTheNext) {
  listen();
  const BlackHole hole(port_of(address_));
  server_.answer("node", {"127.0.0.2", "127.0.0.1"});
  const int64_t begun = monotonic_ms();
  int ticks = 0;
  loop_.timer = [&](uint64_t) {
    ++ticks;
    after(10);
  };
  loop_.connected = [&](StreamId) { loop_.io->stop(); };
  loop_.closed = [](StreamId, std::string_view why) { ADD_FAILURE() << why; };
  after(10);
  loop_.io->connect(at("node"), &loop_);
  loop_.run();
  EXPECT_GE(monotonic_ms() - begun, 300);  // it did say nothing
  EXPECT_LT(monotonic_ms() - begun, 3500);
  EXPECT_GE(ticks, 3) << "the core waited for it";
}

TEST_P(UringNames, AFailureNamesAllThatWereTried) {
  server_.answer("node", {"127.0.0.4", "127.0.0.3"});
  const std::string refused = "Connection refused (errno 111)";
  EXPECT_EQ(failure_of(at("node")), "cannot connect to " + at("node") + ": " + at("127.0.0.4") +
                                        ": " + refused + "; " + at("127.0.0.3") + ": " + refused);
  remake();
  EXPECT_EQ(failure_of(address_), "cannot connect to " + address_ + ": " + refused);
}

// The first one was given up, the second one was not.
TEST_P(UringNames, AFailureSaysWhyOfEachAddress) {
  const BlackHole hole(port_of(address_));
  server_.answer("node", {"127.0.0.2", "127.0.0.4"});
  EXPECT_EQ(failure_of(at("node")), "cannot connect to " + at("node") + ": " + at("127.0.0.2") +
                                        ": no answer in time; " + at("127.0.0.4") +
                                        ": Connection refused (errno 111)");
}

TEST_P(UringNames, AFailureSpeaksOfItsOwnConnectOnly) {
  std::vector<std::string> whys;
  loop_.closed = [&](StreamId, std::string_view why) {
    whys.emplace_back(why);
    if (whys.size() == 2) return loop_.io->stop();
    loop_.io->connect(address_, &loop_);
  };
  loop_.io->connect(address_, &loop_);
  loop_.run();
  ASSERT_EQ(whys.size(), 2u);
  EXPECT_EQ(whys[0], whys[1]) << "the second one had the slot of the first";
}

TEST_P(UringNames, AnAddressThatFailedKeepsNoDescriptor) {
  const auto count = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  server_.answer("node", {"127.0.0.4", "127.0.0.3", "127.0.0.5"});
  while (names_->find(at("node")).pending()) std::this_thread::yield();
  const auto before = count();
  failure_of(at("node"));
  EXPECT_EQ(count(), before);
}

// Less is for those behind which there is another one.
TEST_P(UringNames, TheLastAddressHasItsWholePatience) {
  const BlackHole hole(port_of(address_));
  for (const std::vector<std::string>& addresses :
       {std::vector<std::string>{"127.0.0.2"}, {"127.0.0.4", "127.0.0.2"}}) {
    const std::string name = "node" + std::to_string(addresses.size());
    remake();
    server_.answer(name, addresses);
    loop_.closed = [](StreamId, std::string_view why) { ADD_FAILURE() << why; };
    loop_.timer = [&](uint64_t) { loop_.io->stop(); };
    loop_.io->connect(at(name), &loop_);
    after(800);
    loop_.run();
  }
}

TEST_P(UringNames, ALookUpThatFailsSaysWhy) {
  server_.fail("node", "no such name");
  EXPECT_EQ(failure_of(at("node")),
            "cannot resolve \"" + at("node") + "\": no such name; check the host name and port");
}

TEST_P(UringNames, ASilentNameServerIsNamedBeforePeersLosePatience) {
  const std::string why = failure_of(at("node"));
  EXPECT_NE(why.find("could not be looked up in time"), std::string::npos) << why;
}

TEST_P(UringNames, ANameThatIsKnownLaterIsStillWaitedFor) {
  listen();
  const StreamId first = loop_.io->connect(at("first"), &loop_);
  const StreamId second = loop_.io->connect(at("second"), &loop_);
  loop_.connected = [&](StreamId stream) {
    if (stream == second) return loop_.io->stop();
    EXPECT_EQ(stream, first);
    server_.answer("second", {"127.0.0.1"});
  };
  loop_.closed = [&](StreamId, std::string_view why) {
    ADD_FAILURE() << why;
    loop_.io->stop();
  };
  server_.answer("first", {"127.0.0.1"});
  loop_.run();
}

TEST_P(UringNames, AStreamThatIsClosedWhileItsNameIsLookedUpStaysClosed) {
  listen();
  const StreamId named = loop_.io->connect(at("node"), &loop_);
  StreamId second;
  loop_.connected = [&](StreamId stream) { EXPECT_FALSE(stream == named); };
  loop_.closed = [&](StreamId stream, std::string_view) {
    EXPECT_TRUE(stream == named);
    // Its slot is used again, by one whose name is not known either.
    second = loop_.io->connect(at("other"), &loop_);
    server_.answer("node", {"127.0.0.1"});
    after(100, 2);
  };
  loop_.timer = [&](uint64_t token) {
    if (token == 1) return loop_.io->close(named);
    EXPECT_NE(loop_.io->outbox(second), nullptr);
    loop_.io->stop();
  };
  after(10);
  loop_.run();
  EXPECT_FALSE(second == named);
}

TEST_P(UringNames, ALoopMayEndWhileANameIsLookedUp) {
  loop_.io->connect(at("node"), &loop_);
  loop_.timer = [&](uint64_t) { loop_.io->stop(); };
  after(10);
  loop_.run();
  const int64_t begun = monotonic_ms();
  loop_.io.reset();
  EXPECT_LT(monotonic_ms() - begun, 5000);
  server_.answer("node", {"127.0.0.1"});
  while (names_->find(at("node")).pending()) std::this_thread::yield();
}

TEST_P(UringNames, TheLoopsOfANodeAskOnce) {
  listen();
  server_.answer("node", {"127.0.0.1"});
  int connected = 0;
  loop_.connected = [&](StreamId) {
    if (++connected == 2) return loop_.io->stop();
    loop_.io->connect(at("node"), &loop_);
  };
  loop_.io->connect(at("node"), &loop_);
  loop_.run();
  EXPECT_EQ(server_.asked("node"), 1);
}

}  // namespace uring_names_test
}  // namespace once::reactor

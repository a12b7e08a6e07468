// The loop over a ring that is watched: wakes, accepts that fail, bounds, timers, ends and moves.
#include <sys/resource.h>

#include "tests/unit/reactor/uring_streams_fixture.h"

namespace once::reactor {
namespace {

using UringLoop = UringStreams;

TEST_F(UringLoop, AWakeThatComesWhileMailIsReadIsNotForgotten) {
  Loop loop;
  tap::state = {};
  int woken = 0;
  loop.woken = [&] {
    if (++woken == 10) return loop.io->stop();
    std::thread([&] { loop.io->wake(); }).join();  // mail that the reader has passed already
  };
  loop.io->wake();
  loop.run();
  EXPECT_EQ(woken, 10);
}

TEST_F(UringLoop, AWakeIsNotForgottenBesideAPreparedFile) {
  Loop loop;
  tap::state = {};
  int woken = 0;
  loop.woken = [&] {
    if (++woken == 2) loop.io->stop();
  };
  loop.prepared = [&](const std::string&) {
    EXPECT_EQ(woken, 1);
    loop.io->wake();
  };
  loop.io->wake();
  loop.timer = [&](uint64_t) { loop.io->prepare_file("/nonexistent/segment", 4096, &loop); };
  loop.io->set_timer(loop.io->now_ns() + kMs, 1);
  loop.run();
  EXPECT_EQ(woken, 2);
}

// Descriptors ran out: it neither spins nor gives up, and says so once.
TEST_F(UringLoop, AcceptingGoesOnWhenDescriptorsAreThereAgain) {
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  const PlainPeer peer(loop_.address);
  peer.write("x");
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  bool raised = false;
  int enters = 0;
  loop_.timer = [&](uint64_t token) {
    if (token == 2) return loop_.io->stop();
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    raised = true;
  };
  loop_.bytes = [&](StreamId, std::string_view) {
    EXPECT_TRUE(raised);
    tap::on_enter = [&] { return ++enters, 0; };
    after(300, 2);
  };
  testing::internal::CaptureStderr();
  // No number below the limit is free now; what was asked for before would still get one.
  const int lowest = ::dup(STDIN_FILENO);
  ::close(lowest);
  const rlimit none{static_cast<rlim_t>(lowest), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  after(250);
  loop_.run();
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(raised);
  EXPECT_LE(asked_[IORING_OP_ACCEPT], 40) << "tried again without a pause";
  EXPECT_LE(enters, 20) << "it does not rest although nothing fails any more";
  EXPECT_NE(said.find("ulimit -n"), std::string::npos) << said;
  EXPECT_EQ(said.find("ulimit -n"), said.rfind("ulimit -n")) << said;
}

inline size_t count_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

// A crowd that queued while nobody looked takes its descriptors a few at a time.
TEST_F(UringLoop, ARoundTakesAFewConnectionsOnly) {
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  std::vector<std::unique_ptr<PlainPeer>> crowd;
  for (int i = 0; i < 100; ++i) crowd.push_back(std::make_unique<PlainPeer>(loop_.address));
  size_t before = count_descriptors();
  size_t most = 0;
  size_t accepted = 0;
  answer_ = [&](uint8_t opcode, io_uring_cqe& cqe) {
    if (opcode != IORING_OP_ACCEPT || cqe.res < 0) return;
    const size_t now = count_descriptors();
    most = std::max(most, now - before - accepted);
    if (++accepted == crowd.size()) loop_.io->stop();
  };
  loop_.run();
  EXPECT_EQ(accepted, crowd.size());
  EXPECT_LE(most, 8u) << "were there before the loop had seen one of them";
}

TEST_F(UringLoop, StreamsLeaveTheLastDescriptorsToFiles) {
  std::vector<std::string> heard;
  IoOptions options;
  options.complain = [&](std::string_view text) { heard.emplace_back(text); };
  const int lowest = ::dup(STDIN_FILENO);
  ::close(lowest);
  options.highest_descriptor = lowest + 10;  // the ring, the bell, the listener, the peers
  remake(options);
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  std::vector<std::unique_ptr<PlainPeer>> peers;
  std::vector<int> numbers;
  answer_ = [&](uint8_t opcode, io_uring_cqe& cqe) {
    if (opcode == IORING_OP_ACCEPT && cqe.res >= 0) numbers.push_back(cqe.res);
  };
  for (int i = 0; i < 6; ++i) peers.push_back(std::make_unique<PlainPeer>(loop_.address));
  loop_.timer = [&](uint64_t) { loop_.io->stop(); };
  after(100);
  loop_.run();
  ASSERT_GE(numbers.size(), 6u);
  EXPECT_LT(numbers.front(), options.highest_descriptor);
  EXPECT_FALSE(peers[0]->ended());
  EXPECT_TRUE(peers[5]->ended());
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_NE(heard[0].find("ulimit -n"), std::string::npos) << heard[0];
}

TEST_F(UringLoop, AnAcceptThatWasAbortedIsMadeAgainAtOnce) {
  for (const int code : {ECONNABORTED, EINTR}) {
    OneLoop loop;
    tap::state = {};
    kinds_.clear();
    asked_.clear();
    change_ = [&](io_uring_sqe& sqe) {
      if (sqe.opcode == IORING_OP_ACCEPT && asked_[IORING_OP_ACCEPT] < 4) void_it(sqe);
    };
    int voided = 0;
    answer_ = [&](uint8_t opcode, io_uring_cqe& cqe) {
      if (opcode == IORING_OP_ACCEPT && ++voided < 4) cqe.res = -code;
    };
    testing::internal::CaptureStderr();
    loop.open();
    loop.connected = [&](StreamId stream) { loop.send(stream, "x"); };
    loop.bytes = [&](StreamId, std::string_view) { loop.io->stop(); };
    loop.run();
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "as if descriptors had run out";
    tap::state = {};
    change_ = nullptr;
    answer_ = nullptr;
  }
}

// Descriptors that come and go one by one: a line each time would be a flood.
TEST_F(UringLoop, WhoeverMadeItHearsOfFailedAcceptsOnceInTenSeconds) {
  std::vector<std::string> heard;
  IoOptions options;
  options.complain = [&](std::string_view text) { heard.emplace_back(text); };
  remake(options);
  bool fails = true;  // the next time that accepting is asked for
  int failures = 0;
  change_ = [&](io_uring_sqe& sqe) {
    if (sqe.opcode == IORING_OP_ACCEPT && std::exchange(fails, false)) void_it(sqe);
  };
  answer_ = [&](uint8_t opcode, io_uring_cqe& cqe) {
    if (opcode != IORING_OP_ACCEPT) return;
    cqe.flags &= ~unsigned{IORING_CQE_F_MORE};  // so that it is asked for again after each stream
    if (cqe.res != 0) return;
    cqe.res = -EMFILE;
    ++failures;
  };
  std::vector<std::unique_ptr<PlainPeer>> peers;
  size_t streams = 0;
  loop_.bytes = [&](StreamId, std::string_view) { ++streams; };
  testing::internal::CaptureStderr();
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  int looks = 0;
  loop_.timer = [&](uint64_t) {
    after(5);
    if (++looks > 1000) return loop_.io->stop();
    if (fails || failures <= static_cast<int>(peers.size()) || streams < peers.size()) return;
    if (peers.size() == 3) return loop_.io->stop();
    EXPECT_EQ(heard.size(), 1u) << failures;
    fails = true;
    if (peers.size() == 2) tap::skipped_ns = 11'000 * kMs;
    peers.push_back(std::make_unique<PlainPeer>(loop_.address));
    peers.back()->write("x");
  };
  after(1);
  loop_.io->run(&loop_);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(failures, 4);
  ASSERT_EQ(heard.size(), 2u);
  EXPECT_NE(heard[0].find("accept on " + loop_.address), std::string::npos) << heard[0];
  EXPECT_NE(heard[0].find("ulimit -n"), std::string::npos) << heard[0];
}

TEST_F(UringLoop, ARingThatBreaksIsTheBusinessOfWhoeverMadeIt) {
  const auto run = [this](bool with_a_callback) {
    IoOptions options;
    if (with_a_callback) {
      options.fatal = [](std::string_view text) {
        std::fprintf(stderr, "told: %.*s\n", static_cast<int>(text.size()), text.data());
        ::_exit(69);
      };
    }
    remake(options);
    tap::on_enter = [] { return -EPERM; };
    loop_.run();
  };
  EXPECT_EXIT(run(true), testing::ExitedWithCode(69),
              "^told: io_uring: io_uring_enter failed: .*not permitted.*seccomp");
  EXPECT_EXIT(run(false), testing::KilledBySignal(SIGABRT), "^io_uring: io_uring_enter failed");
}

TEST_F(UringLoop, TheProbeEntersTheRing) {
  tap::on_enter = [] { return -EPERM; };
  EXPECT_NE(probe_uring().find("allow io_uring_setup, io_uring_enter"), std::string::npos);
  tap::on_enter = nullptr;
  EXPECT_EQ(probe_uring(), "");
}

TEST_F(UringLoop, NoMoreStreamsThanAllowed) {
  IoOptions options;
  options.max_streams = 3;
  remake(options);
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  std::vector<std::unique_ptr<PlainPeer>> peers;
  for (int i = 0; i < 4; ++i) {
    peers.push_back(std::make_unique<PlainPeer>(loop_.address));
    peers.back()->write("x");
  }
  int heard = 0;
  int ended = 0;
  loop_.bytes = [&](StreamId, std::string_view) { ++heard; };
  loop_.closed = [&](StreamId, std::string_view) { ++ended; };
  loop_.timer = [&](uint64_t token) {
    if (token == 1 && heard < 3) return after(1, 1);
    if (token == 1) return after(30, 2);  // time for a fourth
    if (token == 2) {
      EXPECT_EQ(heard, 3);
      peers[0]->close();
      return after(1, 3);
    }
    if (token == 3 && ended == 0) return after(1, 3);
    if (token == 3) {
      peers.push_back(std::make_unique<PlainPeer>(loop_.address));
      peers.back()->write("x");
    }
    if (heard < 4) return after(1, 4);  // a place is free again
    EXPECT_EQ(heard, 4);
    loop_.io->stop();
  };
  after(1, 1);
  loop_.run();
}

TEST_F(UringLoop, TimersAreNeverEarlyAndAllFire) {
  Loop loop;
  tap::state = {};
  std::map<uint64_t, int64_t> due;
  std::vector<uint64_t> fired;
  const int64_t now = loop.io->now_ns();
  for (uint64_t i = 0; i < 200; ++i) {
    due[i] = now + static_cast<int64_t>(i * 7919 % 40) * kMs / 2;
    loop.io->set_timer(due[i], i);
  }
  loop.timer = [&](uint64_t token) {
    timespec real{};
    clock_gettime(CLOCK_MONOTONIC, &real);
    EXPECT_GE(real.tv_sec * 1'000'000'000 + real.tv_nsec, due[token]);
    EXPECT_GE(loop.io->now_ns(), due[token]);
    fired.push_back(token);
    if (fired.size() == due.size()) loop.io->stop();
  };
  loop.run();
  ASSERT_EQ(fired.size(), due.size());
  auto sooner = [&](uint64_t a, uint64_t b) { return std::pair(due[a], a) < std::pair(due[b], b); };
  EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end(), sooner));
}

// What a handler asks for now comes in the next round, after the others had their turn.
TEST_F(UringLoop, ATimerThatIsSetForNowByATimerWaitsForTheNextRound) {
  Loop loop;
  tap::state = {};
  std::vector<uint64_t> fired;
  loop.timer = [&](uint64_t token) {
    fired.push_back(token);
    if (token == 1) loop.io->set_timer(0, 9);
    if (token == 9) loop.io->stop();
  };
  const int64_t now = loop.io->now_ns();
  loop.io->set_timer(now, 1);
  loop.io->set_timer(now, 2);
  loop.run();
  EXPECT_EQ(fired, (std::vector<uint64_t>{1, 2, 9}));
}

TEST_F(UringLoop, AnEndIsToldAtOnce) {
  Loop loop;
  tap::state = {};
  const int64_t begin = loop.io->now_ns();
  int ended = 0;
  loop.closed = [&](StreamId, std::string_view) {
    if (++ended == 2) return loop.io->stop();
    loop.io->connect("nonsense", &loop);  // it ends at once: in this round or the next
  };
  loop.io->connect("nonsense", &loop);
  loop.run();
  EXPECT_EQ(ended, 2);
  EXPECT_LT(loop.io->now_ns() - begin, 1000 * kMs);
}

// What was appended before the move leaves first, and what was not read yet is read first.
TEST_F(UringLoop, AStreamMovesWithBothItsEnds) {
  Loop second;
  std::unique_ptr<Handoff> moving;
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  const PlainPeer peer(loop_.address);
  peer.write("abcdef");
  loop_.bytes = [&](StreamId stream, std::string_view text) {
    EXPECT_EQ(text, "abcdef");
    loop_.send(stream, "first ");
    moving = loop_.io->detach(stream, text.substr(2));
    loop_.io->stop();
  };
  loop_.run();
  ASSERT_NE(moving, nullptr);
  tap::state = {};
  peer.write("ghi");
  StreamId adopted = second.io->adopt(std::move(moving), &second);
  std::string got;
  second.bytes = [&](StreamId stream, std::string_view text) {
    EXPECT_EQ(stream, adopted);
    got += text;
    second.send(stream, got == "cdef" ? "second " : "third");
    if (got == "cdefghi") second.io->set_timer(second.io->now_ns() + 20 * kMs, 1);
  };
  second.timer = [&](uint64_t) { second.io->stop(); };
  second.run();
  EXPECT_EQ(got, "cdefghi");
  EXPECT_EQ(peer.read(), "first second third");
}

}  // namespace
}  // namespace once::reactor

// The loop over operations that a test answers: what a kernel does seldom, or at a bad moment.
#include "reactor/loop.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/base/fake_names.h"
#include "tests/unit/reactor/reactor_fixture.h"

namespace once::reactor {
namespace loop_test {

constexpr int64_t kMs = 1'000'000;

// Each wait does the next step, which says what has completed by then.
class ScriptedOperations final : public Operations {
 public:
  std::vector<std::function<void()>> steps;
  std::vector<uint64_t> accepts, receives, ends, cancelled;  // tags
  std::vector<uint64_t> connects;                            // tags
  std::vector<std::string> sends;
  std::vector<int64_t> waits;  // how long each was to be, at most
  std::string received;        // bytes of every completion that has some

  void complete(const Completion& completion) { waiting_.push_back(completion); }

  void enable() override {}
  void await_files_only() override {}
  void leave() override {}
  void accept(int, uint64_t tag) override { accepts.push_back(tag); }
  void connect(int, const sockaddr*, socklen_t, uint64_t tag) override { connects.push_back(tag); }
  void receive(int, uint64_t tag) override { receives.push_back(tag); }
  void await_end(int, uint64_t tag) override { ends.push_back(tag); }
  void send(int, std::span<const char> bytes, uint64_t) override {
    sends.emplace_back(bytes.begin(), bytes.end());
  }
  void cancel(int, uint64_t target, uint64_t) override { cancelled.push_back(target); }
  void read_bell(int, uint64_t) override {}
  void write(int, std::span<const char>, uint64_t, SyncMode, uint64_t) override {}
  void read(int, std::span<char>, uint64_t, uint64_t) override {}
  void sync_data(int, uint64_t) override {}
  void submit_and_wait(int64_t timeout_ns) override {
    waits.push_back(timeout_ns);
    if (next_ < steps.size()) steps[next_++]();
  }
  uint32_t completions_ready() const override { return static_cast<uint32_t>(waiting_.size()); }
  Completion take_completion() override {
    const Completion completion = waiting_.front();
    waiting_.pop_front();
    return completion;
  }
  void for_each_waiting(const std::function<void(const Completion&)>& visit) const override {
    for (const Completion& completion : waiting_) visit(completion);
  }
  std::string_view bytes_of(const Completion& completion) const override {
    EXPECT_NE(completion.buffer, Completion::kNoBuffer);
    return std::string_view(received).substr(0, static_cast<size_t>(completion.result));
  }
  void release_after_round(const Completion&) override {}
  void recycle_buffers() override {}

 private:
  size_t next_ = 0;
  std::deque<Completion> waiting_;
};

struct ScriptedLoop : testing::Test {
  ScriptedLoop() {
    auto made = std::make_unique<ScriptedOperations>();
    script = made.get();
    script->received = "bytes";
    IoOptions options;
    options.names = names;
    auto io = std::make_unique<LoopIo>(options, std::move(made));
    EXPECT_EQ(io->open(), "");
    loop.io = std::move(io);
    EXPECT_TRUE(loop.io->listen(free_address(), &loop).has_value());
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  }
  ~ScriptedLoop() override { ::close(ends[1]); }
  // The loop has ends[0] from then on, and closes it.
  void accept() { script->complete({.tag = script->accepts.at(0), .result = ends[0]}); }
  void receive(int32_t result, bool more = true) {
    const int32_t buffer = result > 0 ? 0 : Completion::kNoBuffer;
    script->complete(
        {.tag = script->receives.back(), .result = result, .buffer = buffer, .more = more});
  }
  void await_end(int32_t result, bool more = true) {
    script->complete({.tag = script->ends.at(0), .result = result, .more = more});
  }
  // A name that has so many addresses, and is known.
  std::string known(const std::string& host, size_t addresses) {
    server.answer(host, std::vector<std::string>(addresses, "127.0.0.2"));
    EXPECT_FALSE(names->find_until(host + ":1", now_ns() + 10'000 * kMs).pending());
    return host + ":1";
  }
  bool other_end_heard_the_end() const {
    char byte = 0;
    return recv(ends[1], &byte, 1, MSG_DONTWAIT) == 0;
  }

  FakeNames server;
  std::shared_ptr<NameResolver> names = server.resolver();
  Loop loop;
  ScriptedOperations* script = nullptr;
  int ends[2] = {-1, -1};
};

// Its new owner would go on without them, and take what follows for what it is not.
TEST_F(ScriptedLoop, BytesThatComeBehindAMoveEndTheStream) {
  std::unique_ptr<Handoff> moved;
  loop.bytes = [&](StreamId stream, std::string_view bytes) {
    moved = loop.io->detach(stream, bytes);
  };
  script->steps = {[this] { accept(); }, [this] { receive(5); },
                   [&] {
                     EXPECT_NE(moved, nullptr);
                     EXPECT_FALSE(other_end_heard_the_end());
                     receive(3);
                   },
                   [this] {
                     EXPECT_TRUE(other_end_heard_the_end());
                     loop.io->stop();
                   }};
  loop.run();
  EXPECT_EQ(script->cancelled, std::vector{script->receives.at(0)});
}

// Those that waited already went along.
TEST_F(ScriptedLoop, BytesOfTheRoundOfAMoveAreNoneTooMany) {
  std::unique_ptr<Handoff> moved;
  loop.bytes = [&](StreamId stream, std::string_view bytes) {
    moved = loop.io->detach(stream, bytes);
  };
  script->steps = {[this] { accept(); },
                   [this] {
                     receive(5);
                     receive(5);
                   },
                   [this] { receive(-ECANCELED, false); },
                   [this] {
                     EXPECT_FALSE(other_end_heard_the_end());
                     loop.io->stop();
                   }};
  loop.run();
  EXPECT_NE(moved, nullptr);
}

// It may be held and let go before that: the bytes that came along are first all the same.
TEST_F(ScriptedLoop, AStreamThatCameFromElsewhereReceivesBehindWhatItBrought) {
  std::unique_ptr<Handoff> moved;
  loop.bytes = [&](StreamId stream, std::string_view bytes) {
    moved = loop.io->detach(stream, bytes);
  };
  std::string got;
  loop.timer = [&](uint64_t) {
    loop.bytes = [&](StreamId, std::string_view bytes) {
      got += bytes;
      EXPECT_EQ(script->receives.size(), got == "bytes" ? 1u : 2u);
    };
    const StreamId adopted = loop.io->adopt(std::move(moved), &loop);
    loop.io->hold_input(adopted, true);
    loop.io->hold_input(adopted, false);
  };
  script->steps = {[this] { accept(); },
                   [this] {
                     receive(5);
                     receive(-ECANCELED, false);
                   },
                   [this] { loop.io->set_timer(0, 1); },
                   [] {},
                   [this] {
                     ASSERT_EQ(script->receives.size(), 2u);
                     receive(3);
                   },
                   [this] { loop.io->stop(); }};
  loop.run();
  EXPECT_EQ(got, "bytesbyt");
}

// A stream is held from its first moment on, as a server does that has no memory left.
struct HeldAtOnce : ListenHandler {
  explicit HeldAtOnce(Loop& to) : loop(to) {}
  StreamHandler* on_accept(StreamId stream) override {
    loop.io->hold_input(accepted = stream, true);
    return &loop;
  }
  Loop& loop;
  StreamId accepted;
};

TEST_F(ScriptedLoop, AStreamThatIsHeldWhenItIsAcceptedDoesNotReceive) {
  HeldAtOnce holder(loop);
  EXPECT_TRUE(loop.io->listen(free_address(), &holder).has_value());
  script->steps = {[this] { script->complete({.tag = script->accepts.at(1), .result = ends[0]}); },
                   [&] {
                     EXPECT_EQ(script->receives.size(), 0u);
                     loop.io->hold_input(holder.accepted, false);
                   },
                   [this] {
                     EXPECT_EQ(script->receives.size(), 1u);
                     loop.io->stop();
                   }};
  loop.run();
}

TEST_F(ScriptedLoop, AStreamThatIsHeldWhileItConnectsDoesNotReceive) {
  ::close(ends[0]);
  const StreamId stream = loop.io->connect("127.0.0.1:1", &loop);
  loop.io->hold_input(stream, true);
  script->steps = {[this] { script->complete({.tag = script->connects.at(0)}); },
                   [&] {
                     EXPECT_EQ(script->receives.size(), 0u);
                     loop.io->hold_input(stream, false);
                   },
                   [this] {
                     EXPECT_EQ(script->receives.size(), 1u);
                     loop.io->stop();
                   }};
  loop.run();
}

// Once its input has ended only its end is awaited, and what tells of that has no bytes.
TEST_F(ScriptedLoop, AStreamWhoseInputHasEndedMayMove) {
  StreamId half_closed;
  std::unique_ptr<Handoff> moved;
  loop.end_of_input = [&](StreamId stream) {
    half_closed = stream;
    return true;
  };
  loop.timer = [&](uint64_t token) {
    if (token == 2) return void(loop.io->adopt(std::move(moved), &loop));
    await_end(POLLHUP);  // is there, and has not been taken
    moved = loop.io->detach(half_closed, "");
  };
  loop.bytes = [](StreamId, std::string_view bytes) { ADD_FAILURE() << bytes; };
  script->steps = {[this] { accept(); },
                   [this] { receive(0, false); },
                   [this] { loop.io->set_timer(0, 1); },
                   [&] {
                     ASSERT_NE(moved, nullptr);
                     await_end(POLLHUP);
                   },
                   [this] { await_end(-ECANCELED, false); },
                   [this] {
                     EXPECT_FALSE(other_end_heard_the_end());
                     loop.io->set_timer(0, 2);
                   },
                   [] {},
                   [this] { loop.io->stop(); }};
  loop.run();
}

struct ClosedAtOnce : ListenHandler {
  explicit ClosedAtOnce(Loop& to) : loop(to) {}
  StreamHandler* on_accept(StreamId stream) override {
    loop.io->close_gently(stream);
    return &loop;
  }
  Loop& loop;
};

TEST_F(ScriptedLoop, AStreamThatIsClosedWhenItIsAcceptedIsHeardOut) {
  ClosedAtOnce closer(loop);
  EXPECT_TRUE(loop.io->listen(free_address(), &closer).has_value());
  std::string why;
  loop.closed = [&](StreamId, std::string_view text) { why = text; };
  script->steps = {[this] { script->complete({.tag = script->accepts.at(1), .result = ends[0]}); },
                   [&] {
                     EXPECT_EQ(why, "");
                     ASSERT_EQ(script->receives.size(), 1u);
                     receive(0, false);
                   },
                   [this] { loop.io->stop(); }};
  loop.run();
  EXPECT_EQ(why, "closed by this side");
}

// How the last stream of a slot was closed is nothing to the next one.
TEST_F(ScriptedLoop, WhoIsClosedPlainlyIsNotHeardOut) {
  int other[2] = {-1, -1};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, other), 0);
  std::vector<StreamId> closed;
  loop.bytes = [&](StreamId stream, std::string_view) {
    if (closed.empty()) return loop.io->close_gently(stream);
    EXPECT_EQ(static_cast<uint32_t>(stream.value), static_cast<uint32_t>(closed[0].value));
    loop.io->close(stream);
  };
  loop.closed = [&](StreamId stream, std::string_view) { closed.push_back(stream); };
  script->steps = {[this] { accept(); },
                   [this] { receive(1); },
                   [this] { receive(0, false); },
                   [&] { script->complete({.tag = script->accepts.at(1), .result = other[0]}); },
                   [this] { receive(1); },
                   [this] { receive(-ECANCELED, false); },
                   [] {},
                   [this] { loop.io->stop(); }};
  loop.run();
  EXPECT_EQ(closed.size(), 2u);
  ::close(other[1]);
}

// Its new owner need not add to what it brings unsent.
TEST_F(ScriptedLoop, WhatMovedUnsentIsSent) {
  std::unique_ptr<Handoff> moved;
  loop.bytes = [&](StreamId stream, std::string_view) {
    loop.send(stream, "hello");
    moved = loop.io->detach(stream, "");
  };
  loop.timer = [&](uint64_t) { loop.io->adopt(std::move(moved), &loop); };
  script->steps = {[this] { accept(); },
                   [this] {
                     receive(5);
                     receive(-ECANCELED, false);
                   },
                   [this] { loop.io->set_timer(0, 1); }, [] {}, [this] { loop.io->stop(); }};
  loop.run();
  EXPECT_EQ(script->sends, std::vector<std::string>{"hello"});
}

// Not only at the end of the round: what a handler appends by then takes memory.
TEST_F(ScriptedLoop, AnOutboxIsBoundedWithinARoundToo) {
  constexpr size_t kPiece = 1 << 20;
  size_t appended = 0;
  std::string why;
  loop.bytes = [&](StreamId stream, std::string_view) {
    while (std::vector<char>* out = loop.io->outbox(stream)) {
      if (appended > 2 * kMaxOutboxBytes) break;
      out->resize(appended += kPiece);
    }
  };
  loop.closed = [&](StreamId, std::string_view text) { why = text; };
  script->steps = {[this] { accept(); }, [this] { receive(5); },
                   [this] { receive(-ECANCELED, false); }, [this] { loop.io->stop(); }};
  loop.run();
  EXPECT_LE(appended, kMaxOutboxBytes + kPiece);
  EXPECT_EQ(why, "slow reader");
}

TEST_F(ScriptedLoop, ARoundThatTakesLongDoesNotPutOffTheNextTimer) {
  loop.timer = [&](uint64_t token) {
    if (token == 2) return;
    loop.io->set_timer(loop.io->now_ns() + 200 * kMs, 2);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  };
  script->steps = {[this] { loop.io->set_timer(0, 1); }, [this] { loop.io->stop(); }};
  loop.run();
  EXPECT_LE(script->waits.at(1), 150 * kMs);
}

// All that say nothing are passed within 1.5 s: a link to a peer is given up 2 s after its dial,
// and the next dial begins with the first address again.
TEST_F(ScriptedLoop, TheMoreAddressesANameHasTheLessIsWaitedForEach) {
  const std::vector<std::pair<size_t, int64_t>> patience_ms = {{2, 400}, {6, 250}, {15, 100}};
  std::vector<std::string> peers;
  for (const auto& [addresses, ms] : patience_ms) {
    peers.push_back(known("node" + std::to_string(addresses), addresses));
    script->steps.emplace_back(
        [this, turn = script->steps.size()] { loop.io->set_timer(0, turn); });
  }
  script->steps.emplace_back([this] { loop.io->stop(); });
  loop.timer = [&](uint64_t turn) { loop.io->connect(peers.at(turn), &loop); };
  loop.run();
  ASSERT_EQ(script->connects.size(), patience_ms.size());
  // Those that wait longer were there before.
  for (size_t turn = 0; turn < patience_ms.size(); ++turn) {
    EXPECT_LE(script->waits.at(turn + 1), patience_ms[turn].second * kMs) << turn;
  }
}

}  // namespace loop_test
}  // namespace once::reactor

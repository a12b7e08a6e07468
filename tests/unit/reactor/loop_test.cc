// The loop over operations that a test answers: what a kernel does seldom, or at a bad moment.
#include "reactor/loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/reactor/reactor_fixture.h"

namespace once::reactor {
namespace loop_test {

// Each wait does the next step, which says what has completed by then.
class ScriptedOperations final : public Operations {
 public:
  std::vector<std::function<void()>> steps;
  std::vector<uint64_t> accepts, receives, cancelled;  // tags
  std::string received;                                // bytes of every completion that has some

  void complete(const Completion& completion) { waiting_.push_back(completion); }

  void enable() override {}
  void await_files_only() override {}
  void leave() override {}
  void accept(int, uint64_t tag) override { accepts.push_back(tag); }
  void connect(int, const sockaddr*, socklen_t, uint64_t) override {}
  void receive(int, uint64_t tag) override { receives.push_back(tag); }
  void await_end(int, uint64_t) override {}
  void send(int, std::span<const char>, uint64_t) override {}
  void cancel(int, uint64_t target, uint64_t) override { cancelled.push_back(target); }
  void read_bell(int, uint64_t) override {}
  void write(int, std::span<const char>, uint64_t, SyncMode, uint64_t) override {}
  void read(int, std::span<char>, uint64_t, uint64_t) override {}
  void sync_data(int, uint64_t) override {}
  void submit_and_wait(int64_t) override {
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
    auto io = std::make_unique<LoopIo>(IoOptions{}, std::move(made));
    EXPECT_EQ(io->open(), "");
    loop.io = std::move(io);
    EXPECT_TRUE(loop.io->listen(free_address(), &loop).has_value());
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  }
  ~ScriptedLoop() override { ::close(ends[1]); }
  // The loop has ends[0] from then on, and closes it.
  void accept() { script->complete({.tag = script->accepts.at(0), .result = ends[0]}); }
  void receive(int32_t result, bool more = true) {
    script->complete({.tag = script->receives.at(0), .result = result, .more = more});
  }
  bool other_end_heard_the_end() const {
    char byte = 0;
    return recv(ends[1], &byte, 1, MSG_DONTWAIT) == 0;
  }

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

}  // namespace loop_test
}  // namespace once::reactor

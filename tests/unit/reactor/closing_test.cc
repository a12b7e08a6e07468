// How streams end over each backend: who still sends when he is closed, and what the next stream of
// a slot finds there.
#include "tests/unit/reactor/plain_peer.h"
#include "tests/unit/reactor/reactor_fixture.h"

namespace once::reactor {
namespace closing_test {

constexpr int64_t kMs = 1'000'000;

struct Closing : BothBackends {
  void listen(Loop& loop) { ASSERT_TRUE(loop.io->listen(address, &loop).has_value()); }
  static void after(Loop& loop, int64_t ms, uint64_t token = 1) {
    loop.io->set_timer(loop.io->now_ns() + ms * kMs, token);
  }
  const std::string address = free_address();
};
INSTANTIATE_TEST_SUITE_P(Io, Closing, testing::Values(Backend::kUring, Backend::kEpoll),
                         backend_name);

// Refused by the first bytes; the rest was on its way. A reset would take the answer from him.
TEST_P(Closing, WhoStillSendsReadsWhatHeWasTold) {
  Loop loop;
  listen(loop);
  PlainPeer peer(address);
  peer.write("head");
  std::string why = "not closed";
  int heard = 0;
  loop.bytes = [&](StreamId stream, std::string_view) {
    ++heard;
    loop.send(stream, "refused");
    loop.io->close_gently(stream);
    EXPECT_EQ(loop.io->outbox(stream), nullptr);
    after(loop, 20);
  };
  int pieces = 0;
  loop.timer = [&](uint64_t) {
    if (++pieces <= 5) {
      peer.write("a piece of the body");
      return after(loop, 20);
    }
    EXPECT_EQ(why, "not closed") << "he is heard out";
    EXPECT_EQ(peer.read(), "refused");
    EXPECT_TRUE(peer.ended()) << "and knows that this is all";
    peer.close();
    if (why != "not closed") loop.io->stop();
  };
  loop.closed = [&](StreamId, std::string_view text) {
    why = text;
    if (pieces > 5) loop.io->stop();
  };
  loop.run();
  EXPECT_EQ(why, "closed by this side");
  EXPECT_EQ(heard, 1) << "what came later is dropped";
}

TEST_P(Closing, WhoNeverEndsIsHeardOutForASecond) {
  Loop loop;
  listen(loop);
  PlainPeer peer(address);
  peer.write("head");
  int64_t begun = 0, ended = 0;
  loop.bytes = [&](StreamId stream, std::string_view) {
    begun = loop.io->now_ns();
    loop.io->close_gently(stream);
    after(loop, 5);
  };
  loop.timer = [&](uint64_t) {
    peer.write_some("more");
    after(loop, 5);
  };
  loop.closed = [&](StreamId, std::string_view) {
    ended = loop.io->now_ns();
    loop.io->stop();
  };
  loop.run();
  EXPECT_GE(ended - begun, 1'000 * kMs);
  EXPECT_LT(ended - begun, 4'000 * kMs) << "as if he did not read";
}

TEST_P(Closing, WhatAHeldStreamHasYetToSayIsDropped) {
  constexpr size_t kAll = 8 << 20;  // more than the kernel keeps
  const std::string more(1 << 20, 'b');
  Loop loop;
  listen(loop);
  PlainPeer peer(address);
  peer.write("head");
  StreamId held;
  size_t sent = 0;
  std::string got;
  loop.bytes = [&](StreamId stream, std::string_view) {
    loop.io->hold_input(held = stream, true);
    after(loop, 20, 1);
  };
  loop.timer = [&](uint64_t token) {
    if (token == 1) {
      loop.send(held, "refused");
      loop.io->close_gently(held);
    }
    for (size_t size = 1; size > 0 && sent < kAll; sent += size) {
      size = peer.write_some(std::string_view(more).substr(0, kAll - sent));
    }
    if (sent < kAll) return after(loop, 1, 2);
    got += peer.read();
    peer.close();
  };
  loop.closed = [&](StreamId, std::string_view) { loop.io->stop(); };
  loop.run();
  EXPECT_EQ(sent, kAll);
  EXPECT_EQ(got, "refused");
}

TEST_P(Closing, WhoHasEndedAlreadyIsNotWaitedFor) {
  Loop loop;
  listen(loop);
  PlainPeer peer(address);
  peer.write("all of it");
  peer.end_output();
  int64_t begun = 0, ended = 0;
  loop.end_of_input = [&](StreamId stream) {
    begun = loop.io->now_ns();
    loop.send(stream, "answer");
    loop.io->close_gently(stream);
    return true;
  };
  loop.closed = [&](StreamId, std::string_view) {
    ended = loop.io->now_ns();
    loop.io->stop();
  };
  loop.run();
  EXPECT_LT(ended - begun, 900 * kMs);
  EXPECT_EQ(peer.read(), "answer");
}

// Nothing is received from it any more, so there is nothing to hold: that its end is awaited goes
// on.
TEST_P(Closing, WhoHasEndedMayBeHeldAndIsAnswered) {
  Loop loop;
  listen(loop);
  PlainPeer peer(address);
  peer.write("question");
  peer.end_output();
  StreamId stream;
  loop.end_of_input = [&](StreamId id) {
    stream = id;
    after(loop, 5, 1);
    return true;
  };
  loop.timer = [&](uint64_t token) {
    if (token == 1) {
      loop.io->hold_input(stream, true);
      loop.io->hold_input(stream, false);
      return after(loop, 20, 2);
    }
    loop.send(stream, "answer");
    loop.io->close(stream);
  };
  std::string why;
  loop.closed = [&](StreamId, std::string_view text) {
    why = text;
    loop.io->stop();
  };
  loop.run();
  EXPECT_EQ(why, "closed by this side");
  EXPECT_EQ(peer.read(), "answer");
}

// What one did not read is not sent to the next one of its slot.
TEST_P(Closing, TheNextStreamOfASlotIsSentNothingOfTheLast) {
  Loop loop;
  listen(loop);
  auto first = std::make_unique<PlainPeer>(address, 4096);
  std::unique_ptr<PlainPeer> second;
  first->write("x");
  StreamId stream;
  std::string got;
  loop.bytes = [&](StreamId id, std::string_view) {
    if (second) return loop.send(id, "x"), after(loop, 50, 3);
    loop.send(stream = id, std::string(8 << 20, 'o'));
    after(loop, 20, 1);
  };
  loop.timer = [&](uint64_t token) {
    if (token == 3) {
      got = second->read();
      return loop.io->stop();
    }
    if (token == 1) loop.send(stream, std::string(1 << 20, 'o'));  // behind what is being sent
    if (token == 2) return first.reset();
    after(loop, 20, 2);
  };
  loop.closed = [&](StreamId id, std::string_view) {
    EXPECT_EQ(id, stream);
    second = std::make_unique<PlainPeer>(address);
    second->write("x");
  };
  loop.run();
  EXPECT_EQ(got, "x");
}

TEST_P(Closing, TheNextStreamOfASlotCanBeHeldToo) {
  Loop loop;
  listen(loop);
  const PlainPeer first(address);
  first.write("x");
  std::unique_ptr<PlainPeer> second;
  std::string got;
  loop.bytes = [&](StreamId id, std::string_view bytes) {
    loop.io->hold_input(id, true);
    if (!second) return loop.io->cut(id, "held to its end");
    got += bytes;
    after(loop, 20, 1);
  };
  loop.timer = [&](uint64_t token) {
    if (token == 2) return loop.io->stop();
    second->write("more");
    after(loop, 50, 2);
  };
  loop.closed = [&](StreamId, std::string_view) {
    second = std::make_unique<PlainPeer>(address);
    second->write("x");
  };
  loop.run();
  EXPECT_EQ(got, "x");
}

// Both cores would send at once. It is no stream of this one any more either.
TEST_P(Closing, AStreamThatSendsIsNotMoved) {
  Loop loop;
  listen(loop);
  const PlainPeer peer(address, 4096);
  peer.write("x");
  bool asked = false;
  loop.bytes = [&](StreamId stream, std::string_view) {
    if (asked) {
      EXPECT_EQ(loop.io->detach(stream, ""), nullptr);
      return after(loop, 1, 2);
    }
    asked = true;
    loop.send(stream, std::string(8 << 20, 's'));
    after(loop, 20, 1);
  };
  loop.timer = [&](uint64_t token) {
    if (token == 1) return peer.write("y");
    while (!peer.read().empty()) {
    }
    if (peer.ended()) return loop.io->stop();
    after(loop, 1, 2);
  };
  loop.closed = [](StreamId, std::string_view why) { ADD_FAILURE() << why; };
  loop.run();
}

// The numbers above are the log's, also where a stream needs a second one for a moment.
TEST_P(Closing, AMoveTakesNoDescriptorThatIsLeftToFiles) {
  Loop loop;
  constexpr int kHighest = 200;
  auto io = make_io({.backend = GetParam(), .highest_descriptor = kHighest});
  ASSERT_TRUE(io.has_value());
  loop.io = std::move(*io);
  listen(loop);
  const PlainPeer peer(address);
  std::vector<int> taken;
  do {
    taken.push_back(::dup(STDIN_FILENO));
  } while (taken.back() >= 0 && taken.back() < kHighest - 1);
  ASSERT_EQ(taken.back(), kHighest - 1);
  peer.write("x");
  bool moved = true;
  loop.bytes = [&](StreamId stream, std::string_view) {
    moved = loop.io->detach(stream, "") != nullptr;
    loop.io->stop();
  };
  loop.run();
  for (const int fd : taken) ::close(fd);
  EXPECT_FALSE(moved);
}

}  // namespace closing_test
}  // namespace once::reactor

// What is asked of the ring for streams, and what is made of its answers: short sends, errors that
// pass, buffers that the kernel still reads, peers that do not read.
#include <chrono>

#include "tests/unit/reactor/uring_streams_fixture.h"

namespace once::reactor {
namespace {

TEST_F(UringStreams, WhatIsLeftOfASendGoesOnWhereItEnded) {
  uint32_t turn = 0;
  change_ = [&](io_uring_sqe& sqe) {
    static constexpr uint32_t kSizes[] = {1, 7, 4096, 333, 65536, 20000};
    if (sqe.opcode == IORING_OP_SEND) sqe.len = std::min(sqe.len, kSizes[turn++ % 6]);
  };
  expect_echo(1'000'000);
}

TEST_F(UringStreams, ErrorsThatPassLoseNoByte) {
  int turn = 0;
  std::map<uint64_t, int> voided;
  change_ = [&](io_uring_sqe& sqe) {
    if (sqe.opcode == IORING_OP_SEND) sqe.len = std::min(sqe.len, 30000u);
    if (sqe.opcode != IORING_OP_SEND && sqe.opcode != IORING_OP_RECV) return;
    if (++turn % 3 == 0) return;
    voided[sqe.user_data] = turn % 3 == 1 ? -EINTR : -EAGAIN;
    if (sqe.opcode == IORING_OP_SEND) {
      sqe.len = 0;  // stays a send for the bookkeeping here
    } else {
      void_it(sqe);
    }
  };
  answer_ = [&](uint8_t, io_uring_cqe& cqe) {
    const auto at = voided.find(cqe.user_data);
    if (at == voided.end()) return;
    cqe.res = at->second;
    voided.erase(at);
  };
  expect_echo(500'000);
}

TEST_F(UringStreams, OneSmallReceiveBufferIsEnough) {
  IoOptions options;
  options.receive_buffers = 1;
  options.receive_buffer_bytes = 4096;
  remake(options);
  expect_echo(300'000);
}

TEST_F(UringStreams, SmallRingsAreEnough) {
  IoOptions options;
  options.submission_entries = 4;
  options.completion_entries = 8;
  remake(options);
  constexpr int kStreams = 60;
  const std::string text = pattern(10'000);
  std::map<uint64_t, std::string> got;
  std::map<uint64_t, bool> ours;
  int done = 0;
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  loop_.timer = [&](uint64_t) {
    for (int i = 0; i < kStreams; ++i) ours[loop_.io->connect(loop_.address, &loop_).value] = true;
  };
  loop_.connected = [&](StreamId stream) { loop_.send(stream, text); };
  loop_.bytes = [&](StreamId stream, std::string_view bytes) {
    if (!ours.contains(stream.value)) return loop_.send(stream, bytes);
    got[stream.value] += bytes;
    if (got[stream.value].size() == text.size() && ++done == kStreams) loop_.io->stop();
  };
  after(0);
  loop_.run();
  ASSERT_EQ(got.size(), size_t{kStreams});
  for (const auto& [stream, bytes] : got) EXPECT_TRUE(bytes == text) << stream;
}

// The peer does not read for a while: a send waits in the kernel, which reads the bytes later.
TEST_F(UringStreams, WhatIsAppendedWhileASendWaitsComesBehindIt) {
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  const PlainPeer peer(loop_.address, 4096);
  ASSERT_TRUE(peer.connected());
  peer.write("x");
  StreamId stream;
  std::string sent;
  std::string got;
  loop_.bytes = [&](StreamId id, std::string_view) {
    stream = id;
    after(0);
  };
  int rounds = 0;
  loop_.timer = [&](uint64_t) {
    if (++rounds <= 20) {
      const std::string more = pattern(300'000, static_cast<unsigned>(rounds));
      sent += more;
      loop_.send(stream, more);
    } else {
      for (std::string piece = peer.read(); !piece.empty(); piece = peer.read()) got += piece;
      if (got.size() >= sent.size()) return loop_.io->stop();
    }
    after(rounds <= 20 ? 0 : 1);
  };
  loop_.closed = [&](StreamId, std::string_view why) { ADD_FAILURE() << why; };
  loop_.run();
  EXPECT_TRUE(got == sent) << got.size() << " of " << sent.size();
}

// Its buffers and its slot are free when the kernel has given back the last operation.
TEST_F(UringStreams, AStreamEndsWhenItsOperationsHave) {
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  auto peer = std::make_unique<PlainPeer>(loop_.address, 4096);
  peer->write("x");
  StreamId stream;
  bool ended = false;
  loop_.bytes = [&](StreamId id, std::string_view) {
    stream = id;
    loop_.send(id, pattern(8 << 20));
    after(20);
  };
  loop_.timer = [&](uint64_t) {
    if (sends_.empty()) return after(1);    // the rest of a short one goes in with the next round
    loop_.send(stream, pattern(15 << 20));  // beyond the bound: killed at the end of the round
  };
  loop_.closed = [&](StreamId id, std::string_view why) {
    EXPECT_EQ(why, "slow reader");
    EXPECT_EQ(under_way_[slot_of(id.value)], 0);
    EXPECT_TRUE(sends_.empty());
    ended = true;
    loop_.io->stop();
  };
  loop_.run();
  EXPECT_TRUE(ended);
}

// Exactly the bound is allowed, one byte more is not.
TEST_F(UringStreams, TheBoundOfAnOutboxIsExact) {
  for (const size_t beyond : {0, 1}) {
    SCOPED_TRACE(beyond);
    OneLoop loop;
    tap::state = {};
    ASSERT_TRUE(loop.io->listen(loop.address, &loop).has_value());
    const PlainPeer peer(loop.address, 4096);
    peer.write("x");
    std::string why;
    size_t got = 0;
    loop.bytes = [&](StreamId id, std::string_view) {
      loop.send(id, std::string(kMaxOutboxBytes, 's'));
      EXPECT_NE(loop.io->outbox(id), nullptr) << "no more than the bound is in it";
      loop.send(id, std::string(beyond, 's'));
      loop.io->set_timer(0, 1);
    };
    loop.timer = [&](uint64_t) {
      for (std::string piece = peer.read(); !piece.empty(); piece = peer.read()) {
        got += piece.size();
      }
      if (got >= kMaxOutboxBytes || !why.empty()) return loop.io->stop();
      loop.io->set_timer(0, 1);
    };
    loop.closed = [&](StreamId, std::string_view text) { why = text; };
    loop.run();
    EXPECT_EQ(why, beyond == 0 ? "" : "slow reader");
    EXPECT_EQ(got, beyond == 0 ? kMaxOutboxBytes : 0u);
    tap::state = {};
    sends_.clear();
  }
}

// A peer that does not read gets five seconds to take the rest.
TEST_F(UringStreams, AStreamThatIsClosedWaitsForItsPeerOnlySoLong) {
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  const PlainPeer peer(loop_.address, 4096);
  peer.write("x");
  std::string why;
  loop_.bytes = [&](StreamId id, std::string_view) {
    loop_.send(id, pattern(8 << 20));
    loop_.io->close(id);
    after(1, 1);
  };
  loop_.timer = [&](uint64_t token) {
    EXPECT_EQ(why, "") << "before its time";
    if (token == 3) return loop_.io->stop();
    tap::skipped_ns = token == 1 ? 3'000 * kMs : 5'100 * kMs;
    after(token == 1 ? 1 : 4000, token + 1);
  };
  loop_.closed = [&](StreamId, std::string_view text) {
    why = text;
    loop_.io->stop();
  };
  loop_.run();
  EXPECT_EQ(why, "closed by this side; the peer did not read");
}

// One that has said all that it wants to say still gets what it asked for, however long that takes.
TEST_F(UringStreams, AHalfClosedPeerIsStillAnswered) {
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  PlainPeer peer(loop_.address, 4096);
  peer.write("question");
  peer.end_output();
  const std::string answer = pattern(1 << 20);
  StreamId stream;
  std::string asked, got, why = "not closed";
  int ends = 0;
  loop_.bytes = [&](StreamId, std::string_view text) { asked += text; };
  loop_.end_of_input = [&](StreamId id) {
    ++ends;
    EXPECT_EQ(asked, "question") << "what was sent before comes before";
    stream = id;
    after(100);
    return true;
  };
  loop_.timer = [&](uint64_t token) {
    if (token == 1) {
      EXPECT_EQ(why, "not closed");
      loop_.send(stream, answer);
      loop_.io->close(stream);
    }
    for (std::string piece = peer.read(); !piece.empty(); piece = peer.read()) got += piece;
    if (why != "not closed" && got.size() == answer.size()) return loop_.io->stop();
    after(1, 2);
  };
  loop_.closed = [&](StreamId, std::string_view text) { why = text; };
  loop_.run();
  EXPECT_EQ(ends, 1);
  EXPECT_TRUE(got == answer) << got.size();
  EXPECT_EQ(why, "closed by this side");
}

TEST_F(UringStreams, OfAHalfClosedPeerThatIsGoneTheResetIsHeard) {
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  auto peer = std::make_unique<PlainPeer>(loop_.address, 4096);
  peer->write("x");
  peer->end_output();
  bool gone = false;
  loop_.bytes = [&](StreamId id, std::string_view) { loop_.send(id, "never read"); };
  loop_.end_of_input = [&](StreamId) {
    after(50);
    return true;
  };
  loop_.timer = [&](uint64_t) { peer.reset(); };  // with bytes unread: a reset
  loop_.closed = [&](StreamId, std::string_view) {
    gone = true;
    loop_.io->stop();
  };
  loop_.run();
  EXPECT_TRUE(gone);
}

// Whoever does not care sees the end, as of a peer that closed.
TEST_F(UringStreams, AHalfClosedPeerIsClosedIfNobodyWantsIt) {
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  PlainPeer peer(loop_.address, 4096);
  peer.write("x");
  peer.end_output();
  std::string why = "not closed";
  loop_.closed = [&](StreamId, std::string_view text) {
    why = text;
    loop_.io->stop();
  };
  loop_.run();
  EXPECT_EQ(why, "");
}

// It was to be closed behind what it was told: that it ends too does not swallow the rest.
TEST_F(UringStreams, TheRestIsSentToAPeerThatEndsMeanwhile) {
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  PlainPeer peer(loop_.address, 4096);
  peer.write("x");
  const std::string answer = pattern(4 << 20);
  std::string got;
  bool closed = false;
  loop_.bytes = [&](StreamId id, std::string_view) {
    loop_.send(id, answer);
    loop_.io->close(id);
    peer.end_output();
    after(50);
  };
  loop_.timer = [&](uint64_t) {
    for (std::string piece = peer.read(); !piece.empty(); piece = peer.read()) got += piece;
    if (closed) return loop_.io->stop();
    after(1);
  };
  loop_.closed = [&](StreamId, std::string_view) { closed = true; };
  loop_.run();
  // The kernel has all of it by now, and hands it out as the peer reads.
  const auto end = std::chrono::steady_clock::now() + std::chrono::nanoseconds(kWatchdogNs);
  while (!peer.ended() && std::chrono::steady_clock::now() < end) got += peer.read();
  EXPECT_TRUE(got == answer) << got.size();
}

// What is held comes later and whole; what the ring had received by then is delivered.
TEST_F(UringStreams, HeldInputWaitsWithItsSender) {
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  const PlainPeer peer(loop_.address);
  peer.write("first");
  std::string got;
  StreamId stream;
  loop_.bytes = [&](StreamId id, std::string_view bytes) {
    got += bytes;
    stream = id;
    if (got != "first") return;
    loop_.io->hold_input(id, true);
    after(20, 1);
  };
  loop_.timer = [&](uint64_t token) {
    if (token == 1) {
      peer.write("second");
      return after(100, 2);
    }
    if (token == 2) {
      EXPECT_EQ(got, "first");
      loop_.io->hold_input(stream, false);
      return after(100, 3);
    }
    if (token == 3) {  // held and let go in one round: nothing is lost
      loop_.io->hold_input(stream, true);
      loop_.io->hold_input(stream, false);
      peer.write("third");
      return after(100, 4);
    }
    EXPECT_EQ(got, "firstsecondthird");
    loop_.io->stop();
  };
  loop_.closed = [&](StreamId, std::string_view why) { ADD_FAILURE() << why; };
  loop_.run();
}

// Its memory is given back at once, but for what the kernel still reads.
TEST_F(UringStreams, WhatIsCutSendsNothingMoreAndCostsNothing) {
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  const PlainPeer peer(loop_.address, 4096);
  peer.write("x");
  StreamId stream;
  std::string why;
  loop_.bytes = [&](StreamId id, std::string_view) {
    stream = id;
    loop_.send(id, pattern(6 << 20));
    after(20);
  };
  loop_.timer = [&](uint64_t token) {
    if (token == 2) return loop_.io->stop();
    EXPECT_GT(loop_.io->sent_bytes(stream), 0u);
    EXPECT_GE(loop_.io->buffer_bytes(), size_t{6 << 20});
    loop_.send(stream, pattern(5 << 20));
    loop_.io->cut(stream, "memory is short");
    EXPECT_LT(loop_.io->buffer_bytes(), size_t{10 << 20});
    EXPECT_EQ(loop_.io->outbox(stream), nullptr);
    after(50, 2);
  };
  loop_.closed = [&](StreamId, std::string_view text) { why = text; };
  loop_.run();
  EXPECT_EQ(why, "memory is short");
  EXPECT_EQ(loop_.io->buffer_bytes(), 0u);
}

// A burst's memory is given back when the stream has been quiet for a while, and when its bursts
// have become small; in between it is kept for the next.
TEST_F(UringStreams, BuffersOfABurstAreGivenBack) {
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  const PlainPeer peer(loop_.address);
  peer.write("x");
  StreamId stream;
  size_t sent = 0;
  size_t got = 0;
  int rounds = 0;
  loop_.bytes = [&](StreamId id, std::string_view) {
    stream = id;
    after(0, 1);
  };
  loop_.timer = [&](uint64_t token) {
    for (std::string piece = peer.read(); !piece.empty(); piece = peer.read()) got += piece.size();
    if (got < sent) return after(1, token);
    if (token == 1) {
      if (++rounds == 7) {
        EXPECT_GE(loop_.io->buffer_bytes(), size_t{900'000}) << "kept for the next burst";
        tap::skipped_ns += 1'100 * kMs;
        return after(1, 2);
      }
      const std::string more = pattern(900'000);
      sent += more.size();
      loop_.send(stream, more);
      return after(1, 1);
    }
    if (token < 8) {  // small talk goes on
      tap::skipped_ns += 1'100 * kMs;
      loop_.send(stream, "small");
      sent += 5;
      return after(1, token + 1);
    }
    EXPECT_LE(loop_.io->buffer_bytes(), size_t{128 * 1024});
    loop_.io->stop();
  };
  loop_.run();
}

}  // namespace
}  // namespace once::reactor

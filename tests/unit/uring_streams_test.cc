// What is asked of the ring for streams, and what is made of its answers: short sends, errors that
// pass, buffers that the kernel still reads, accepts that fail, deadlines.
#include <poll.h>
#include <sys/resource.h>

#include "tests/unit/reactor_fixture.h"
#include "tests/unit/uring_tap.h"

namespace once::reactor {
namespace {

constexpr int64_t kMs = 1'000'000;

// The number of a slot in what the ring is asked: operations of a stream share it.
uint32_t slot_of(uint64_t user_data) { return static_cast<uint32_t>(user_data); }

std::string pattern(size_t size, unsigned seed = 0) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 4096 + seed);
  return text;
}

// A plain socket that connects to a loop, on the same thread.
class PlainPeer {
 public:
  explicit PlainPeer(const std::string& address, int receive_buffer = 0) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer > 0) {
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    where.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
  }
  ~PlainPeer() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  bool connected() const { return connected_; }
  void write(std::string_view text) const {
    EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // What is there now.
  std::string read() const {
    std::string text(1 << 20, '\0');
    const ssize_t size = ::recv(fd_, text.data(), text.size(), MSG_DONTWAIT);
    text.resize(size > 0 ? static_cast<size_t>(size) : 0);
    return text;
  }
  bool ended() const {
    char byte;
    return ::recv(fd_, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
  }

 private:
  int fd_ = -1;
  bool connected_ = false;
};

class UringStreams : public testing::Test {
 protected:
  UringStreams() {
    tap::reset();
    tap::on_submit = [this](io_uring_sqe& sqe) {
      ++asked_[sqe.opcode];
      kinds_[sqe.user_data] = sqe.opcode;
      if (change_) change_(sqe);
      const uint8_t kind = kinds_[sqe.user_data];
      if (is_of_a_stream(kind)) ++under_way_[slot_of(sqe.user_data)];
      if (kind != IORING_OP_SEND) return;
      EXPECT_FALSE(sends_.contains(sqe.user_data)) << "two sends of one stream may overtake";
      const auto* bytes = reinterpret_cast<const char*>(sqe.addr);
      sends_[sqe.user_data] = {bytes, std::string(bytes, sqe.len)};
    };
    tap::on_complete = [this](io_uring_cqe& cqe) {
      const auto at = kinds_.find(cqe.user_data);
      if (at == kinds_.end()) return;
      if (answer_) answer_(at->second, cqe);
      const bool last = (cqe.flags & IORING_CQE_F_MORE) == 0;
      if (is_of_a_stream(at->second) && last) --under_way_[slot_of(cqe.user_data)];
      if (at->second != IORING_OP_SEND) return;
      const auto send = sends_.find(cqe.user_data);
      ASSERT_NE(send, sends_.end());
      const auto& [bytes, before] = send->second;
      EXPECT_EQ(std::memcmp(bytes, before.data(), before.size()), 0)
          << "bytes changed while the kernel sent them";
      sends_.erase(send);
    };
  }
  ~UringStreams() override { tap::reset(); }

  static bool is_of_a_stream(uint8_t opcode) {
    return opcode == IORING_OP_SEND || opcode == IORING_OP_RECV || opcode == IORING_OP_CONNECT;
  }
  // Makes an entry end at once, with what answer_ says.
  static void void_it(io_uring_sqe& sqe) {
    const uint64_t user_data = sqe.user_data;
    sqe = io_uring_sqe{};
    sqe.opcode = IORING_OP_NOP;
    sqe.user_data = user_data;
  }
  void remake(const UringOptions& options) {
    auto io = make_uring_io(options);
    ASSERT_TRUE(io.has_value());
    loop_.io = std::move(*io);
    tap::state = {};
  }
  // The other end sends everything back; what the client gets must be what it sent.
  void expect_echo(size_t size) {
    const std::string text = pattern(size);
    std::string got;
    loop_.open();
    loop_.connected = [&](StreamId stream) { loop_.send(stream, text); };
    loop_.bytes = [&](StreamId stream, std::string_view bytes) {
      if (!(stream == loop_.client)) return loop_.send(stream, bytes);
      got += bytes;
      if (got.size() >= text.size()) loop_.io->stop();
    };
    loop_.closed = [&](StreamId, std::string_view why) { ADD_FAILURE() << why; };
    loop_.run();
    EXPECT_TRUE(got == text) << got.size();
  }
  void after(int64_t ms, uint64_t token = 1) {
    loop_.io->set_timer(loop_.io->now_ns() + ms * kMs, token);
  }

  OneLoop loop_;
  std::map<uint8_t, int> asked_;
  std::map<uint64_t, uint8_t> kinds_;
  std::map<uint32_t, int> under_way_;
  std::map<uint64_t, std::pair<const char*, std::string>> sends_;
  std::function<void(io_uring_sqe&)> change_;
  std::function<void(uint8_t, io_uring_cqe&)> answer_;
};

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
  UringOptions options;
  options.receive_buffers = 1;
  options.receive_buffer_bytes = 4096;
  remake(options);
  expect_echo(300'000);
}

TEST_F(UringStreams, SmallRingsAreEnough) {
  UringOptions options;
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
    if (++rounds <= 30) {
      const std::string more = pattern(300'000, static_cast<unsigned>(rounds));
      sent += more;
      loop_.send(stream, more);
    } else {
      for (std::string piece = peer.read(); !piece.empty(); piece = peer.read()) got += piece;
      if (got.size() >= sent.size()) return loop_.io->stop();
    }
    after(rounds <= 30 ? 0 : 1);
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
    if (sends_.empty()) return after(1);  // the rest of a short one goes in with the next round
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

TEST_F(UringStreams, AWakeThatComesWhileMailIsReadIsNotForgotten) {
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

TEST_F(UringStreams, AWakeIsNotForgottenBesideAPreparedFile) {
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
TEST_F(UringStreams, AcceptingGoesOnWhenDescriptorsAreThereAgain) {
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  const PlainPeer peer(loop_.address);
  peer.write("x");
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  bool raised = false;
  loop_.timer = [&](uint64_t) {
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    raised = true;
  };
  loop_.bytes = [&](StreamId, std::string_view) {
    EXPECT_TRUE(raised);
    loop_.io->stop();
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
  EXPECT_LE(asked_[IORING_OP_ACCEPT], 8) << "tried again without a pause";
  EXPECT_NE(said.find("ulimit -n"), std::string::npos) << said;
  EXPECT_EQ(said.find("ulimit -n"), said.rfind("ulimit -n")) << said;
}

TEST_F(UringStreams, AnAcceptThatWasAbortedIsMadeAgainAtOnce) {
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
    const int64_t begin = loop.io->now_ns();
    loop.open();
    loop.connected = [&](StreamId stream) { loop.send(stream, "x"); };
    loop.bytes = [&](StreamId, std::string_view) { loop.io->stop(); };
    loop.run();
    EXPECT_LT(loop.io->now_ns() - begin, 290 * kMs) << "as if descriptors had run out";
    tap::state = {};
    change_ = nullptr;
    answer_ = nullptr;
  }
}

TEST_F(UringStreams, NoMoreStreamsThanAllowed) {
  UringOptions options;
  options.max_streams = 3;
  remake(options);
  ASSERT_TRUE(loop_.io->listen(loop_.address, &loop_).has_value());
  std::vector<std::unique_ptr<PlainPeer>> peers;
  for (int i = 0; i < 4; ++i) {
    peers.push_back(std::make_unique<PlainPeer>(loop_.address));
    peers.back()->write("x");
  }
  int heard = 0;
  loop_.bytes = [&](StreamId, std::string_view) { ++heard; };
  loop_.timer = [&](uint64_t token) {
    if (token == 1) {
      EXPECT_EQ(heard, 3);
      peers[0]->close();
      return after(30, 2);
    }
    if (token == 2) {
      peers.push_back(std::make_unique<PlainPeer>(loop_.address));
      peers.back()->write("x");
      return after(30, 3);
    }
    EXPECT_EQ(heard, 4) << "a place is free again";
    loop_.io->stop();
  };
  after(50, 1);
  loop_.run();
}

TEST_F(UringStreams, TimersAreNeverEarlyAndAllFire) {
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
TEST_F(UringStreams, ATimerThatIsSetForNowByATimerWaitsForTheNextRound) {
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

TEST_F(UringStreams, AnEndIsToldAtOnce) {
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
TEST_F(UringStreams, AStreamMovesWithBothItsEnds) {
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

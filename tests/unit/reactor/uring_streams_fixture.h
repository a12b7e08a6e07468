// What the tests of the reactor's streams share: a tap at the ring that keeps account of what is
// under way and watches the bytes that the kernel sends, and a plain socket as the other end.
#pragma once

#include <malloc.h>

#include "tests/unit/reactor/plain_peer.h"
#include "tests/unit/reactor/reactor_fixture.h"
#include "tests/unit/reactor/uring_tap.h"

namespace once::reactor {

constexpr int64_t kMs = 1'000'000;

// The number of a slot in what the ring is asked: operations of a stream share it.
inline uint32_t slot_of(uint64_t user_data) { return static_cast<uint32_t>(user_data); }

inline std::string pattern(size_t size, unsigned seed = 0) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 4096 + seed);
  return text;
}

class UringStreams : public testing::Test {
 protected:
  UringStreams() {
    mallopt(M_PERTURB, 0x5a);  // what is freed does not look as before
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
      sends_[sqe.user_data] = {bytes, std::string(bytes, std::min(sqe.len, 65536u))};
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
  void remake(const IoOptions& options) {
    auto io = make_io(options);
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

}  // namespace once::reactor

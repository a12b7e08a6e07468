// Between LoopIo and the kernel: this program's own io_uring_submit... stand before liburing's.
// What is asked of the ring is seen here and nowhere else (neither strace nor a library before the
// C library's shows it), may be changed before it goes in, and its answers before they come out.
// The monotonic clock can be put forward. Include in one source of a test; single-threaded but for
// counters.
#pragma once

#include <dlfcn.h>
#include <liburing.h>

#include <atomic>
#include <cerrno>
#include <ctime>
#include <functional>

namespace once::tap {

inline std::function<void(io_uring_sqe&)> on_submit;    // of each entry about to go in, once
inline std::function<void(io_uring_cqe&)> on_complete;  // of each completion to come out
inline std::function<int()> on_enter;                   // an error instead of entering; 0: none
inline std::atomic<int64_t> skipped_ns{0};              // added to the monotonic clock

struct State {
  unsigned seen_tail = 0;  // of submissions
  unsigned seen_cqes = 0;
  io_uring* ring = nullptr;
};
inline thread_local State state;

inline void watch(io_uring* ring) {
  if (state.ring != ring) state = State{ring->sq.sqe_head, *ring->cq.khead, ring};
  if (on_submit) {
    for (; state.seen_tail != ring->sq.sqe_tail; ++state.seen_tail) {
      on_submit(ring->sq.sqes[state.seen_tail & ring->sq.ring_mask]);
    }
  }
  state.seen_tail = ring->sq.sqe_tail;
}

inline void look_at_completions(io_uring* ring) {
  const unsigned tail = __atomic_load_n(ring->cq.ktail, __ATOMIC_ACQUIRE);
  for (; state.seen_cqes != tail; ++state.seen_cqes) {
    if (on_complete) on_complete(ring->cq.cqes[state.seen_cqes & ring->cq.ring_mask]);
  }
}

// Before each test: a new ring may lie where an old one lay.
inline void reset() {
  state = State{};
  on_submit = nullptr;
  on_complete = nullptr;
  on_enter = nullptr;
  skipped_ns = 0;
}

}  // namespace once::tap

extern "C" {

int io_uring_submit(io_uring* ring) {
  using namespace once;
  tap::watch(ring);
  if (tap::on_enter) {
    if (const int code = tap::on_enter(); code != 0) return code;
  }
  static auto* const enter =
      reinterpret_cast<int (*)(io_uring*)>(dlsym(RTLD_NEXT, "io_uring_submit"));
  const int code = enter(ring);
  tap::look_at_completions(ring);
  return code;
}

int io_uring_submit_and_wait_timeout(io_uring* ring, io_uring_cqe** cqe, unsigned count,
                                     __kernel_timespec* timeout, sigset_t* mask) {
  using namespace once;
  tap::watch(ring);
  if (tap::on_enter) {
    if (const int code = tap::on_enter(); code != 0) return code;
  }
  static auto* const enter =
      reinterpret_cast<int (*)(io_uring*, io_uring_cqe**, unsigned, __kernel_timespec*, sigset_t*)>(
          dlsym(RTLD_NEXT, "io_uring_submit_and_wait_timeout"));
  const int code = enter(ring, cqe, count, timeout, mask);
  tap::look_at_completions(ring);
  return code;
}

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  using Real = int(clockid_t, timespec*);
  static Real* const get = reinterpret_cast<Real*>(dlsym(RTLD_NEXT, "clock_gettime"));
  const int code = get(clock, time);
  const int64_t skipped = once::tap::skipped_ns.load(std::memory_order_relaxed);
  if (code == 0 && clock == CLOCK_MONOTONIC && skipped != 0) {
    const int64_t at = int64_t{time->tv_sec} * 1'000'000'000 + time->tv_nsec + skipped;
    time->tv_sec = at / 1'000'000'000;
    time->tv_nsec = at % 1'000'000'000;
  }
  return code;
}
}

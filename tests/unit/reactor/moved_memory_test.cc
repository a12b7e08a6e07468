// The memory of bytes that move with their streams. Replaces the global operator new.
#include <malloc.h>

#include <cstdlib>
#include <new>

#include "tests/unit/reactor/plain_peer.h"
#include "tests/unit/reactor/reactor_fixture.h"

namespace {

std::atomic<size_t> allocated_bytes{0};  // and not given back

}  // namespace

// Never inlined: the compiler would see a free() of what it takes for memory of the library's own
// operator new, and warn.
[[gnu::noinline]] void* operator new(size_t size) {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  allocated_bytes += malloc_usable_size(memory);
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  allocated_bytes -= malloc_usable_size(memory);
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { operator delete(memory); }

namespace once::reactor {
namespace {

struct MovedMemory : BothBackends {};
INSTANTIATE_TEST_SUITE_P(Io, MovedMemory, testing::Values(Backend::kUring, Backend::kEpoll),
                         backend_name);

// Each connection of a node moves once, with its first bytes.
TEST_P(MovedMemory, WhatMovedAlongIsGivenBackOnceItWasRead) {
  constexpr int kMoves = 200;
  const std::string unread(256 << 10, 'u');
  const std::string address = free_address();
  Loop loop;
  ASSERT_TRUE(loop.io->listen(address, &loop).has_value());
  const PlainPeer peer(address);
  peer.write("x");
  int moves = 0;
  size_t before = 0;
  loop.bytes = [&](StreamId stream, std::string_view bytes) {
    EXPECT_EQ(bytes.size(), moves == 0 ? 1 : unread.size());
    if (moves == 0) before = allocated_bytes;
    if (++moves > kMoves) return loop.io->stop();
    loop.io->adopt(loop.io->detach(stream, unread), &loop);
  };
  loop.run();
  EXPECT_GT(moves, kMoves);
  EXPECT_LT(allocated_bytes, before + (4 << 20));
}

}  // namespace
}  // namespace once::reactor

// Names that are looked up where memory is short. Replaces the global operator new.
#include "base/name_resolver.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <csignal>
#include <cstdlib>
#include <new>
#include <string>

#include "tests/unit/base/fake_names.h"

namespace {

thread_local int allocations_left = -1;  // of this thread; -1: as many as it likes

}  // namespace

// Never inlined: the compiler would see a free() of what it takes for memory of the library's own
// operator new, and warn.
[[gnu::noinline]] void* operator new(size_t size) {
  if (allocations_left == 0) throw std::bad_alloc();
  if (allocations_left > 0) --allocations_left;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace once {
namespace {

bool hears_sigterm() {
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  return sigismember(&blocked, SIGTERM) == 0;
}

// False: memory ran out.
bool finds_with(int allocations, NameResolver& names, const std::string& address) {
  try {
    allocations_left = allocations;
    names.find(address);
    allocations_left = -1;
    return true;
  } catch (const std::bad_alloc&) {
    allocations_left = -1;
    return false;
  }
}

// Whoever survives that can still be stopped.
TEST(NameResolverMemory, WhoeverHasNoneLeftForALookUpKeepsItsSignals) {
  FakeNames server;
  const auto names = server.resolver();
  const std::string address = "a-host-whose-name-has-no-room-within-a-string.example:1";
  int allocations = 0;
  while (!finds_with(allocations, *names, address)) {
    ASSERT_TRUE(hears_sigterm()) << "with " << allocations << " allocations";
    ++allocations;
  }
  EXPECT_TRUE(hears_sigterm());
  EXPECT_GT(allocations, 0);
}

}  // namespace
}  // namespace once

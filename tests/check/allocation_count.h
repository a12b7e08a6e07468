// Counts the heap allocations made while an AllocationCount lives. Replaces the global operator
// new, so exactly one source file of a program includes it. For tests of one thread.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

namespace once::test {

inline bool counting_allocations = false;
inline uint64_t allocations_counted = 0;

class AllocationCount {
 public:
  explicit AllocationCount(uint64_t& total) : total_(total) {
    allocations_counted = 0;
    counting_allocations = true;
  }
  ~AllocationCount() {
    counting_allocations = false;
    total_ += allocations_counted;
  }
  AllocationCount(const AllocationCount&) = delete;
  AllocationCount& operator=(const AllocationCount&) = delete;

 private:
  uint64_t& total_;
};

inline void* count_and_allocate(size_t size, size_t alignment) {
  if (counting_allocations) ++allocations_counted;
  const size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace once::test

// The array and nothrow forms of the library end in these. Never inlined: the compiler would see a
// free() of what it takes for memory of the library's own operator new, and warn.
[[gnu::noinline]] void* operator new(size_t size) {
  return once::test::count_and_allocate(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
[[gnu::noinline]] void* operator new(size_t size, std::align_val_t alignment) {
  return once::test::count_and_allocate(size, static_cast<size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  std::free(memory);
}

// Memory straight from the system, at a multiple of a huge page and made of such where it has them.
// It is touched, and counts, only as it is used.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "base/assert.h"

namespace once {

class HugePages {
 public:
  static constexpr size_t kPageBytes = 2 * 1024 * 1024;

  // `pages` of them, of zeros. If there are none: the new-handler, then std::bad_alloc.
  explicit HugePages(size_t pages) : mapped_((pages + 1) * kPageBytes) {
    ONCE_ASSERT(pages > 0);
    void* memory = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      if (const std::new_handler handler = std::get_new_handler()) handler();
      throw std::bad_alloc();
    }
    memory_ = static_cast<char*>(memory);
    ::madvise(begin(), pages * kPageBytes, MADV_HUGEPAGE);  // where there are none, without
  }
  HugePages(HugePages&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), mapped_(other.mapped_) {}
  HugePages& operator=(HugePages&&) = delete;
  ~HugePages() {
    if (memory_ != nullptr) ::munmap(memory_, mapped_);
  }
  char* begin() const {
    const size_t past = reinterpret_cast<uintptr_t>(memory_) % kPageBytes;
    return memory_ + (past == 0 ? 0 : kPageBytes - past);
  }

 private:
  char* memory_ = nullptr;
  size_t mapped_;  // one page more than asked for: wherever it begins
};

}  // namespace once

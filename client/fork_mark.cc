#include "client/fork_mark.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <new>

namespace once::client {
namespace {

// A page that the kernel gives to a child as zeros. A process id would not do: a child in another
// namespace may have its parent's.
struct Page {
  std::atomic<uint64_t>* word = nullptr;  // null: this kernel cannot do it
  std::atomic<uint64_t> drawn{0};         // a child has its parent's, and counts on

  Page() {
    const auto size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    void* page = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return;
    if (madvise(page, size, MADV_WIPEONFORK) != 0) {
      munmap(page, size);
      return;
    }
    word = new (page) std::atomic<uint64_t>(0);
  }
};

}  // namespace

uint64_t this_process() {
  static Page page;
  if (page.word == nullptr) return static_cast<uint64_t>(getpid());
  uint64_t now = page.word->load(std::memory_order_acquire);
  if (now != 0) return now;
  const uint64_t next = page.drawn.fetch_add(1) + 1;
  return page.word->compare_exchange_strong(now, next) ? next : now;
}

}  // namespace once::client

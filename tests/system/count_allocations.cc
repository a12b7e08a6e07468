// Put into a process by LD_PRELOAD: counts what its first thread allocates (the loop of core 0 of a
// node), into the file that ONCE_ALLOCATIONS names: one u64 that others may read all the time.
#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

// glibc's own, behind the names that are taken here.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* at, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
}

namespace {

volatile uint64_t* counted = nullptr;
const void* first_thread = nullptr;

void count() {
  if (counted != nullptr && __builtin_thread_pointer() == first_thread) *counted = *counted + 1;
}

__attribute__((constructor)) void begin() {
  const char* path = std::getenv("ONCE_ALLOCATIONS");
  if (path == nullptr) return;
  const int file = ::open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ::ftruncate(file, sizeof(uint64_t)) != 0) std::abort();
  void* page = ::mmap(nullptr, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (page == MAP_FAILED) std::abort();
  ::close(file);
  first_thread = __builtin_thread_pointer();
  counted = static_cast<volatile uint64_t*>(page);
}

}  // namespace

extern "C" {

void* malloc(size_t size) {
  count();
  return __libc_malloc(size);
}
void* calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}
void* realloc(void* at, size_t size) {
  count();
  return __libc_realloc(at, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** at, size_t alignment, size_t size) {
  count();
  *at = __libc_memalign(alignment, size);
  return *at == nullptr ? 12 : 0;  // ENOMEM
}

}  // extern "C"

// The memory of one core's names, in pieces that are never given back before the end. The first
// ones are small memory of the allocator's; then they are cut from huge pages, of which one is
// touched at a time: growth needs no copy, and few page faults. Single-threaded.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#include "base/assert.h"

namespace once::paxos {

class Pieces {
 public:
  static constexpr size_t kBytes = 256 * 1024;

  Pieces() = default;
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;
  ~Pieces() {
    for (char* piece : small_) ::operator delete (piece, std::align_val_t{kAlignment});
    for (char* region : regions_) ::munmap(region, kMapped);
  }

  // kBytes, at a multiple of a cache line, of whatever content. Throws std::bad_alloc.
  char* take() {
    if (small_.size() < kMostSmall) {
      small_.push_back(static_cast<char*>(::operator new (kBytes, std::align_val_t{kAlignment})));
      return small_.back();
    }
    if (left_ == 0) map();
    ONCE_ASSERT(left_ >= kBytes);
    char* piece = at_;
    at_ += kBytes;
    left_ -= kBytes;
    return piece;
  }
  // What is taken, and the rest of its last huge page.
  size_t bytes() const {
    const size_t mapped = regions_.size() * kRegion - left_;
    return small_.size() * kBytes + (mapped + kHugePage - 1) / kHugePage * kHugePage;
  }

 private:
  static constexpr size_t kAlignment = 64;
  static constexpr size_t kMostSmall = 16;
  static constexpr size_t kHugePage = 2 * 1024 * 1024;
  static constexpr size_t kRegion = 16 * kHugePage;
  static constexpr size_t kMapped = kRegion + kHugePage;  // wherever it begins
  void map() {
    regions_.reserve(regions_.size() + 1);
    void* region = ::mmap(nullptr, kMapped, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED) throw std::bad_alloc();
    regions_.push_back(static_cast<char*>(region));
    const size_t past = reinterpret_cast<uintptr_t>(region) % kHugePage;
    at_ = regions_.back() + (past == 0 ? 0 : kHugePage - past);
    left_ = kRegion;
    ::madvise(at_, kRegion, MADV_HUGEPAGE);  // where there are none, it goes without
  }

  std::vector<char*> small_;
  std::vector<char*> regions_;
  char* at_ = nullptr;
  size_t left_ = 0;
};

}  // namespace once::paxos

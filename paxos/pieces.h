// The memory of one core's names, in pieces that are never given back before the end. The first
// ones are small memory of the allocator's; then they are cut from huge pages, of which one is
// touched at a time: growth needs no copy, and few page faults. Single-threaded.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

#include "base/assert.h"
#include "base/huge_pages.h"

namespace once::paxos {

class Pieces {
 public:
  static constexpr size_t kBytes = 256 * 1024;

  Pieces() = default;
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;
  ~Pieces() {
    for (char* piece : small_) ::operator delete (piece, std::align_val_t{kAlignment});
  }

  // kBytes, at a multiple of a cache line, of whatever content. Throws std::bad_alloc.
  char* take() {
    if (small_.size() < kMostSmall) {
      small_.push_back(static_cast<char*>(::operator new (kBytes, std::align_val_t{kAlignment})));
      return small_.back();
    }
    if (left_ == 0) {
      regions_.emplace_back(kRegionPages);
      at_ = regions_.back().begin();
      left_ = kRegionPages * HugePages::kPageBytes;
    }
    ONCE_ASSERT(left_ >= kBytes);
    char* piece = at_;
    at_ += kBytes;
    left_ -= kBytes;
    return piece;
  }
  // What is taken. Of the last huge page the rest may be there too: a part of the fixed memory.
  size_t bytes() const {
    const size_t mapped = regions_.size() * kRegionPages * HugePages::kPageBytes - left_;
    return small_.size() * kBytes + mapped;
  }

 private:
  static constexpr size_t kAlignment = 64;
  static constexpr size_t kMostSmall = 16;
  static constexpr size_t kRegionPages = 16;

  std::vector<char*> small_;
  std::vector<HugePages> regions_;
  char* at_ = nullptr;
  size_t left_ = 0;
};

}  // namespace once::paxos

// Memory for requests, proposals and what entries hold apart: chunks cut into size classes, freed
// blocks reused; blocks over kLargeBytes are allocated each for itself and given back. What is
// freed stays readable until collect(), so that views handed out in one step survive that step.
// Single-threaded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace once::paxos {

class Arena {
 public:
  static constexpr size_t kLargeBytes = 2048;
  static constexpr size_t kLargeOverheadBytes = 32;  // a block: its links, the allocator's own

  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    while (large_ != nullptr) give_back(large_);
  }

  char* allocate(size_t size) {
    if (size > kLargeBytes) return allocate_large(size);
    const unsigned size_class = class_of(size);
    auto& free = free_[size_class];
    if (!free.empty()) {
      char* block = free.back();
      free.pop_back();
      return block;
    }
    const size_t bytes = bytes_of(size_class);
    if (left_ < bytes) {
      chunks_.push_back(std::make_unique_for_overwrite<char[]>(kChunkBytes));
      at_ = chunks_.back().get();
      left_ = kChunkBytes;
    }
    char* block = at_;
    at_ += bytes;
    left_ -= bytes;
    return block;
  }
  void free(char* block, size_t size) {
    ONCE_ASSERT(block != nullptr || size == 0);
    if (block != nullptr) garbage_.emplace_back(block, size);
  }
  void collect() {
    for (auto [block, size] : garbage_) {
      if (size > kLargeBytes) {
        ONCE_ASSERT(large_bytes_ >= size + kLargeOverheadBytes);
        large_bytes_ -= size + kLargeOverheadBytes;
        give_back(reinterpret_cast<Large*>(block) - 1);
      } else {
        free_[class_of(size)].push_back(block);
      }
    }
    garbage_.clear();
  }
  // All that is allocated here, used or not; what is small is never given back.
  size_t bytes() const { return chunks_.size() * kChunkBytes + large_bytes_; }

 private:
  struct Large {  // in front of its bytes
    Large* previous;
    Large* next;
  };
  char* allocate_large(size_t size) {
    ONCE_ASSERT(size > kLargeBytes);
    large_bytes_ += size + kLargeOverheadBytes;
    auto* block = static_cast<Large*>(::operator new(sizeof(Large) + size));
    *block = {nullptr, large_};
    if (large_ != nullptr) large_->previous = block;
    large_ = block;
    return reinterpret_cast<char*>(block + 1);
  }
  void give_back(Large* block) {
    ONCE_ASSERT(block->previous != nullptr || block == large_);
    (block->previous == nullptr ? large_ : block->previous->next) = block->next;
    if (block->next != nullptr) block->next->previous = block->previous;
    ::operator delete(block);
  }
  static constexpr size_t kChunkBytes = 1024 * 1024;
  // Steps of 16 bytes up to 512, then of 128.
  static unsigned class_of(size_t size) {
    if (size <= 512) return static_cast<unsigned>((size + 15) / 16);
    ONCE_ASSERT(size <= kLargeBytes);
    return 28 + static_cast<unsigned>((size + 127) / 128);
  }
  static size_t bytes_of(unsigned size_class) {
    return size_class <= 32 ? (size_class == 0 ? 16 : size_class * 16)
                            : size_t{size_class - 28} * 128;
  }
  std::array<std::vector<char*>, 45> free_;
  std::vector<std::pair<char*, size_t>> garbage_;
  std::vector<std::unique_ptr<char[]>> chunks_;
  char* at_ = nullptr;
  size_t left_ = 0;
  Large* large_ = nullptr;  // all of them
  size_t large_bytes_ = 0;
};

}  // namespace once::paxos

// Memory for names and values: chunks cut into size classes, freed blocks reused. What is freed
// stays readable until collect(), so that views handed out in one step survive that step.
// Single-threaded.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace once::paxos {

class Arena {
 public:
  char* allocate(size_t size) {
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
    if (block != nullptr) garbage_.emplace_back(block, class_of(size));
  }
  void collect() {
    for (auto [block, size_class] : garbage_) free_[size_class].push_back(block);
    garbage_.clear();
  }

 private:
  static constexpr size_t kChunkBytes = 1024 * 1024;
  // Steps of 16 bytes up to 512, then powers of two.
  static unsigned class_of(size_t size) {
    if (size <= 512) return static_cast<unsigned>((size + 15) / 16);
    ONCE_ASSERT(size <= kChunkBytes);
    return 23 + static_cast<unsigned>(std::bit_width(size - 1));
  }
  static size_t bytes_of(unsigned size_class) {
    return size_class <= 32 ? (size_class == 0 ? 16 : size_class * 16)
                            : size_t{1} << (size_class - 23);
  }
  std::array<std::vector<char*>, 48> free_;
  std::vector<std::pair<char*, unsigned>> garbage_;
  std::vector<std::unique_ptr<char[]>> chunks_;
  char* at_ = nullptr;
  size_t left_ = 0;
};

}  // namespace once::paxos

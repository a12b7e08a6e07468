// The memory of one core's names, in pieces that are never given back before the end. The first
// ones are small memory of the allocator's; then they are cut from huge pages, of which the next
// ones are asked for ahead (base/page_toucher.h): growth needs no copy, and hardly ever waits for a
// page. Single-threaded.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>
#include <vector>

#include "base/assert.h"
#include "base/huge_pages.h"
#include "base/page_toucher.h"

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
    if (left_ == 0) begin_page();
    ONCE_ASSERT(left_ >= kBytes);
    char* piece = at_;
    at_ += kBytes;
    left_ -= kBytes;
    return piece;
  }
  // So many bytes, or a huge page less, are touched in time, before anybody asks for them.
  void make_ready(size_t bytes) {
    const size_t end = pages_ + bytes / HugePages::kPageBytes;
    for (size_t n = pages_, next = 0; n < end; n = next) {
      next = std::min(end, (n / kRegionPages + 1) * kRegionPages);
      PageToucher::ask_in_time(page(n), (next - n) * HugePages::kPageBytes);
    }
    ready_ = std::max(ready_, end);
  }
  // What is taken, or ready. The rest of the last huge page, and kAhead more, may be there too: a
  // part of the fixed memory.
  size_t bytes() const {
    return small_.size() * kBytes +
           std::max(pages_ * HugePages::kPageBytes - left_, ready_ * HugePages::kPageBytes);
  }

 private:
  static constexpr size_t kAlignment = 64;
  static constexpr size_t kMostSmall = 16;
  static constexpr size_t kRegionPages = 16;
  // To clear a huge page takes up to 10 ms, to use it up takes 24,000 names: one is ready when it
  // is needed, and another one if the thread that clears them comes late.
  static constexpr size_t kAhead = 2;

  char* page(size_t n) {
    while (n >= regions_.size() * kRegionPages) regions_.emplace_back(kRegionPages);
    return regions_[n / kRegionPages].begin() + n % kRegionPages * HugePages::kPageBytes;
  }
  void begin_page() {
    at_ = page(pages_++);
    left_ = HugePages::kPageBytes;
    // All of them at first; then each page that is begun is one that was asked for.
    for (size_t n = pages_ == 1 ? 1 : pages_ + kAhead - 1; n < pages_ + kAhead; ++n) {
      PageToucher::ask(page(n), HugePages::kPageBytes);
    }
  }

  std::vector<char*> small_;
  std::vector<HugePages> regions_;
  char* at_ = nullptr;
  size_t left_ = 0;   // of the page
  size_t pages_ = 0;  // begun
  size_t ready_ = 0;  // pages
};

}  // namespace once::paxos

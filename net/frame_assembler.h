// Cuts a stream into length-prefixed frames. Whole frames are seen in place; only a frame over the
// border of two receives is copied, into memory that lives until the round ends. Private to net/.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace once::net {

// Buffers of assembled frames, kept to the end of the round and then used again.
class RoundMemory {
 public:
  std::vector<char> take() {
    if (spare_.empty()) return {};
    std::vector<char> buffer = std::move(spare_.back());
    spare_.pop_back();
    return buffer;
  }
  std::string_view retire(std::vector<char>&& buffer) {
    used_.push_back(std::move(buffer));
    return {used_.back().data(), used_.back().size()};
  }
  void end_round() {
    for (auto& buffer : used_) {
      if (spare_.size() >= kMaxSpare || buffer.capacity() > kMaxSpareBytes) continue;
      buffer.clear();
      spare_.push_back(std::move(buffer));
    }
    used_.clear();
  }

 private:
  static constexpr size_t kMaxSpare = 64;
  static constexpr size_t kMaxSpareBytes = 64 * 1024;
  std::vector<std::vector<char>> used_;
  std::vector<std::vector<char>> spare_;
};

class FrameAssembler {
 public:
  static constexpr size_t kLengthBytes = 4;
  static constexpr size_t kSmallBytes = 1024;
  enum class Outcome { kWantsMore, kStopped, kBadLength };

  // Calls on_frame(frame, rest) for each whole frame, length field included, until it returns
  // false. `limits` gives the least and greatest total size, asked anew for each frame and checked
  // before anything of the frame is stored.
  template <class Limits, class OnFrame>
  Outcome feed(std::string_view bytes, RoundMemory& memory, Limits limits, OnFrame on_frame) {
    while (!partial_.empty()) {
      size_t want = kLengthBytes;
      if (partial_.size() >= kLengthBytes) {
        want = total(partial_.data());
        if (!within(want, limits())) return bad(want);
      }
      size_t taken = std::min(want - partial_.size(), bytes.size());
      partial_.insert(partial_.end(), bytes.begin(), bytes.begin() + static_cast<long>(taken));
      bytes.remove_prefix(taken);
      if (partial_.size() < want) return Outcome::kWantsMore;
      if (want == kLengthBytes) {
        want = total(partial_.data());
        if (!within(want, limits())) return bad(want);
        if (bytes.empty()) return Outcome::kWantsMore;
        continue;
      }
      if (!on_frame(memory.retire(std::exchange(partial_, {})), bytes)) return Outcome::kStopped;
    }
    while (bytes.size() >= kLengthBytes) {
      size_t size = total(bytes.data());
      if (!within(size, limits())) return bad(size);
      if (bytes.size() < size) break;
      std::string_view frame = bytes.substr(0, size);
      bytes.remove_prefix(size);
      if (!on_frame(frame, bytes)) return Outcome::kStopped;
    }
    if (!bytes.empty()) {
      // Used buffers are large: they are not for those who may send but little.
      if (limits().second > kSmallBytes) partial_ = memory.take();
      partial_.assign(bytes.begin(), bytes.end());
    }
    return Outcome::kWantsMore;
  }
  size_t bad_length() const { return bad_length_; }
  size_t kept_bytes() const { return partial_.capacity(); }

 private:
  static size_t total(const char* frame) { return kLengthBytes + size_t{load<uint32_t>(frame)}; }
  static bool within(size_t size, std::pair<size_t, size_t> limits) {
    return size >= limits.first && size <= limits.second;
  }
  Outcome bad(size_t size) {
    bad_length_ = size - kLengthBytes;
    return Outcome::kBadLength;
  }
  std::vector<char> partial_;
  size_t bad_length_ = 0;
};

}  // namespace once::net

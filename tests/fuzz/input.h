// What the fuzzer gives, taken from the front piece by piece: past the end there are zeros only, so
// that every input means something and a longer one never changes what a prefix of it did.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace once::fuzz {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }
  size_t remaining() const { return rest_.size(); }
  template <class T>
  T number() {
    T value{};
    const std::string_view bytes = this->bytes(sizeof value);
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  uint8_t byte() { return number<uint8_t>(); }
  // At most so many bytes: fewer at the end. The view points into the input.
  std::string_view bytes(size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() { return bytes(rest_.size()); }

 private:
  std::string_view rest_;
};

// Bytes in memory of their own and of exactly their size, so that the sanitizer sees a read past
// their end that the fuzzer's larger buffer would hide.
class Exact {
 public:
  explicit Exact(std::string_view bytes) : size_(bytes.size()), bytes_(new char[bytes.size()]) {
    std::copy(bytes.begin(), bytes.end(), bytes_);
  }
  ~Exact() { delete[] bytes_; }
  Exact(const Exact&) = delete;
  Exact& operator=(const Exact&) = delete;
  std::string_view view() const { return {bytes_, size_}; }

 private:
  size_t size_;
  char* bytes_;
};

template <class Encode>
std::vector<char> encoded(Encode encode) {
  std::vector<char> out;
  encode(out);
  return out;
}
inline std::string_view view(const std::vector<char>& bytes) {
  return {bytes.data(), bytes.size()};
}

}  // namespace once::fuzz

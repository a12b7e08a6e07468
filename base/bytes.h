// Little-endian encoding into and out of byte buffers. The reader never runs past its end: a short
// read turns it bad, yields zeros from then on, and the caller checks ok() once.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/assert.h"
#include "base/types.h"

namespace once {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "encodings are copied as they stand");

template <class T>
T load(const void* from) {
  static_assert(std::is_integral_v<T>);
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
void store(void* to, T value) {
  static_assert(std::is_integral_v<T>);
  std::memcpy(to, &value, sizeof value);
}

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  template <class T>
  T get() {
    if (remaining() < sizeof(T)) return fail(), T{};
    T value = load<T>(at_);
    at_ += sizeof(T);
    return value;
  }
  template <class Id>
  Id get_uuid() {
    Id id;
    id.high = get<uint64_t>();
    id.low = get<uint64_t>();
    return id;
  }
  // The view points into the bytes given to the constructor.
  std::string_view get_bytes(size_t size) {
    if (remaining() < size) return fail(), std::string_view{};
    std::string_view bytes(at_, size);
    at_ += size;
    return bytes;
  }
  size_t remaining() const { return static_cast<size_t>(end_ - at_); }
  bool ok() const { return ok_; }
  bool finished() const { return ok_ && at_ == end_; }

 private:
  void fail() {
    ok_ = false;
    at_ = end_;
  }
  const char* at_;
  const char* end_;
  bool ok_ = true;
};

// Appends to a vector that it does not own; the vector keeps its capacity between uses.
class ByteWriter {
 public:
  explicit ByteWriter(std::vector<char>& out) : out_(out) {}

  template <class T>
  void put(T value) {
    static_assert(std::is_integral_v<T>);
    const char* bytes = reinterpret_cast<const char*>(&value);
    out_.insert(out_.end(), bytes, bytes + sizeof value);
  }
  void put_uuid(const Uuid& id) {
    put(id.high);
    put(id.low);
  }
  void put_bytes(std::string_view bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  size_t position() const { return out_.size(); }
  template <class T>
  void patch(size_t position, T value) {
    ONCE_ASSERT(position + sizeof value <= out_.size());
    store(out_.data() + position, value);
  }

 private:
  std::vector<char>& out_;
};

}  // namespace once

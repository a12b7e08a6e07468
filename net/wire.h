// One description of a layout serves three directions: a message lists its fields once, and the
// list is applied to a sizer, a writer and a reader. Strings are a size followed by the bytes.
// Private to net/.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"

namespace once::net {

class WireSizer {
 public:
  template <class T>
  void number(const T&) {
    size_ += sizeof(T);
  }
  void zeros(size_t count) { size_ += count; }
  void flag(bool) { size_ += 1; }
  void uuid(const Uuid&) { size_ += 16; }
  template <class Enum>
  void enumeration(const Enum&, Enum, Enum) {
    size_ += 1;
  }
  template <class Size>
  void bytes(std::string_view value, size_t) {
    size_ += sizeof(Size) + value.size();
  }
  size_t size() const { return size_; }

 private:
  size_t size_ = 0;
};

// Writes without checks: a WireSizer made the room.
class WireWriter {
 public:
  explicit WireWriter(char* at) : at_(at) {}
  template <class T>
  void number(const T& value) {
    store(at_, value);
    at_ += sizeof(T);
  }
  void zeros(size_t count) {
    std::memset(at_, 0, count);
    at_ += count;
  }
  void flag(bool value) { number<uint8_t>(value ? 1 : 0); }
  void uuid(const Uuid& id) {
    number(id.high);
    number(id.low);
  }
  template <class Enum>
  void enumeration(const Enum& value, Enum, Enum) {
    number(static_cast<uint8_t>(value));
  }
  template <class Size>
  void bytes(std::string_view value, size_t limit) {
    ONCE_ASSERT(value.size() <= limit);
    number(static_cast<Size>(value.size()));
    if (!value.empty()) std::memcpy(at_, value.data(), value.size());
    at_ += value.size();
  }

 private:
  char* at_;
};

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : reader_(bytes) {}
  template <class T>
  void number(T& value) {
    value = reader_.get<T>();
  }
  void zeros(size_t count) {
    for (char byte : reader_.get_bytes(count)) valid_ &= byte == 0;
  }
  void flag(bool& value) {
    uint8_t byte = reader_.get<uint8_t>();
    valid_ &= byte <= 1;
    value = byte == 1;
  }
  void uuid(Uuid& id) { id = reader_.get_uuid<Uuid>(); }
  template <class Enum>
  void enumeration(Enum& value, Enum first, Enum last) {
    uint8_t byte = reader_.get<uint8_t>();
    valid_ &= byte >= static_cast<uint8_t>(first) && byte <= static_cast<uint8_t>(last);
    value = valid_ ? static_cast<Enum>(byte) : first;
  }
  template <class Size, class Text>
  void bytes(Text& value, size_t limit) {
    Size size = reader_.get<Size>();
    valid_ &= size <= limit;
    value = reader_.get_bytes(size);
  }
  void require(bool valid) { valid_ &= valid; }
  bool finished() const { return valid_ && reader_.finished(); }
  bool ok() const { return valid_ && reader_.ok(); }

 private:
  ByteReader reader_;
  bool valid_ = true;
};

// Makes room for `size` more bytes and returns where they begin.
inline char* extend(std::vector<char>& out, size_t size) {
  size_t at = out.size();
  out.resize(at + size);
  return out.data() + at;
}

}  // namespace once::net

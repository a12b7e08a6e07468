#include "bench/peers/etcd_messages.h"

#include <cstddef>
#include <cstdint>

namespace once::bench::peers {
namespace {

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

constexpr size_t kGrpcPrefixBytes = 5;  // whether it is compressed, and its length

void append_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}
void append_number(std::string& out, uint32_t field, uint64_t value) {
  append_varint(out, field << 3 | kVarint);
  append_varint(out, value);
}
void append_bytes(std::string& out, uint32_t field, std::string_view bytes) {
  append_varint(out, field << 3 | kBytes);
  append_varint(out, bytes.size());
  out.append(bytes);
}

std::string with_prefix(std::string_view message) {
  std::string out(1, '\0');  // not compressed
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(message.size() >> shift));
  }
  return out.append(message);
}

// Reads from the front; false: the bytes end before the number does.
bool take_varint(std::string_view& bytes, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

// The number in that field; 0 if it is left out, as zeros are. Nothing: no message.
std::optional<uint64_t> number_of(std::string_view message, uint64_t field) {
  uint64_t found = 0, tag = 0, value = 0;
  while (!message.empty()) {
    if (!take_varint(message, tag)) return std::nullopt;
    size_t skipped = 0;
    switch (tag & 7) {
      case kVarint:
        if (!take_varint(message, value)) return std::nullopt;
        if (tag >> 3 == field) found = value;
        break;
      case kBytes:
        if (!take_varint(message, value)) return std::nullopt;
        skipped = value;
        break;
      case kFixed64:
        skipped = 8;
        break;
      case kFixed32:
        skipped = 4;
        break;
      default:
        return std::nullopt;
    }
    if (skipped > message.size()) return std::nullopt;
    message.remove_prefix(skipped);
  }
  return found;
}

std::optional<bool> has_number(std::string_view answer, uint64_t field) {
  if (answer.size() < kGrpcPrefixBytes) return std::nullopt;
  const std::optional<uint64_t> number = number_of(answer.substr(kGrpcPrefixBytes), field);
  if (!number) return std::nullopt;
  return *number != 0;
}

}  // namespace

std::string create_message(std::string_view key, std::string_view value) {
  constexpr uint32_t kTarget = 2, kKey = 3, kCreateRevision = 5;  // of a Compare
  constexpr uint64_t kCreate = 1;                                 // the target
  std::string compare;  // its result is left out: 0, which says equal
  append_number(compare, kTarget, kCreate);
  append_bytes(compare, kKey, key);
  append_number(compare, kCreateRevision, 0);
  std::string put;
  append_bytes(put, 1, key);
  append_bytes(put, 2, value);
  constexpr uint32_t kRequestPut = 2;  // of a RequestOp
  std::string operation;
  append_bytes(operation, kRequestPut, put);
  constexpr uint32_t kCompare = 1, kSuccess = 2;  // of a TxnRequest
  std::string transaction;
  append_bytes(transaction, kCompare, compare);
  append_bytes(transaction, kSuccess, operation);
  return with_prefix(transaction);
}

std::string read_message(std::string_view key) {
  std::string range;  // serializable is left out: false, so it is linearizable
  append_bytes(range, 1, key);
  return with_prefix(range);
}

std::optional<bool> has_created(std::string_view answer) {
  constexpr uint64_t kSucceeded = 2;  // of a TxnResponse
  return has_number(answer, kSucceeded);
}

std::optional<bool> has_found(std::string_view answer) {
  constexpr uint64_t kCount = 4;  // of a RangeResponse
  return has_number(answer, kCount);
}

}  // namespace once::bench::peers

// A log batch while it fills: records are copied once, into the aligned buffer that is written.
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/assert.h"
#include "base/record_number.h"
#include "wal/block_format.h"
#include "wal/segment.h"

namespace once::wal {

// Room for a segment header block, then the blocks of one batch; each keeps space for its header.
class Batch {
 public:
  Batch() : memory_(allocate_aligned(kMaxBatchBytes)) {}

  bool fits(size_t record_bytes) const {
    return payload_ + kRecordPrefixBytes + record_bytes <= kMaxBatchPayload;
  }
  void add(std::string_view record, RecordNumber number) {
    uint32_t size = static_cast<uint32_t>(record.size());
    copy(reinterpret_cast<const char*>(&size), sizeof size);
    copy(record.data(), record.size());
    ++records_;
    last_record_ = number;
  }
  void no_longer_needed(uint64_t record_bytes) {
    needless_ += kRecordPrefixBytes + record_bytes;
    ONCE_ASSERT(needless_ <= payload_);
  }
  void clear() { payload_ = records_ = needless_ = 0; }
  bool empty() const { return records_ == 0; }
  size_t payload() const { return payload_; }
  size_t needless() const { return needless_; }  // of the payload, so much is not needed any more
  uint64_t records() const { return records_; }
  RecordNumber last_record() const { return last_record_; }
  // One at least: an empty batch is a block that carries the watermark.
  size_t blocks() const {
    return std::max<size_t>(1, (payload_ + kBlockPayloadBytes - 1) / kBlockPayloadBytes);
  }
  char* segment_header() { return memory_.get(); }
  char* block(size_t index) { return memory_.get() + (1 + index) * kBlockBytes; }
  size_t block_payload(size_t index) const {
    return std::min(payload_ - std::min(payload_, index * kBlockPayloadBytes), kBlockPayloadBytes);
  }

  Batch* next = nullptr;  // in the queue or the pool

 private:
  void copy(const char* bytes, size_t size) {
    while (size > 0) {
      size_t offset = payload_ % kBlockPayloadBytes;
      size_t part = std::min(size, kBlockPayloadBytes - offset);
      std::memcpy(block(payload_ / kBlockPayloadBytes) + sizeof(BlockHeader) + offset, bytes, part);
      payload_ += part;
      bytes += part;
      size -= part;
    }
  }

  AlignedBytes memory_;
  size_t payload_ = 0;
  size_t records_ = 0;
  size_t needless_ = 0;
  RecordNumber last_record_;
};

}  // namespace once::wal

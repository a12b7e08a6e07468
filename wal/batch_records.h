// The records of a batch, joined from its blocks as they come: a record may lie across two of them.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "wal/block_format.h"

namespace once::wal {

class BatchRecords {
 public:
  // The next block of the batch; its header says how much of it is payload.
  void add(const char* block, const BlockHeader& header) {
    payload_.erase(payload_.begin(), payload_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
    const char* payload = block + sizeof header;
    payload_.insert(payload_.end(), payload, payload + header.payload_bytes);
  }
  // The next record, valid until the next block is added; none: there is none, or it is not all
  // there.
  std::optional<std::string_view> take() {
    ByteReader reader(std::string_view(payload_.data() + taken_, payload_.size() - taken_));
    if (reader.remaining() == 0) return {};
    const std::string_view record = reader.get_bytes(reader.get<uint32_t>());
    if (!reader.ok()) return {};
    taken_ += kRecordPrefixBytes + record.size();
    return record;
  }
  // Nothing is left of what was added. At the end of a batch: else its last record runs past it.
  bool empty() const { return taken_ == payload_.size(); }

 private:
  std::vector<char> payload_;  // what is not taken yet, and before it what was
  size_t taken_ = 0;           // of it, from its beginning
};

}  // namespace once::wal

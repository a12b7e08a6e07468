// The log's format, shared by writer and reader: fixed blocks of 4096 bytes, each with a header
// that tells whose it is, where it belongs and what was durable when it was written. Every field is
// little-endian. docs/log-format.md has the same in words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/hash.h"
#include "base/limits.h"
#include "wal/log.h"
#include "wal/numbers.h"

namespace once::wal {

inline constexpr uint64_t kBlockMagic = 0x31474f4c45434e4f;  // "ONCELOG1"
inline constexpr uint32_t kFormatVersion = 2;
inline constexpr uint32_t kFirstFormatVersion = 1;  // its header blocks list no segments

enum class BlockKind : uint32_t {
  kSegmentHeader = 1,  // block 0 of a file
  kData = 2,           // part of a batch
};

struct BlockHeader {
  // These three keep their place in every version, so that a newer one can be told from damage.
  uint64_t magic;
  uint32_t version;
  uint32_t kind;
  uint64_t checksum;  // XXH3-64 over the whole block, with this field as zero
  uint64_t cluster_high;
  uint64_t cluster_low;
  uint64_t disk_high;
  uint64_t disk_low;
  uint16_t node;
  uint16_t reserved;
  uint32_t stream;
  uint64_t generation;
  uint64_t segment_first_sequence;  // of the file's first data block
  uint64_t sequence;                // of this block in its stream, across segments
  uint64_t durable_sequence;        // every block below was durable when this was written
  uint32_t epoch;                   // of the run that wrote it
  uint16_t batch_index;             // of this block in its batch
  uint16_t batch_blocks;
  uint32_t payload_bytes;
  uint32_t reserved_too;
};

static_assert(std::is_trivially_copyable_v<BlockHeader>);
static_assert(sizeof(BlockHeader) == 112);
static_assert(std::has_unique_object_representations_v<BlockHeader>, "no padding");
static_assert(offsetof(BlockHeader, version) == 8);
static_assert(offsetof(BlockHeader, checksum) == 16);
static_assert(offsetof(BlockHeader, cluster_high) == 24);
static_assert(offsetof(BlockHeader, disk_high) == 40);
static_assert(offsetof(BlockHeader, node) == 56);
static_assert(offsetof(BlockHeader, stream) == 60);
static_assert(offsetof(BlockHeader, generation) == 64);
static_assert(offsetof(BlockHeader, segment_first_sequence) == 72);
static_assert(offsetof(BlockHeader, sequence) == 80);
static_assert(offsetof(BlockHeader, durable_sequence) == 88);
static_assert(offsetof(BlockHeader, epoch) == 96);
static_assert(offsetof(BlockHeader, batch_index) == 100);
static_assert(offsetof(BlockHeader, batch_blocks) == 102);
static_assert(offsetof(BlockHeader, payload_bytes) == 104);

inline constexpr size_t kBlockPayloadBytes = kBlockBytes - sizeof(BlockHeader);
// One write holds a batch and, if it opens a segment, the segment's header block too.
inline constexpr size_t kMaxBatchBlocks = kMaxBatchBytes / kBlockBytes - 1;
inline constexpr size_t kMaxBatchPayload = kMaxBatchBlocks * kBlockPayloadBytes;
inline constexpr size_t kRecordPrefixBytes = sizeof(uint32_t);
inline constexpr BlockSequence kFirstSequence{1};
inline constexpr Generation kFirstGeneration{1};
// The highest that a reader takes. A run counts on from what it has read: beyond the end of the
// range it would begin at 0 again, below the blocks before it. Of epochs it takes one. To the other
// two a log would come in 146 years if it counted one each nanosecond, and what a run adds to them
// is as little: no log has written what lies beyond.
inline constexpr uint32_t kMaxEpoch = UINT32_MAX - 1;
inline constexpr BlockSequence kMaxSequence{uint64_t{1} << 62};
inline constexpr Generation kMaxGeneration{uint64_t{1} << 62};

static_assert(kMaxBatchBytes % kBlockBytes == 0);
static_assert(kMaxBatchBlocks <= UINT8_MAX, "recovery keeps it in a byte");
static_assert(kMaxRecordBytes + kRecordPrefixBytes <= kMaxBatchPayload);

inline uint64_t block_checksum(char* block) {
  constexpr size_t at = offsetof(BlockHeader, checksum);
  uint64_t kept;
  std::memcpy(&kept, block + at, sizeof kept);
  std::memset(block + at, 0, sizeof kept);
  uint64_t sum = checksum(block, kBlockBytes);
  std::memcpy(block + at, &kept, sizeof kept);
  return sum;
}

inline BlockHeader header_for(const Identity& identity, uint32_t stream) {
  BlockHeader header{};
  header.magic = kBlockMagic;
  header.version = kFormatVersion;
  header.cluster_high = identity.cluster.high;
  header.cluster_low = identity.cluster.low;
  header.disk_high = identity.disk.high;
  header.disk_low = identity.disk.low;
  header.node = identity.node.value;
  header.stream = stream;
  return header;
}

// Puts the header in front of the payload that is in the block already, and seals both.
inline void seal_block(char* block, const BlockHeader& header) {
  std::memcpy(block, &header, sizeof header);
  uint64_t sum = block_checksum(block);
  std::memcpy(block + offsetof(BlockHeader, checksum), &sum, sizeof sum);
}

}  // namespace once::wal

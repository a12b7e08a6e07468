#include "wal/block_check.h"

#include <fmt/format.h>

#include "base/lost_disk.h"

namespace once::wal {

tl::unexpected<Error> corrupt(const std::string& path, uint64_t block, const std::string& what) {
  auto text = fmt::format(
      "corrupt log: {} block {} (offset {}): {}. Durable writes are damaged or lost, so this node "
      "must not vote again: keep the directory for inspection and {}",
      path, block, block * kBlockBytes, what, kLeaveItOff);
  return tl::unexpected(Error{std::move(text), true});
}

bool is_whole(char* block, BlockHeader* header) {
  std::memcpy(header, block, sizeof *header);
  return header->magic == kBlockMagic && header->checksum == block_checksum(block);
}

Result<void> check_owner(const BlockHeader& header, const Identity& identity,
                         const std::string& path) {
  auto foreign = [&](const char* what) {
    auto text = fmt::format(
        "foreign log: {} was written by another {} than this data directory's; put back the file "
        "that belongs here",
        path, what);
    return tl::unexpected(Error{std::move(text), true});
  };
  if (header.version > kFormatVersion) {
    auto text = fmt::format(
        "newer log format: {} has version {}, this program reads up to {}; "
        "start a newer onced",
        path, header.version, kFormatVersion);
    return tl::unexpected(Error{std::move(text), true});
  }
  if (header.cluster_high != identity.cluster.high || header.cluster_low != identity.cluster.low) {
    return foreign("cluster");
  }
  if (header.node != identity.node.value) return foreign("node");
  if (header.disk_high != identity.disk.high || header.disk_low != identity.disk.low) {
    return foreign("disk");
  }
  return {};
}

// The segment's first sequence is compared later, with its header.
bool in_place(const BlockHeader& header, uint32_t stream, uint64_t index) {
  if (header.version < kFirstFormatVersion || header.version > kFormatVersion) return false;
  if (header.stream != stream || header.payload_bytes > kBlockPayloadBytes) return false;
  if (header.durable_sequence > header.sequence) return false;
  if (index == 0) {
    return header.kind == static_cast<uint32_t>(BlockKind::kSegmentHeader) &&
           header.sequence == header.segment_first_sequence;
  }
  return header.kind == static_cast<uint32_t>(BlockKind::kData) &&
         header.sequence == header.segment_first_sequence + index - 1 && header.batch_blocks >= 1 &&
         header.batch_blocks <= kMaxBatchBlocks && header.batch_index < header.batch_blocks;
}

bool can_go_on(const BlockHeader& header) {
  return header.epoch <= kMaxEpoch && BlockSequence{header.segment_first_sequence} <= kMaxSequence;
}

std::string place_of(const BlockHeader& header) {
  return fmt::format("stream {}, segment {}, sequence {}", header.stream, header.generation,
                     header.sequence);
}

}  // namespace once::wal

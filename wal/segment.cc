// Names of segment files, and the making of a stream's first one.
#include "wal/segment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/assert.h"
#include "base/parse_number.h"

namespace once::wal {
namespace {

std::optional<uint64_t> parse_generation(std::string_view name, uint32_t stream) {
  const std::string prefix = fmt::format("log-{}-", stream);
  constexpr std::string_view suffix = ".seg";
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
  if (name.size() <= prefix.size() + suffix.size()) return std::nullopt;
  name.remove_prefix(prefix.size());
  name.remove_suffix(suffix.size());
  if (name.front() == '0') return std::nullopt;  // as it is written: 01 is not another name of 1
  return parse_number<uint64_t>(name);
}

}  // namespace

void AlignedFree::operator()(char* memory) const { std::free(memory); }

AlignedBytes allocate_aligned(size_t bytes) {
  char* memory = static_cast<char*>(std::aligned_alloc(kBlockBytes, bytes));
  ONCE_ASSERT(memory != nullptr);
  std::memset(memory, 0, bytes);
  return AlignedBytes(memory);
}

std::string segment_path(const std::string& directory, uint32_t stream, uint64_t generation) {
  return fmt::format("{}/log-{}-{}.seg", directory, stream, generation);
}

Result<std::vector<SegmentFile>> list_segments(Storage& storage, const std::string& directory,
                                               uint32_t stream) {
  auto names = storage.list(directory);
  if (!names) return tl::unexpected(names.error());
  std::vector<SegmentFile> segments;
  for (const std::string& name : *names) {
    const auto generation = parse_generation(name, stream);
    if (!generation) continue;
    segments.push_back({*generation, segment_path(directory, stream, *generation)});
  }
  std::sort(segments.begin(), segments.end(),
            [](const auto& a, const auto& b) { return a.generation < b.generation; });
  return segments;
}

Result<void> create_stream(Storage& storage, const Identity& identity, const LogOptions& options) {
  if (options.segment_bytes == 0 || options.segment_bytes % kMaxBatchBytes != 0) {
    return error(fmt::format("segment size {} is not a multiple of {} bytes", options.segment_bytes,
                             kMaxBatchBytes));
  }
  auto present = list_segments(storage, options.directory, options.stream);
  if (!present) return tl::unexpected(present.error());
  if (!present->empty()) {
    return error(fmt::format("{} exists already; a stream is made once", present->front().path));
  }
  BlockHeader header = header_for(identity, options.stream);
  header.kind = static_cast<uint32_t>(BlockKind::kSegmentHeader);
  header.generation = kFirstGeneration;
  header.segment_first_sequence = kFirstSequence;
  header.sequence = kFirstSequence;
  header.durable_sequence = kFirstSequence;
  AlignedBytes block = allocate_aligned(kBlockBytes);
  seal_block(block.get(), header);
  return storage.create(segment_path(options.directory, options.stream, kFirstGeneration),
                        options.segment_bytes, {block.get(), kBlockBytes});
}

}  // namespace once::wal

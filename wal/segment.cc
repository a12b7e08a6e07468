// Names of segment files, and the making of a stream's first one.
#include "wal/segment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <string_view>

#include "base/parse_number.h"

namespace once::wal {
namespace {

constexpr std::string_view kRemoved = "removed-";

struct SegmentName {
  uint32_t stream = 0;
  Generation generation;
};

// Only as it is written: 01 is not another name of 1.
template <class Number>
std::optional<Number> parse_as_written(std::string_view digits) {
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  return parse_number<Number>(digits);
}

bool take_end(std::string_view& name, std::string_view end) {
  if (!name.ends_with(end)) return false;
  name.remove_suffix(end.size());
  return true;
}

// "log-STREAM-GENERATION.seg"; generations begin at 1.
std::optional<SegmentName> parse_segment_name(std::string_view name) {
  constexpr std::string_view kBegin = "log-";
  if (!name.starts_with(kBegin) || !take_end(name, ".seg")) return std::nullopt;
  name.remove_prefix(kBegin.size());
  const size_t dash = name.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto stream = parse_as_written<uint32_t>(name.substr(0, dash));
  const auto generation = parse_as_written<uint64_t>(name.substr(dash + 1));
  if (!stream || !generation || *generation == 0) return std::nullopt;
  return SegmentName{*stream, Generation{*generation}};
}

}  // namespace

void AlignedFree::operator()(char* memory) const {
  ::operator delete (memory, std::align_val_t{kBlockBytes});
}

AlignedBytes allocate_aligned(size_t bytes) {
  char* memory = static_cast<char*>(::operator new (bytes, std::align_val_t{kBlockBytes}));
  std::memset(memory, 0, bytes);
  return AlignedBytes(memory);
}

std::string segment_path(const std::string& directory, uint32_t stream, Generation generation) {
  return fmt::format("{}/log-{}-{}.seg", directory, stream, generation.value);
}

std::string removed_segment_name(std::string_view name) {
  return std::string(kRemoved).append(name);
}

std::optional<uint32_t> stream_of_removed_segment(std::string_view name) {
  if (!name.starts_with(kRemoved)) return std::nullopt;
  return stream_of_segment(name.substr(kRemoved.size()));
}

std::optional<uint32_t> stream_of_segment(std::string_view name) {
  take_end(name, ".tmp");
  const auto parsed = parse_segment_name(name);
  return parsed ? std::optional(parsed->stream) : std::nullopt;
}

Result<std::vector<SegmentFile>> list_segments(Storage& storage, const std::string& directory,
                                               uint32_t stream) {
  auto names = storage.list(directory);
  if (!names) return tl::unexpected(names.error());
  std::vector<SegmentFile> segments;
  for (const std::string& name : *names) {
    const auto parsed = parse_segment_name(name);
    if (!parsed || parsed->stream != stream) continue;
    segments.push_back({parsed->generation, segment_path(directory, stream, parsed->generation)});
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
  header.generation = kFirstGeneration.value;
  header.segment_first_sequence = kFirstSequence.value;
  header.sequence = kFirstSequence.value;
  header.durable_sequence = kFirstSequence.value;
  AlignedBytes block = allocate_aligned(kBlockBytes);
  seal_block(block.get(), header);
  return storage.create(segment_path(options.directory, options.stream, kFirstGeneration),
                        options.segment_bytes, {block.get(), kBlockBytes});
}

}  // namespace once::wal

// The files of a stream: their names, which of them exist, and memory aligned for their blocks. Any
// thread; nothing here is on the hot path.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "wal/block_format.h"
#include "wal/numbers.h"
#include "wal/storage.h"

namespace once::wal {

struct SegmentFile {
  Generation generation;
  std::string path;
};

std::string segment_path(const std::string& directory, uint32_t stream, Generation generation);

// The stream of a file that is called as a segment, or as one that is not whole yet
// ("log-0-1.seg.tmp"); nothing: it is called otherwise.
std::optional<uint32_t> stream_of_segment(std::string_view name);

// What a file of a stream is called from the moment in which the removal of the stream is decided.
// Once one of them is durably called so, the others may go in any order: as long as it is there,
// what is left of the stream is known to be of no use.
std::string removed_segment_name(std::string_view name);
// The stream of a file that is called so.
std::optional<uint32_t> stream_of_removed_segment(std::string_view name);

// The stream's segments, ascending by generation. Other files are passed over.
Result<std::vector<SegmentFile>> list_segments(Storage& storage, const std::string& directory,
                                               uint32_t stream);

struct AlignedFree {
  void operator()(char* memory) const;
};
using AlignedBytes = std::unique_ptr<char[], AlignedFree>;
AlignedBytes allocate_aligned(size_t bytes);  // zeroed, and so touched

}  // namespace once::wal

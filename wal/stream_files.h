// Which files of a stream count, by what the header blocks say: the newest segment that was started
// lists the ones before it that are needed. Blocking; before the log runs.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "wal/log.h"
#include "wal/needed_segments.h"
#include "wal/numbers.h"
#include "wal/segment.h"
#include "wal/storage.h"

namespace once::wal {

// Of a block among all that were ever written to the stream.
struct Position {
  uint32_t epoch = 0;
  BlockSequence sequence;
  auto operator<=>(const Position&) const = default;
};
inline constexpr Position kNoEnd{UINT32_MAX, BlockSequence{UINT64_MAX}};

struct StreamFiles {
  std::vector<SegmentFile> counted;  // the needed ones, the newest, and the spares behind it
  Generation newest;                 // 0: none was started, and all files count
  std::vector<NeededRange> needed;   // before it
  std::vector<Generation> free;      // of files that do not count
};
// The length of the last segment of a range where it is not told: in version 1, where no segment
// between two others is gone.
inline constexpr uint64_t kUntold = UINT64_MAX;

// Blocks beyond `end` are taken for not written. Every file is synced. `block` is memory for one.
Result<StreamFiles> find_stream_files(Storage& storage, const Identity& identity,
                                      const LogOptions& options, Position end, char* block);

}  // namespace once::wal

// Which segments before it a log needs, as the header block of a segment says it: ranges of
// generations, each with the length of its last segment, since the one behind it may be gone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wal/numbers.h"
#include "wal/segment_use.h"

namespace once::wal {

struct NeededRange {
  Generation first;
  Generation last;
  uint64_t last_blocks = 0;  // data blocks of the last one
  friend bool operator==(const NeededRange&, const NeededRange&) = default;
};

// Of segments that are sealed, in rising order.
std::vector<NeededRange> ranges_of(std::span<const SegmentUse::Segment> sealed);

std::string encode_needed(const std::vector<NeededRange>& ranges);
// Nothing: no log has written that.
std::optional<std::vector<NeededRange>> decode_needed(std::string_view payload);

}  // namespace once::wal

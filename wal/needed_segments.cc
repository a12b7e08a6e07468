#include "wal/needed_segments.h"

#include "base/assert.h"
#include "wal/block_format.h"

namespace once::wal {
namespace {

// Seven bits a byte, the lowest first; the highest bit of a byte says that more follow.
void put_number(std::string& bytes, uint64_t number) {
  for (; number >= 0x80; number >>= 7) bytes.push_back(static_cast<char>(number | 0x80));
  bytes.push_back(static_cast<char>(number));
}

std::optional<uint64_t> take_number(std::string_view& bytes) {
  uint64_t number = 0;
  for (unsigned shift = 0; shift < 63 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    number |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return number;
  }
  return {};
}

}  // namespace

std::vector<NeededRange> ranges_of(std::span<const SegmentUse::Segment> sealed) {
  std::vector<NeededRange> ranges;
  for (const SegmentUse::Segment& segment : sealed) {
    ONCE_ASSERT(segment.sealed());
    const bool goes_on = !ranges.empty() && ranges.back().last.next() == segment.generation;
    if (!goes_on) ranges.push_back({segment.generation, {}, 0});
    ranges.back().last = segment.generation;
    ranges.back().last_blocks = segment.end_sequence - segment.first_sequence;
  }
  return ranges;
}

std::string encode_needed(const std::vector<NeededRange>& ranges) {
  std::string bytes;
  Generation behind = kFirstGeneration;
  for (const NeededRange& range : ranges) {
    put_number(bytes, range.first - behind);
    put_number(bytes, range.last - range.first);
    put_number(bytes, range.last_blocks);
    behind = range.last.next();
  }
  return bytes;
}

std::optional<std::vector<NeededRange>> decode_needed(std::string_view payload) {
  std::vector<NeededRange> ranges;
  Generation behind = kFirstGeneration;
  while (!payload.empty()) {
    const auto skipped = take_number(payload);
    const auto more = skipped ? take_number(payload) : std::nullopt;
    const auto blocks = more ? take_number(payload) : std::nullopt;
    if (!blocks) return {};
    if (*skipped == 0 && !ranges.empty()) return {};  // it would be one range
    // Each number has 63 bits: one sum at a time is judged before it can come round to 0.
    const Generation first = behind + *skipped;
    if (first > kMaxGeneration) return {};
    const Generation last = first + *more;
    if (last > kMaxGeneration || *blocks > UINT32_MAX) return {};
    ranges.push_back({first, last, *blocks});
    behind = last.next();
  }
  return ranges;
}

}  // namespace once::wal

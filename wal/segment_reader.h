// Reads one sealed segment of a running log, its records in their order, with the numbers that they
// have in this run. In pieces, so that whoever reads can do a little in each round of its loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/record_number.h"
#include "base/result.h"
#include "reactor/io.h"
#include "wal/segment_use.h"

namespace once::wal {

struct Identity;
struct LogOptions;

// Thread rule: its core's only. Lifetime: the Io outlives it, and it outlives what it has asked the
// Io for: drop it when it is ready or done, or when the loop has ended.
class SegmentReader {
 public:
  using Visit = std::function<void(std::string_view record, RecordNumber number)>;

  virtual ~SegmentReader() = default;
  // False while a piece is on its way from the disk: the end of that begins another round.
  virtual bool ready() const = 0;
  virtual bool done() const = 0;  // all records were visited
  // Visits at most `most` records, or fewer: what of them was read by now. Then asks for the next
  // piece if this one is used up. Nothing, unless ready.
  virtual void take(size_t most, const Visit& visit) = 0;
};

// A block that is damaged, or cannot be read, is told to `failed`; the reader is never done then.
std::unique_ptr<SegmentReader> open_segment_reader(reactor::Io& io, const Identity& identity,
                                                   const LogOptions& options,
                                                   const SegmentUse::Segment& segment,
                                                   std::function<void(const Error&)> failed);

}  // namespace once::wal

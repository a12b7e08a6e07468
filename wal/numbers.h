// Numbers that a log counts by, each with a type of its own; base/record_number.h has that of its
// records. What goes to the disk has the plain number. Lengths, in blocks or bytes, are plain too.
#pragma once

#include <cstdint>

#include "base/ordered.h"

namespace once::wal {

// Of a data block in its stream, across segments, from 1 (kFirstSequence). A watermark is the
// number of the first block that it does not reach.
using BlockSequence = Ordered<struct BlockSequenceKind, uint64_t>;

// Of a segment in its stream, from 1 (kFirstGeneration). 0: none.
using Generation = Ordered<struct GenerationKind, uint64_t>;

}  // namespace once::wal

// How the log of a core counts its records: it gives the numbers, and who wrote a record knows it
// by its number.
#pragma once

#include <cstdint>

#include "base/ordered.h"

namespace once {

// Of a record in the log of one core; they go on over runs. 0: before all of them.
using RecordNumber = Ordered<struct RecordNumberKind, uint64_t>;

}  // namespace once

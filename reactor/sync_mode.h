// How a write of a file becomes durable.
#pragma once

#include <cstdint>

namespace once::reactor {

enum class SyncMode : uint8_t {
  kDsync,      // one write with RWF_DSYNC
  kFdatasync,  // a write, then fdatasync
};

}  // namespace once::reactor

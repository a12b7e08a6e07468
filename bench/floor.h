// What this machine can do at best, measured in the same run as the load, so that a figure can be
// compared between machines: an echo through the same reactor, and one durable log write.
#pragma once

#include <string>

#include "base/result.h"

namespace once::bench {

struct Floor {
  double round_trip_us = 0;  // loopback echo, one in flight, median
  double log_write_us = 0;   // 4 KiB, O_DIRECT, RWF_DSYNC, while two other processes write, median
};

// Forks helpers: call it before any thread or ring exists. They are gone when it returns.
Result<Floor> measure_floor(const std::string& directory);

}  // namespace once::bench

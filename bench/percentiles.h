// A histogram as a table of percentiles in the form of HdrHistogram, which many tools plot: values
// in microseconds, five lines for each halving of what is left above.
#pragma once

#include <string>

#include "base/histogram.h"

namespace once::bench {

std::string percentiles_of(const Histogram& latency);

}  // namespace once::bench

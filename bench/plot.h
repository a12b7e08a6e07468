// Latencies as a picture (SVG) that a page can show: of a series over its throughput, of one run
// over the percentiles.
#pragma once

#include <string>

#include "bench/series.h"

namespace once::bench {

// Of a series of one run, its percentiles. Empty: nothing was measured.
std::string plot_of(const Options& options, const Series& series);

}  // namespace once::bench

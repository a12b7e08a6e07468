// A series, or the search of a rate, for people (a table), for scripts (one JSON object) and for
// other programs (CSV, a line a run). Where a value was run more than once, the table shows
// medians, and how far the throughputs lie apart.
#pragma once

#include <string>

#include "bench/options.h"
#include "bench/series.h"

namespace once::bench {

std::string table_of(const Options& options, const Series& series);
std::string json_of(const Options& options, const Series& series);
std::string csv_of(const Series& series);

std::string table_of(const Options& options, const RateSearch& search);
std::string json_of(const Options& options, const RateSearch& search);

}  // namespace once::bench

// A run's result for people (a table) and for scripts (one JSON object).
#pragma once

#include <optional>
#include <string>

#include "bench/floor.h"
#include "bench/load_result.h"
#include "bench/options.h"

namespace once::bench {

// What stays in the cluster, in words; nothing: nothing was written.
std::string words_of(const NamesLeft& left, size_t value_bytes);
std::string leaves(const Options& options, const LoadResult& result);
std::string table_of(const Options& options, const LoadResult& result,
                     const std::optional<Floor>& floor);
std::string json_of(const Options& options, const LoadResult& result,
                    const std::optional<Floor>& floor);

}  // namespace once::bench

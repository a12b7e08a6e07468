// How often a micro-benchmark runs, where somebody counts what that costs (bench/check.py). Without
// ONCE_MICRO_ITERATIONS the library finds out itself what a time worth looking at takes.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdlib>

namespace once {

inline void as_often_as_told(benchmark::internal::Benchmark* one) {
  const char* told = std::getenv("ONCE_MICRO_ITERATIONS");
  const int iterations = told == nullptr ? 0 : std::atoi(told);
  if (iterations > 0) one->Iterations(iterations);
}

}  // namespace once

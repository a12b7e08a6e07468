// The story of a run in a file: a head that says how to run it again, the lines, and a tail that
// tells a whole file from a cut one. Text, version 1:
//   once-sim trace 1
//   seed=S seconds=N build=HEX
//   (lines)
//   end lines=N hash=HEX checksum=HEX      the checksum is XXH3 over everything before this line
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tests/sim/plan.h"
#include "tests/sim/world.h"

namespace once::sim {

// Of this very program: another build may run the same seed differently.
uint64_t build_id();

struct Trace {
  Options options;
  std::vector<std::string> lines;
  uint64_t hash = 0;
};

// The error says what is wrong with the file and what to do.
Result<Trace> read_trace(const std::string& path);

class TraceWriter final : public Story {
 public:
  explicit TraceWriter(const Options& options);
  void line(std::string_view text) override;
  Result<void> save(const std::string& path, uint64_t hash);

 private:
  std::string text_;
  uint64_t lines_ = 0;
};

class TraceComparer final : public Story {
 public:
  explicit TraceComparer(const Trace& trace) : trace_(trace) {}
  void line(std::string_view text) override;
  // Empty: the run told what the trace tells.
  std::string difference(uint64_t hash) const;

 private:
  const Trace& trace_;
  size_t at_ = 0;
  std::string difference_;
};

}  // namespace once::sim

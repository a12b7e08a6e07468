// What one answer, and one version, of a register may look like by itself (DESIGN 2).
#pragma once

#include <cstdint>
#include <string>

#include "tests/check/history.h"

namespace once::check {

// A version that answers show, and what they say about the moment when it was made.
struct Version {
  uint64_t number = 0;
  const Call* shown = nullptr;   // an answer that shows it; none: only reads that found nothing
  const Call* valued = nullptr;  // one that shows its value too
  const Call* first = nullptr;   // the earliest return that shows it
  const Call* last_newest = nullptr;  // the latest call that found it the newest
  const Call* deadline = nullptr;     // the earliest return that shows it or a later one
  const Call* maker = nullptr;        // the first call that may have made it
};

// What no register could answer to this call, whatever else happened; empty: one could.
std::string impossible_answer(const Call& call);

// Could `maker` have made this version, of a fitting one before it?
bool can_make(const Call& maker, const Version& version);

}  // namespace once::check

// What clients saw: one Call for each operation, with the times of its call and return on one
// clock. Every harness (simulator, torture) records one, every checker reads one. Owns its bytes.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/types.h"

namespace once::check {

enum class Action : uint8_t { kWrite, kRead };

enum class Outcome : uint8_t {
  kDone,     // write: this request is the winner; read: the state follows
  kRefused,  // write: another request had set the name; its state follows
  kEmpty,    // read: nothing was ever written
  kUnknown,  // it may have happened, or may still happen, at any time after the call
  kNothing,  // it certainly did not happen and never will; says nothing of the register
};

inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

struct Call {
  uint32_t client = 0;  // who called, for the reader of a violation
  std::string name;
  Action action = Action::kRead;
  RequestId id;         // of a write; the same over its retries
  std::string value;    // write: what it proposes
  int64_t call_ns = 0;  // when it was first submitted
  int64_t return_ns = kNever;
  Outcome outcome = Outcome::kUnknown;
  // As the answer said; of kDone and kRefused. A write's kDone carries its own value.
  uint64_t version = 0;
  bool sealed = false;
  RequestId writer;
  std::string result;
};

using History = std::vector<Call>;

}  // namespace once::check

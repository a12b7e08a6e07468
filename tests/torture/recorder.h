// The history of a torture run, filled from many threads. A call whose answer never came stays in
// it as unknown. Owns its calls.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "client/client.h"
#include "tests/check/history.h"

namespace once::torture {

int64_t now_ns();  // CLOCK_MONOTONIC, which the harness shares

class Recorder {
 public:
  size_t called(check::Call call);  // sets the time of the call; the handle for its return
  // Returns what was recorded, its outcome and time of return set.
  check::Call returned(size_t handle, const client::Result& result);

  size_t calls() const;
  size_t in_flight() const;
  // Answers that a load within the limits must never get, such as kInvalid and kError. The history
  // keeps them as calls that did nothing.
  size_t invalid_or_error() const;
  // REQUIRES: nothing in flight will return any more.
  check::History take();

 private:
  mutable std::mutex mutex_;
  check::History history_;
  size_t in_flight_ = 0;
  size_t invalid_or_error_ = 0;
};

}  // namespace once::torture

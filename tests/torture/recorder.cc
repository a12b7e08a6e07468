#include "tests/torture/recorder.h"

#include <time.h>

#include <utility>

#include "tests/check/from_client.h"

namespace once::torture {

int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

namespace {

bool is_never_due(client::Outcome outcome) {
  return outcome == client::Outcome::kInvalid || outcome == client::Outcome::kError ||
         outcome == client::Outcome::kRetired || outcome == client::Outcome::kDenied;
}

}  // namespace

size_t Recorder::called(check::Call call) {
  call.call_ns = now_ns();
  std::lock_guard lock(mutex_);
  ++in_flight_;
  history_.push_back(std::move(call));
  return history_.size() - 1;
}

check::Call Recorder::returned(size_t handle, const client::Result& result) {
  const int64_t now = now_ns();
  std::lock_guard lock(mutex_);
  --in_flight_;
  check::Call& call = history_[handle];
  call.return_ns = now;
  check::take_answer(call, result);
  invalid_or_error_ += is_never_due(result.outcome);
  return call;
}

size_t Recorder::calls() const {
  std::lock_guard lock(mutex_);
  return history_.size();
}

size_t Recorder::in_flight() const {
  std::lock_guard lock(mutex_);
  return in_flight_;
}

size_t Recorder::invalid_or_error() const {
  std::lock_guard lock(mutex_);
  return invalid_or_error_;
}

check::History Recorder::take() {
  std::lock_guard lock(mutex_);
  return std::move(history_);
}

}  // namespace once::torture

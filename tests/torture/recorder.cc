#include "tests/torture/recorder.h"

#include <time.h>

#include <utility>

namespace once::torture {
namespace {

check::Outcome outcome_of(client::Outcome outcome) {
  switch (outcome) {
    case client::Outcome::kDone:
      return check::Outcome::kDone;
    case client::Outcome::kRefused:
      return check::Outcome::kRefused;
    case client::Outcome::kEmpty:
      return check::Outcome::kEmpty;
    case client::Outcome::kUnknown:
      return check::Outcome::kUnknown;
    case client::Outcome::kNotYet:
    case client::Outcome::kCancelled:
    case client::Outcome::kUnavailable:
    case client::Outcome::kInvalid:
    case client::Outcome::kError:
      return check::Outcome::kNothing;
  }
  return check::Outcome::kUnknown;
}

}  // namespace

int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

size_t Recorder::called(check::Call call) {
  call.call_ns = now_ns();
  std::lock_guard lock(mutex_);
  ++in_flight_;
  history_.push_back(std::move(call));
  return history_.size() - 1;
}

check::Call Recorder::returned(size_t handle, client::Result&& result) {
  const int64_t now = now_ns();
  std::lock_guard lock(mutex_);
  --in_flight_;
  check::Call& call = history_[handle];
  call.return_ns = now;
  call.outcome = outcome_of(result.outcome);
  invalid_or_error_ +=
      result.outcome == client::Outcome::kInvalid || result.outcome == client::Outcome::kError;
  call.version = result.version;
  call.sealed = result.sealed;
  call.writer = result.writer;
  call.result = std::move(result.value);
  // The library may leave out the value that the caller knows.
  const bool won = call.action == check::Action::kWrite && call.outcome == check::Outcome::kDone;
  if (won && call.result.empty()) call.result = call.value;
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

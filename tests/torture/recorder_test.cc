// What the history cannot tell apart, the recorder counts beside it.
#include "tests/torture/recorder.h"

#include <gtest/gtest.h>

#include <utility>

namespace once::torture {
namespace recorder_test {

size_t counted(client::Outcome outcome) {
  Recorder recorder;
  const size_t handle = recorder.called({});
  client::Result result;
  result.outcome = outcome;
  recorder.returned(handle, result);
  return recorder.invalid_or_error();
}

TEST(Recorder, CountsAnswersThatNoCallWithinTheLimitsMayGet) {
  using client::Outcome;
  for (Outcome outcome :
       {Outcome::kInvalid, Outcome::kError, Outcome::kRetired, Outcome::kDenied}) {
    EXPECT_EQ(counted(outcome), 1u);
  }
  for (Outcome outcome : {Outcome::kDone, Outcome::kRefused, Outcome::kEmpty, Outcome::kUnknown,
                          Outcome::kUnavailable}) {
    EXPECT_EQ(counted(outcome), 0u);
  }
}

}  // namespace recorder_test
}  // namespace once::torture

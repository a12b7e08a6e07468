// What `once run` writes: who claimed a name, and what came of it. JSON, so that people can read it
// and other programs can write it. And what `once run` and `once lock` tell programs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace once::client {

struct JobClaim {
  std::string host;
  int64_t pid = 0;
  std::string time;  // UTC, for people
  std::string run;   // the request id of the claim, in hexadecimal
};
struct RunResult {
  int exit_code = 0;
  int signal = 0;     // what killed the command; 0: it exited
  std::string error;  // why it could not be started; empty: it was
  std::string time;
};

std::string to_text(const JobClaim& claim);
std::string to_text(const RunResult& result);
// Nothing: somebody else wrote it.
std::optional<JobClaim> read_claim(std::string_view text);
std::optional<RunResult> read_run_result(std::string_view text);

// The name that holds the result of a run.
std::string result_name(std::string_view name, std::string_view run);

// One object of what is known; `result` may be null. Not empty: why it was not written down.
std::string run_json(std::string_view name, bool winner, const JobClaim& claim,
                     const RunResult* result, std::string_view not_recorded = {});

// Nothing was run, and no result is known.
std::string run_failure_json(std::string_view name, std::string_view outcome,
                             std::string_view message);

struct LockStory {
  std::string_view outcome;
  uint64_t token = 0;  // 0: it was never held
  std::string owner;   // somebody else
  std::string message;
};
// `ended`: the command; null: it was not run.
std::string lock_json(std::string_view name, const LockStory& lock, const RunResult* ended);

}  // namespace once::client

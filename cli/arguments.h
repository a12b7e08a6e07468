// What `once` was asked to do: the command line as a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/command_line.h"
#include "base/early_exit.h"
#include "base/types.h"

namespace once::client {

inline constexpr int kExitUsage = 2;

enum class Command : uint8_t {
  kWrite,
  kRead,
  kSet,
  kCas,
  kSeal,
  kNext,
  kCheck,
  kWait,
  kRun,
  kLock,
  kList,
  kExplain,
  kStatus,
  kCompletion,
};
// Which are one operation on one name.
constexpr bool is_operation(Command command) { return command <= Command::kWait; }
// Which start a program.
constexpr bool has_program(Command command) {
  return command == Command::kRun || command == Command::kLock;
}
enum class Shell : uint8_t { kBash, kZsh, kFish };

constexpr int kMsPerSecond = 1000;  // for those in seconds

struct Arguments {
  Command command = Command::kStatus;
  std::vector<std::string> endpoints;  // one at least
  std::optional<std::string> cluster_id;
  int64_t timeout_ms = 5000;
  bool timeout_given = false;  // or it is the default
  bool json = false;
  bool raw = false;      // values go to a terminal byte for byte
  std::string name;      // of all but kList, kStatus and kCompletion; within the limits
  std::string value;     // of kWrite, kSet, kCas; "-": standard input
  uint64_t version = 0;  // of kCas, kSeal: the expected one; kCheck: the token; kWait: a newer one
  std::optional<RequestId> request_id;
  std::vector<std::string>
      program;               // of kRun, kLock: the words behind --, as they are; one at least
  int64_t wait_s = 0;        // of kRun: for somebody else's result; kLock: for the lock
  int64_t ttl_s = 0;         // of kLock
  std::string prefix;        // of kList
  std::string after;         // of kList: where the page before ended
  uint64_t limit = 0;        // of kList: names of one page; 0: all of them
  bool details = false;      // of kList
  bool ends_in_nul = false;  // of kList: each name, instead of in a line break
  // Of kList: the options that stood on its command line, before the command and behind it.
  std::vector<GivenOption> given_to_all, given;
  int64_t grace_ms = 0;        // of kLock: from SIGTERM to SIGKILL, before others may hold it
  bool wide = false;           // of kStatus
  int watch_s = 0;             // of kStatus: ask again every so many seconds; 0: once
  int count = 0;               // with watch_s: so many times; 0: until it is stopped
  Shell shell = Shell::kBash;  // of kCompletion
};

// Reads the environment variables ONCE_ENDPOINTS and ONCE_CLUSTER_ID. Prints nothing.
tl::expected<Arguments, EarlyExit> parse_arguments(int argc, const char* const* argv);

}  // namespace once::client

#include "cli/commands/program.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

namespace once::client {

std::string now_utc() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

std::string host_name() {
  char text[256] = "";
  (void)gethostname(text, sizeof text - 1);
  return text[0] == '\0' ? "unknown" : text;
}

RunResult run_program(Child& child, const std::vector<std::string>& program,
                      const std::vector<std::pair<std::string, std::string>>& environment,
                      const Term& term) {
  child.start(environment);
  const ChildEnd end = child.wait(term);
  RunResult result;
  result.exit_code = end.exit_code;
  result.signal = end.signal;
  if (end.start_error != 0) {
    result.exit_code = cannot_start_code(end.start_error);
    result.error = fmt::format("{}: {}", program.front(), std::strerror(end.start_error));
  }
  result.time = now_utc();
  return result;
}

std::string cannot_prepare(int error_number) {
  return fmt::format("cannot start a process: {}; nothing was asked for, the command was not run",
                     std::strerror(error_number));
}

std::string no_program(const std::string& program, int error_number) {
  return fmt::format("cannot start {}: {}; nothing was asked for", program,
                     std::strerror(error_number));
}

std::string described(const RunResult& result) {
  if (!result.error.empty()) return "it could not be started: " + result.error;
  return result.signal != 0 ? fmt::format("it was killed by signal {}", result.signal)
                            : fmt::format("it exited with {}", result.exit_code);
}

int code_of(const RunResult& result) { return shell_code({result.exit_code, result.signal}); }

}  // namespace once::client

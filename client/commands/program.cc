#include "client/commands/program.h"

#include <fmt/format.h>

#include <cstring>
#include <ctime>

namespace once::client {

std::string now_utc() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

RunResult run_program(Child& child, const std::vector<std::string>& program,
                      const std::vector<std::pair<std::string, std::string>>& environment) {
  RunResult result;
  const int wrong = child.start(program, environment);
  if (wrong != 0) {
    result.exit_code = cannot_start_code(wrong);
    result.error = fmt::format("{}: {}", program.front(), std::strerror(wrong));
  } else {
    const ChildEnd end = child.wait();
    result.exit_code = end.exit_code;
    result.signal = end.signal;
  }
  result.time = now_utc();
  return result;
}

std::string described(const RunResult& result) {
  if (!result.error.empty()) return "it could not be started: " + result.error;
  return result.signal != 0 ? fmt::format("it was killed by signal {}", result.signal)
                            : fmt::format("it exited with {}", result.exit_code);
}

int code_of(const RunResult& result) { return shell_code({result.exit_code, result.signal}); }

}  // namespace once::client

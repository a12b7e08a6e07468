#include "client/commands/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/limits.h"
#include "base/printable.h"

namespace once::client {

void complain(std::string_view text) { fmt::print(stderr, "{}\n", printable(text)); }

int usage_error(std::string_view message) {
  complain(fmt::format("once: {}", message));
  return kExitUsage;
}

bool write_stdout(std::string_view bytes) {
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size() &&
                       std::fflush(stdout) == 0;
  if (!written) {
    fmt::print(stderr, "once: cannot write to standard output: {}\n", std::strerror(errno));
  }
  return written;
}

bool show_value(const Arguments& arguments, std::string_view value, std::string_view end) {
  if (isatty(STDOUT_FILENO) == 0) return write_stdout(value) && write_stdout(end);
  return write_stdout(arguments.raw ? std::string(value) : printable(value, Shown::kLines)) &&
         write_stdout("\n");
}

bool take_value(const std::string& given, std::string& value) {
  value = given;
  if (given != "-") return true;
  // One byte more than allowed is read, so that too long is told from exactly full.
  value.resize(kMaxValueBytes + 1);
  value.resize(std::fread(value.data(), 1, value.size(), stdin));
  if (std::ferror(stdin) == 0) return true;
  fmt::print(stderr, "once: cannot read standard input: {}\n", std::strerror(errno));
  return false;
}

Options client_options(const Arguments& arguments) {
  Options options;
  options.endpoints = arguments.endpoints;
  options.timeout_ms = arguments.timeout_ms;
  options.cluster_id = arguments.cluster_id;
  return options;
}

}  // namespace once::client

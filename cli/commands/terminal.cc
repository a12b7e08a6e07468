#include "cli/commands/terminal.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/folded.h"
#include "base/limits.h"
#include "base/output.h"
#include "base/printable.h"
#include "cli/commands/commands.h"
#include "cli/commands/signals.h"

namespace once::client {

void complain(std::string_view text) { tell_line(text); }

void leave_echo(int signal) {
  if (signal == SIGINT && isatty(STDERR_FILENO) != 0) tell_people("\n");
}

int usage_error(std::string_view message) {
  complain(fmt::format("once: {}", message));
  return kExitUsage;
}

namespace {

// `once read big | head`: then the end is as quiet as that of any other program.
bool reader_is_gone(int error_number) {
  return error_number == EPIPE && sigismember(&ignored_at_start(), SIGPIPE) == 0;
}

}  // namespace

bool write_stdout(std::string_view bytes) {
  if (write_all(STDOUT_FILENO, bytes)) return true;
  const int why = errno;
  if (!reader_is_gone(why)) {
    complain(fmt::format("once: cannot write to standard output: {}", std::strerror(why)));
  }
  errno = why;
  return false;
}

int not_shown() { return reader_is_gone(errno) ? die_after(SIGPIPE) : kExitError; }

std::string fitted(std::string_view text, int fd) {
  std::string out;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    out += folded(text.substr(0, end), columns_of(fd)) + "\n";
    text.remove_prefix(end + 1);
  }
  return out;
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
  size_t size = 0;
  while (size < value.size()) {
    const ssize_t got = read(STDIN_FILENO, value.data() + size, value.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      pollfd more{STDIN_FILENO, POLLIN, 0};
      (void)poll(&more, 1, -1);
      continue;
    }
    if (got < 0) {
      complain(fmt::format("once: cannot read standard input: {}", std::strerror(errno)));
      return false;
    }
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  value.resize(size);
  return true;
}

Options client_options(const Arguments& arguments) {
  Options options;
  options.endpoints = arguments.endpoints;
  options.timeout_ms = arguments.timeout_ms;
  options.cluster_id = arguments.cluster_id;
  return options;
}

}  // namespace once::client

// list: the names that one node knows, page after page.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <string>

#include "base/printable.h"
#include "client/client.h"
#include "client/commands/commands.h"
#include "client/commands/terminal.h"
#include "client/output.h"

namespace once::client {
namespace {

constexpr size_t kPage = 1000;  // where there is no limit

// Version 1 that is not decided may never come to be; a later one had something before it, or
// several changes were made at once.
bool is_shown(const ListedName& one, const Arguments& arguments) {
  return one.decided || one.version > 1 || arguments.undecided;
}

std::string line_of(const ListedName& one, const Arguments& arguments, bool terminal) {
  const std::string name = terminal && !arguments.raw ? printable(one.name) : one.name;
  if (!arguments.details) return name + "\n";
  const char* state = !one.decided ? "open" : one.sealed ? "sealed" : "-";
  return fmt::format("{:>10} {:>8} {:<6} {}\n", one.version, one.value_bytes, state, name);
}

struct Sum {
  size_t shown = 0;
  size_t open = 0;  // not shown, since they may never come to be
};

bool show_page(const NamesPage& page, const Arguments& arguments, bool first, Sum& sum) {
  NamesPage shown = page;
  std::erase_if(shown.names, [&](const ListedName& one) { return !is_shown(one, arguments); });
  sum.shown += shown.names.size();
  sum.open += page.names.size() - shown.names.size();
  if (arguments.json) return write_stdout(list_json(shown, page.names.size()) + "\n");
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  std::string text;
  if (first && terminal && arguments.details) {
    text += fmt::format("{:>10} {:>8} {:<6} {}\n", "VERSION", "BYTES", "STATE", "NAME");
  }
  for (const ListedName& one : shown.names) text += line_of(one, arguments, terminal);
  return write_stdout(text);
}

// How fresh it is, and what to do about it: for people, who sit at a terminal.
void explain(const NamesPage& page, const Arguments& arguments, const Sum& sum) {
  if (!page.after.empty() && page.outcome == Outcome::kDone) {
    complain(fmt::format("once: there is more: once list{} --after {}",
                         arguments.prefix.empty() ? "" : " " + arguments.prefix, page.after));
  }
  if (isatty(STDERR_FILENO) == 0) return;
  const std::string open =
      sum.open == 0 ? ""
                    : fmt::format(" {} more are just being set, or were tried (--all).", sum.open);
  complain(
      fmt::format("{} name{} as node {} knew them at {:%H:%M:%S} UTC.{} `once read` asks a "
                  "majority.",
                  sum.shown, sum.shown == 1 ? "" : "s", page.node.value,
                  fmt::gmtime(std::time(nullptr)), open));
}

}  // namespace

int list_command(const Arguments& arguments) {
  const Client client(client_options(arguments));
  const uint64_t limit =
      arguments.limit == 0 ? std::numeric_limits<uint64_t>::max() : arguments.limit;
  ListOptions options;
  options.prefix = arguments.prefix;
  options.after = arguments.after;
  uint64_t listed = 0;
  Sum sum;
  for (bool first = true;; first = false) {
    options.limit = std::min<uint64_t>(kPage, limit - listed);
    const NamesPage page = client.list(options);
    if (page.outcome != Outcome::kDone) {
      if (!page.names.empty() && !show_page(page, arguments, first, sum)) return kExitError;
      complain("once: " + page.message);
      if (!page.after.empty() && page.outcome == Outcome::kUnavailable) {
        complain("once: to go on from there: --after " + page.after);
      }
      return page.outcome == Outcome::kInvalid ? kExitUsage : exit_code(page.outcome);
    }
    if (!show_page(page, arguments, first, sum)) return kExitError;
    listed += page.names.size();
    options.after = page.after;
    if (page.after.empty() || listed >= limit) {
      if (!arguments.json) explain(page, arguments, sum);
      return 0;
    }
  }
}

}  // namespace once::client

// list: the names that one node knows, page after page.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <future>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "base/shell_word.h"
#include "cli/commands/commands.h"
#include "cli/commands/patience.h"
#include "cli/commands/terminal.h"
#include "cli/output.h"
#include "client/client.h"
#include "client/socket.h"

namespace once::client {
namespace {

constexpr size_t kPage = 1000;  // where there is no limit

// A majority is asked for what the node has not heard the end of: after a start these are the names
// that were set last. One that turns out to be empty was tried and never set. It takes what the
// page has left of its time.
void settle(Client& client, NamesPage& page, int64_t deadline_ns) {
  std::vector<std::pair<ListedName*, std::future<Result>>> asked;
  for (ListedName& one : page.names) {
    if (one.decided) continue;
    auto told = std::make_shared<std::promise<Result>>();
    asked.emplace_back(&one, told->get_future());
    const int64_t left_ms = std::max<int64_t>(1, (deadline_ns - now_ns()) / 1'000'000);
    client.read_async(one.name, {.id = {}, .timeout_ms = left_ms},
                      [told](Result&& result) { told->set_value(std::move(result)); });
  }
  for (auto& [one, answer] : asked) {
    const Result result = answer.get();
    if (result.outcome == Outcome::kEmpty) one->version = 0;
    if (result.outcome != Outcome::kDone) continue;
    *one = {one->name, result.version, static_cast<uint32_t>(result.value.size()), result.sealed,
            true};
  }
  const auto open = std::count_if(page.names.begin(), page.names.end(), [](const ListedName& one) {
    return one.version != 0 && !one.decided;
  });
  if (open > 0) {
    complain(fmt::format("once: {} of these may not have been set: no majority told", open));
  }
  std::erase_if(page.names, [](const ListedName& one) { return one.version == 0; });
}

std::string line_of(const ListedName& one, const Arguments& arguments, bool terminal) {
  const std::string name = terminal && !arguments.raw ? printable(one.name) : one.name;
  const char end = arguments.ends_in_nul ? '\0' : '\n';
  if (!arguments.details) return name + end;
  const char* state = !one.decided ? "open" : one.sealed ? "sealed" : "-";
  return fmt::format("{:>10} {:>8} {:<6} {}{}", one.version, one.value_bytes, state, name, end);
}

// What was typed, all of it, with one option more.
std::string line_to_type(const Arguments& arguments, const GivenOption& more) {
  std::string line = "once";
  for (const GivenOption& option : arguments.given_to_all) line += ' ' + words_of(option);
  line += " list";
  const std::string prefix = arguments.prefix.empty() ? "" : " " + shell_word(arguments.prefix);
  const bool like_an_option = arguments.prefix.starts_with('-');
  if (!like_an_option) line += prefix;
  for (const GivenOption& option : arguments.given) {
    if (option.name != more.name) line += ' ' + words_of(option);
  }
  line += ' ' + words_of(more);
  return like_an_option ? line + " --" + prefix : line;
}

// Whoever reads names line by line would take one with a line break for two others. Said once.
void tell_of_broken_lines(const NamesPage& page, const Arguments& arguments, bool& told) {
  const char end = arguments.ends_in_nul ? '\0' : '\n';
  const bool broken = std::any_of(page.names.begin(), page.names.end(), [&](const auto& one) {
    return one.name.find(end) != std::string::npos;
  });
  if (!broken || std::exchange(told, true)) return;
  complain(arguments.ends_in_nul ? "once: a name has a NUL byte in it: only --json keeps it whole"
                                 : "once: a name has a line break in it, and looks like two: " +
                                       line_to_type(arguments, {"--null", std::nullopt}));
}

// The first page may have had no rows: `rows_before` says whether any page had.
bool show_page(const NamesPage& page, const Arguments& arguments, bool first, bool rows_before) {
  if (arguments.json) {
    return write_stdout((first ? list_json_head(page.node) : "") +
                        list_json_rows(page.names, rows_before));
  }
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  std::string text;
  if (first && terminal && arguments.details) {
    text += fmt::format("{:>10} {:>8} {:<6} {}\n", "VERSION", "BYTES", "STATE", "NAME");
  }
  for (const ListedName& one : page.names) text += line_of(one, arguments, terminal);
  return write_stdout(text);
}

// Where to go on; and how fresh it is, for people, who sit at a terminal.
void explain(const NamesPage& page, const Arguments& arguments, size_t shown) {
  if (!page.after.empty()) {
    complain("once: there is more: " + line_to_type(arguments, {"--after", page.after}));
  }
  if (isatty(STDERR_FILENO) == 0) return;
  complain(
      fmt::format("{} name{}, as node {} knew {} at {:%H:%M:%S} UTC; newer ones may be missing",
                  shown, shown == 1 ? "" : "s", page.node.value, shown == 1 ? "it" : "them",
                  fmt::gmtime(std::time(nullptr))));
}

}  // namespace

int list_command(const Arguments& arguments) {
  Client client(client_options(arguments));
  const uint64_t limit =
      arguments.limit == 0 ? std::numeric_limits<uint64_t>::max() : arguments.limit;
  ListOptions options;
  options.prefix = arguments.prefix;
  options.after = arguments.after;
  uint64_t listed = 0;
  size_t shown = 0;
  bool told_of_broken_lines = false;
  for (bool first = true;; first = false) {
    options.limit = std::min<uint64_t>(kPage, limit - listed);
    const NamesPage page = [&] {
      const Patience patience(client, arguments);
      const int64_t deadline_ns = now_ns() + arguments.timeout_ms * 1'000'000;
      NamesPage asked = client.list(options);
      listed += asked.names.size();
      settle(client, asked, deadline_ns);
      return asked;
    }();
    const bool rows_before = shown > 0;
    shown += page.names.size();
    const bool escaped = isatty(STDOUT_FILENO) != 0 && !arguments.raw;
    if (!arguments.json && !escaped) tell_of_broken_lines(page, arguments, told_of_broken_lines);
    if (page.outcome != Outcome::kDone) {
      const bool any = !page.names.empty() || arguments.json;
      if (any && !show_page(page, arguments, first, rows_before)) return not_shown();
      if (arguments.json && !write_stdout(list_json_tail(page))) return not_shown();
      if (arguments.json) return exit_code(page.outcome);
      const bool unavailable = page.outcome == Outcome::kUnavailable;
      complain((unavailable ? "unavailable: " : "once: ") + page.message);
      if (!page.after.empty() && unavailable) {
        complain("once: to go on from there: " + line_to_type(arguments, {"--after", page.after}));
      }
      return exit_code(page.outcome);
    }
    if (!show_page(page, arguments, first, rows_before)) return not_shown();
    options.after = page.after;
    if (page.after.empty() || listed >= limit) {
      if (arguments.json && !write_stdout(list_json_tail(page))) return not_shown();
      if (!arguments.json) explain(page, arguments, shown);
      return 0;
    }
  }
}

}  // namespace once::client

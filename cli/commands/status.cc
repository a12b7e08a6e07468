// status: how every node is, once or again and again.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>

#include "base/folded.h"
#include "base/output.h"
#include "cli/commands/commands.h"
#include "cli/commands/terminal.h"
#include "cli/output.h"
#include "cli/status_survey.h"
#include "cli/status_table.h"
#include "cli/status_verdict.h"
#include "client/client.h"
#include "client/socket.h"

namespace once::client {
namespace {

constexpr int64_t kStatusTimeoutMs = 2000;  // unless another one is given

struct Look {
  Survey survey;
  Verdict verdict;
  int64_t at_ns = 0;
};

Look look(const Client& client, const Arguments& arguments) {
  Look now;
  now.survey = survey(client, arguments.endpoints,
                      arguments.timeout_given ? arguments.timeout_ms : kStatusTimeoutMs);
  now.verdict = verdict_of(now.survey);
  now.at_ns = now_ns();
  return now;
}

int code_of(const Look& look) {
  switch (look.verdict.health) {
    case Health::kHealthy:
      return 0;
    case Health::kDegraded:
      return kExitDegraded;
    case Health::kNoMajority:
      return kExitUnavailable;
    case Health::kOtherCluster:
      return exit_code(Outcome::kError);
    case Health::kNoNode:
      return kExitUsage;
  }
  return kExitUnavailable;
}

// A terminal that moves its cursor, and somebody who has not asked for no colours.
bool takes_escapes() {
  const char* term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) != 0 && term != nullptr && *term != '\0' &&
         std::string_view(term) != "dumb";
}
bool takes_colours() {
  const char* none = std::getenv("NO_COLOR");
  return takes_escapes() && (none == nullptr || *none == '\0');
}

std::string clock_text() {
  const std::time_t now = std::time(nullptr);
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(now));
}

// Draws over what stands on the screen, and leaves no rest of it.
std::string in_place(const std::string& block) {
  std::string out = "\x1b[H";
  for (char c : block) {
    if (c == '\n') out += "\x1b[K";
    out += c;
  }
  return out + "\x1b[J";
}

std::string table_of(const Look& now, const Since& since, const Arguments& arguments) {
  Verdict verdict = now.verdict;
  verdict.line = folded(verdict.line, columns_of(STDOUT_FILENO));
  return verdict_text(verdict, takes_colours()) +
         status_table(now.survey.nodes, since, arguments.wide ? Width::kWide : Width::kScreen);
}

// What is wrong, each in rows that fit a terminal of that descriptor.
std::string problems_of(const Look& now, int fd) {
  return fitted(status_problems(now.survey, now.verdict), fd);
}

int watch(const Client& client, const Arguments& arguments) {
  const bool screen = !arguments.json && takes_escapes();
  Look before;
  for (int round = 1;; ++round) {
    Look now = look(client, arguments);
    std::string block;
    if (arguments.json) {
      block = status_json(now.survey, now.verdict, JsonLayout::kLine) + "\n";
    } else {
      const double seconds = static_cast<double>(now.at_ns - before.at_ns) / 1e9;
      block = clock_text() + "\n" + table_of(now, {&before.survey.nodes, seconds}, arguments) +
              problems_of(now, STDOUT_FILENO);
      block = screen ? in_place(block) : block + "\n";
    }
    if (!write_stdout(block)) return not_shown();
    if (arguments.count != 0 && round == arguments.count) return code_of(now);
    before = std::move(now);
    (void)::poll(nullptr, 0, arguments.watch_s * kMsPerSecond);
  }
}

}  // namespace

int status_command(const Arguments& arguments) {
  const Client client(client_options(arguments));
  if (arguments.watch_s != 0) return watch(client, arguments);
  const Look now = look(client, arguments);
  if (arguments.json) {
    if (!write_stdout(status_json(now.survey, now.verdict, JsonLayout::kPretty) + "\n")) {
      return not_shown();
    }
  } else {
    if (!write_stdout(table_of(now, {}, arguments))) return not_shown();
    tell_people(problems_of(now, STDERR_FILENO));
  }
  return code_of(now);
}

}  // namespace once::client

// explain: what each node holds of one name, and what that comes to.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "base/hex.h"
#include "base/output.h"
#include "base/printable.h"
#include "cli/commands/commands.h"
#include "cli/commands/terminal.h"
#include "cli/explain_verdict.h"
#include "cli/output.h"
#include "cli/status_verdict.h"

namespace once::client {
namespace {

constexpr int64_t kExplainTimeoutMs = 2000;  // unless another one is given

int code_of(const NameVerdict& verdict) {
  switch (verdict.standing) {
    case NameStanding::kDecided:
      return 0;
    case NameStanding::kEmpty:
      return exit_code(Outcome::kEmpty);
    case NameStanding::kOpen:
      return exit_code(Outcome::kUnknown);
    case NameStanding::kOtherCluster:
      return exit_code(Outcome::kError);
    case NameStanding::kNoNode:
      return kExitUsage;
    case NameStanding::kNoMajority:
      break;
  }
  return kExitUnavailable;
}

std::string silent_nodes(const NameExplanation& all, const NameVerdict& verdict) {
  std::string text;
  for (const NodeExplanation& one : all.nodes) {
    if (one.node.reachable) continue;
    text += printable(one.node.address + ": " + one.node.message) + "\n";
  }
  if (verdict.standing == NameStanding::kOtherCluster) text.append(kWhichIsMeant).append("\n");
  return text;
}

}  // namespace

int explain_command(const Arguments& arguments) {
  NameResolver names;
  const std::optional<ClusterId> expected =
      arguments.cluster_id ? cluster_id_of_hex(*arguments.cluster_id) : std::nullopt;
  const NameExplanation all =
      explain_name(names, arguments.endpoints, expected, arguments.name,
                   arguments.timeout_given ? arguments.timeout_ms : kExplainTimeoutMs);
  const NameVerdict verdict = verdict_of(all);
  if (arguments.json) {
    if (!write_stdout(explanation_json(arguments.name, all, verdict) + "\n")) return not_shown();
    return code_of(verdict);
  }
  const std::string text = fitted(verdict.line + "\n", STDOUT_FILENO) + explanation_table(all) +
                           fitted(explanation_details(all), STDOUT_FILENO);
  if (!write_stdout(text)) return not_shown();
  tell_people(fitted(silent_nodes(all, verdict), STDERR_FILENO));
  return code_of(verdict);
}

}  // namespace once::client

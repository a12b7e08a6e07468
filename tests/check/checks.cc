#include "tests/check/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <unordered_map>

#include "tests/check/escape.h"
#include "tests/check/ids.h"

namespace once::check {
namespace {

// What these calls ask for is not what their id stands for, or never was asked of a register.
bool is_no_request(const Call& call) {
  return call.outcome == Outcome::kIdReused || call.outcome == Outcome::kNothing;
}

bool same_request(const Call& a, const Call& b) {
  return a.name == b.name && a.action == b.action && a.asked == b.asked && a.value == b.value;
}

std::string state_text(const Call& call) {
  std::string text =
      fmt::format("version {}, {}", call.version, call.sealed ? "sealed" : "not sealed");
  if (shows_value(call)) text += fmt::format(", \"{}\"", escaped(call.result));
  return text + fmt::format(" by {}", describe(call.writer));
}

}  // namespace

std::vector<NameCalls> by_name(const History& history) {
  std::vector<const Call*> calls;
  calls.reserve(history.size());
  for (const Call& call : history) calls.push_back(&call);
  std::stable_sort(calls.begin(), calls.end(), [](const Call* a, const Call* b) {
    return std::tie(a->name, a->call_ns) < std::tie(b->name, b->call_ns);
  });
  std::vector<NameCalls> names;
  for (const Call* call : calls) {
    if (names.empty() || names.back().name != call->name) names.push_back({call->name, {}});
    names.back().calls.push_back(call);
  }
  return names;
}

Violations check_form(const History& history) {
  Violations violations;
  std::unordered_map<RequestId, const Call*, HashId> first_of;
  for (const Call& call : history) {
    if (call.return_ns < call.call_ns) {
      violations.push_back({call.name, "returned before it was called: " + describe(call)});
    }
    if (call.outcome != Outcome::kUnknown && call.return_ns == kNever) {
      violations.push_back({call.name, "an answer without a time: " + describe(call)});
    }
    if (!changes(call.action) || is_no_request(call)) continue;
    const Call& first = *first_of.try_emplace(call.id, &call).first->second;
    if (!same_request(first, call)) {
      violations.push_back({call.name, fmt::format("one request id for two requests: {}; and {}",
                                                   describe(first), describe(call))});
    }
  }
  return violations;
}

Violations check_all(const History& history) {
  Violations violations = check_form(history);
  for (const NameCalls& name : by_name(history)) {
    Violations more = check_register(name);
    std::move(more.begin(), more.end(), std::back_inserter(violations));
  }
  return violations;
}

std::string_view action_name(Action action) {
  static constexpr std::string_view kNames[kActions] = {"write", "read", "set",   "cas",
                                                        "seal",  "next", "check", "wait"};
  return kNames[static_cast<size_t>(action)];
}

std::string_view outcome_name(Outcome outcome) {
  static constexpr std::string_view kNames[kOutcomes] = {
      "done", "already_set", "conflict", "sealed", "id_reused", "empty", "unknown", "nothing"};
  return kNames[static_cast<size_t>(outcome)];
}

std::string describe(const RequestId& id) { return fmt::format("{:016x}{:016x}", id.high, id.low); }

std::string describe(const Call& call) {
  const std::string until =
      call.return_ns == kNever ? "never returned" : fmt::format("returned {}", call.return_ns);
  std::string text = fmt::format("[client {} {} \"{}\"", call.client, action_name(call.action),
                                 escaped(call.name));
  if (takes_version(call.action)) text += fmt::format("@{}", call.asked);
  if (takes_value(call.action)) text += fmt::format("=\"{}\"", escaped(call.value));
  if (changes(call.action)) text += fmt::format(" id {}", describe(call.id));
  text += fmt::format(", called {}, {}: {}", call.call_ns, until, outcome_name(call.outcome));
  if (shows_state(call)) text += ", " + state_text(call);
  return text + "]";
}

}  // namespace once::check

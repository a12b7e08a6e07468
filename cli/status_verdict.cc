#include "cli/status_verdict.h"

#include <fmt/format.h>

#include <algorithm>

namespace once::client {
namespace {

// A node that has only just begun has not got all of its links yet; that is no fault.
constexpr uint64_t kYoungSeconds = 5;

bool votes(const NodeStatus& node) {
  return node.reachable && counter_or(node, "admitted", 1) != 0 &&
         counter_or(node, "withdrawn", 0) == 0;
}

bool is_linked(const NodeStatus& from, NodeId to) {
  return counter_or(from, fmt::format("peer_{}_up", to.value), 1) != 0;
}

bool is_young(const NodeStatus& node) {
  return counter_or(node, "uptime_s", kYoungSeconds) < kYoungSeconds;
}

// Of those that vote, whom it has links to, and itself.
size_t reach(const NodeStatus& from, const std::vector<NodeStatus>& nodes) {
  return static_cast<size_t>(std::count_if(nodes.begin(), nodes.end(), [&](const NodeStatus& to) {
    return votes(to) && (to.node == from.node || is_linked(from, to.node));
  }));
}

std::string wrong_with(const NodeStatus& node) {
  const std::string who = fmt::format("node {}", node.node.value);
  if (counter_or(node, "withdrawn", 0) != 0) return who + " votes no more: look at its log";
  if (counter_or(node, "admitted", 1) == 0) {
    return who +
           " does not vote yet: it waits until every member has met its disk, or is shut out for "
           "good: look at its log";
  }
  if (counter_or(node, "log_full", 0) != 0) return who + " has no room for its log";
  if (counter_or(node, "disk_slow", 0) != 0) return who + " has a slow disk";
  if (counter_or(node, "memory_short", 0) != 0) return who + " is short of memory";
  return {};
}

std::string wrong_between(const NodeStatus& from, const NodeStatus& to) {
  if (!votes(from) || from.node == to.node || to.node == NodeId{}) return {};
  if (!to.reachable) {
    const bool linked = counter_or(from, fmt::format("peer_{}_up", to.node.value), 0) == 1;
    return linked ? fmt::format("node {} does not answer here, but node {} reaches it",
                                to.node.value, from.node.value)
                  : std::string();
  }
  if (!votes(to) || is_linked(from, to.node) || is_young(from) || is_young(to)) return {};
  return fmt::format("node {} does not reach node {}", from.node.value, to.node.value);
}

std::vector<std::string> reasons_of(const std::vector<NodeStatus>& nodes) {
  std::vector<std::string> reasons;
  for (const NodeStatus& node : nodes) {
    if (!node.reachable) continue;
    if (std::string wrong = wrong_with(node); !wrong.empty()) reasons.push_back(std::move(wrong));
  }
  for (const NodeStatus& from : nodes) {
    for (const NodeStatus& to : nodes) {
      if (std::string wrong = wrong_between(from, to); !wrong.empty()) {
        reasons.push_back(std::move(wrong));
      }
    }
  }
  return reasons;
}

std::string line_of(const Verdict& verdict, size_t voting) {
  if (verdict.health == Health::kOtherCluster) return std::string(kOnlyOtherClusters);
  if (verdict.health == Health::kNoNode) return std::string(kNoNodeThere);
  const std::string counted = fmt::format("{} of {} up", verdict.up, verdict.members);
  const size_t majority = verdict.members / 2 + 1;
  if (verdict.health == Health::kHealthy) return counted + ", healthy";
  if (verdict.health == Health::kNoMajority) {
    const bool apart = voting >= majority;
    return counted + (apart ? ", but they do not reach each other" : "") +
           ": no majority, nothing can be written";
  }
  std::string line = counted;
  if (verdict.up < verdict.members) {
    const size_t spare = voting - majority;
    line += spare == 0   ? ": one more failure stops writes"
            : spare == 1 ? ": writes go on, also after one more failure"
                         : fmt::format(": writes go on, also after {} more failures", spare);
    return line;
  }
  line += ", degraded: " + verdict.reasons.front();
  const size_t more = verdict.reasons.size() - 1;
  return more == 0 ? line : fmt::format("{} (and {} more)", line, more);
}

}  // namespace

std::string_view health_name(Health health) {
  switch (health) {
    case Health::kHealthy:
      return "healthy";
    case Health::kDegraded:
      return "degraded";
    case Health::kNoMajority:
      return "no_majority";
    case Health::kOtherCluster:
      return "other_cluster";
    case Health::kNoNode:
      return "no_node";
  }
  return "no_majority";
}

uint64_t counter_or(const NodeStatus& node, std::string_view name, uint64_t otherwise) {
  for (const auto& [key, value] : node.counters) {
    if (key == name) return value;
  }
  return otherwise;
}

std::optional<Health> whom_we_asked(const std::vector<NodeStatus>& nodes) {
  const auto is_other = [](const NodeStatus& node) { return node.other_cluster; };
  const bool all = std::all_of(nodes.begin(), nodes.end(), [&](const NodeStatus& node) {
    return node.wrong_port || is_other(node);
  });
  if (!all || nodes.empty()) return std::nullopt;
  const bool any = std::any_of(nodes.begin(), nodes.end(), is_other);
  return any ? Health::kOtherCluster : Health::kNoNode;
}

Verdict verdict_of(const Survey& survey) {
  Verdict verdict;
  verdict.members = survey.members;
  const auto& nodes = survey.nodes;
  const auto count = [&](bool (*which)(const NodeStatus&)) {
    return static_cast<size_t>(std::count_if(nodes.begin(), nodes.end(), which));
  };
  verdict.up = count([](const NodeStatus& node) { return node.reachable; });
  const size_t voting = count(votes);
  const size_t majority = survey.members / 2 + 1;
  const bool works = std::any_of(nodes.begin(), nodes.end(), [&](const NodeStatus& node) {
    return votes(node) && reach(node, nodes) >= majority;
  });
  verdict.reasons = reasons_of(nodes);
  const bool all_well = voting == survey.members && verdict.reasons.empty();
  verdict.health = !works ? Health::kNoMajority : all_well ? Health::kHealthy : Health::kDegraded;
  if (const auto others = whom_we_asked(nodes)) verdict.health = *others;
  verdict.line = line_of(verdict, voting);
  return verdict;
}

}  // namespace once::client

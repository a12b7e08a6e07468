#include "cli/status_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/printable.h"
#include "cli/text_table.h"

namespace once::client {
namespace {

std::optional<uint64_t> counter(const NodeStatus& node, std::string_view name) {
  for (const auto& [key, value] : node.counters) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::string plain(const NodeStatus& node, std::string_view name) {
  const auto value = counter(node, name);
  return value ? std::to_string(*value) : kNoFigure;
}

std::optional<uint64_t> sum(const NodeStatus& node, std::initializer_list<const char*> names) {
  uint64_t total = 0;
  for (const char* name : names) {
    const auto value = counter(node, name);
    if (!value) return std::nullopt;
    total += *value;
  }
  return total;
}

// The names whose home is this node: each member has the same share of the range of the hash.
std::string home_text(const NodeStatus& node) {
  const auto claimed = counter(node, "claimed");
  if (!claimed || node.members.empty()) return kNoFigure;
  return fmt::format("{:.1f}% {}", 100.0 / static_cast<double>(node.members.size()),
                     *claimed == 1 ? "claimed" : "not claimed");
}

// Of the proposals of this node, those that took one round trip.
std::string fast_text(const NodeStatus& node) {
  const auto fast = counter(node, "fast_path_writes");
  const auto all = sum(node, {"fast_path_writes", "classic_rounds"});
  if (!fast || !all || *all == 0) return kNoFigure;
  return fmt::format("{:.1f}%", 100.0 * static_cast<double>(*fast) / static_cast<double>(*all));
}

std::string sync_text(const NodeStatus& node) {
  const auto average = counter(node, "log_sync_us_avg");
  const auto maximum = counter(node, "log_sync_us_max");
  return average && maximum ? fmt::format("{}/{}", *average, *maximum) : kNoFigure;
}

std::string batch_text(const NodeStatus& node) {
  const auto hundredths = counter(node, "records_per_batch_x100");
  return hundredths ? fmt::format("{}.{:02}", *hundredths / 100, *hundredths % 100) : kNoFigure;
}

std::string size_text(uint64_t bytes) {
  constexpr uint64_t kMebibyte = 1024 * 1024;
  return fmt::format("{:.1f}", static_cast<double>(bytes) / kMebibyte);
}

std::string log_text(const NodeStatus& node) {
  const auto bytes = counter(node, "log_bytes");
  if (!bytes) return kNoFigure;
  return size_text(*bytes) + (counter(node, "log_full").value_or(0) > 0 ? " FULL" : "");
}

// One word a peer, in the order that the node gives: "2:85 3:down".
std::string peers_text(const NodeStatus& node) {
  constexpr std::string_view kPrefix = "peer_";
  constexpr std::string_view kSuffix = "_round_trip_us";
  std::string text;
  for (const auto& [key, value] : node.counters) {
    if (!key.starts_with(kPrefix) || !key.ends_with(kSuffix)) continue;
    if (key.size() <= kPrefix.size() + kSuffix.size()) continue;
    const std::string peer =
        key.substr(kPrefix.size(), key.size() - kPrefix.size() - kSuffix.size());
    const bool up = counter(node, fmt::format("peer_{}_up", peer)).value_or(1) == 1;
    const bool met = counter(node, fmt::format("peer_{}_met", peer)).value_or(1) == 1;
    if (!text.empty()) text += ' ';
    text += peer + ":" + (!met ? "new" : up ? std::to_string(value) : "down");
  }
  return text.empty() ? kNoFigure : printable(text);
}

// Of the links, the ones that are not as they should be.
std::string links_text(const NodeStatus& node) {
  if (!node.reachable) return kNoFigure;
  std::string bad;
  for (const auto& [member, address] : node.members) {
    if (member == node.node) continue;
    const bool met = counter(node, fmt::format("peer_{}_met", member.value)).value_or(1) == 1;
    const bool up = counter(node, fmt::format("peer_{}_up", member.value)).value_or(1) == 1;
    if (!met || !up)
      bad += fmt::format("{}{} {}", bad.empty() ? "" : ", ", member.value, met ? "down" : "new");
  }
  return bad.empty() ? "all up" : bad;
}

std::string state_text(const NodeStatus& node) {
  if (!node.reachable) {
    return node.wrong_port ? "no node" : node.other_cluster ? "foreign" : "down";
  }
  if (counter(node, "withdrawn").value_or(0) != 0) return "no vote";
  if (counter(node, "admitted").value_or(1) == 0) return "waits";
  if (counter(node, "log_full").value_or(0) != 0) return "log full";
  if (counter(node, "disk_slow").value_or(0) != 0) return "slow disk";
  if (counter(node, "memory_short").value_or(0) != 0) return "no memory";
  const auto in_sync = counter(node, "in_sync");
  if (!in_sync) return "up";  // an earlier release
  if (*in_sync != 0) return "in sync";
  return counter(node, "behind").value_or(0) != 0 ? "behind" : "compares";
}

std::string duration_text(uint64_t seconds) {
  if (seconds < 120) return fmt::format("{} s", seconds);
  return seconds < 7200 ? fmt::format("{} min", seconds / 60) : fmt::format("{} h", seconds / 3600);
}

// Empty: it lacks nothing, as far as is known.
std::string behind_text(const NodeStatus& node) {
  const uint64_t behind = counter(node, "behind").value_or(0);
  if (!node.reachable || behind == 0 || counter(node, "in_sync").value_or(1) != 0) return {};
  const uint64_t rate = counter(node, "caught_up_per_s").value_or(0);
  const std::string left =
      rate == 0 ? "" : fmt::format(", about {} left", duration_text(1 + behind / rate));
  return fmt::format("node {}: {} names behind, {}/s{}", node.node.value, behind, rate, left);
}

std::string sync_ms_text(const NodeStatus& node) {
  const auto average = counter(node, "log_sync_us_avg");
  return average ? fmt::format("{:.1f}", static_cast<double>(*average) / 1000) : kNoFigure;
}

const NodeStatus* earlier(const NodeStatus& node, const Since& since) {
  if (since.nodes == nullptr || since.seconds <= 0) return nullptr;
  for (const NodeStatus& before : *since.nodes) {
    // Another process began to count at 0.
    if (before.node == node.node && before.pid == node.pid && before.reachable) return &before;
  }
  return nullptr;
}

std::string rate_text(const NodeStatus& node, const Since& since,
                      std::initializer_list<const char*> names) {
  const NodeStatus* before = earlier(node, since);
  const auto now_total = sum(node, names);
  const auto old_total = before == nullptr ? std::nullopt : sum(*before, names);
  if (!now_total || !old_total || *now_total < *old_total) return kNoFigure;
  return fmt::format("{:.0f}", static_cast<double>(*now_total - *old_total) / since.seconds);
}

std::vector<std::string> wide_titles(bool rates) {
  std::vector<std::string> row = {"node",      "address",   "up",      "pid",     "home of",
                                  "fast",      "takeovers", "names",   "waiting", "sync us avg/max",
                                  "rec/batch", "log MiB",   "peers us"};
  if (rates) row.insert(row.end(), {"changes/s", "reads/s", "syncs/s"});
  return row;
}

std::vector<std::string> wide_row(const NodeStatus& node, const Since& since) {
  std::vector<std::string> row = {node.node.value == 0 ? "?" : std::to_string(node.node.value),
                                  printable(node.address),
                                  node.reachable ? "yes" : "no",
                                  node.reachable ? std::to_string(node.pid) : kNoFigure,
                                  home_text(node),
                                  fast_text(node),
                                  plain(node, "takeovers"),
                                  plain(node, "names"),
                                  plain(node, "waiting"),
                                  sync_text(node),
                                  batch_text(node),
                                  log_text(node),
                                  peers_text(node)};
  if (since.nodes != nullptr) {
    row.push_back(rate_text(node, since, {"changes"}));
    row.push_back(rate_text(node, since, {"local_reads", "quorum_reads"}));
    row.push_back(rate_text(node, since, {"log_batches"}));
  }
  return row;
}

// What is looked at first; the rates take the place of the sizes.
Rows narrow_rows(const std::vector<NodeStatus>& nodes, const Since& since) {
  const bool rates = since.nodes != nullptr;
  Rows rows = {rates ? Row{"node", "address", "state", "names", "changes/s", "reads/s", "links"}
                     : Row{"node", "address", "state", "names", "log MiB", "sync ms", "links"}};
  for (const NodeStatus& node : nodes) {
    const std::string number = node.node.value == 0 ? "?" : std::to_string(node.node.value);
    Row row = {number, printable(node.address), state_text(node), plain(node, "names")};
    if (rates) {
      row.push_back(rate_text(node, since, {"changes"}));
      row.push_back(rate_text(node, since, {"local_reads", "quorum_reads"}));
    } else {
      row.push_back(log_text(node));
      row.push_back(sync_ms_text(node));
    }
    row.push_back(links_text(node));
    rows.push_back(std::move(row));
  }
  return rows;
}

Rows wide_rows(const std::vector<NodeStatus>& nodes, const Since& since) {
  Rows rows = {wide_titles(since.nodes != nullptr)};
  for (const NodeStatus& node : nodes) rows.push_back(wide_row(node, since));
  return rows;
}

}  // namespace

std::string status_table(const std::vector<NodeStatus>& nodes, const Since& since, Width width) {
  if (width == Width::kWide) return laid_out(wide_rows(nodes, since));
  Rows rows = narrow_rows(nodes, since);
  // Both are told in full with --wide.
  constexpr size_t kAddress = 1;
  constexpr size_t kLeastAddress = 15;
  const size_t last = rows[0].size() - 1;
  make_fit(rows, {{kAddress, kLeastAddress}, {last, rows[0][last].size()}});
  return laid_out(rows);
}

std::string verdict_text(const Verdict& verdict, bool colours) {
  if (!colours) return verdict.line + "\n";
  const char* colour = verdict.health == Health::kHealthy    ? "\x1b[32m"
                       : verdict.health == Health::kDegraded ? "\x1b[33m"
                                                             : "\x1b[31m";
  return colour + verdict.line + "\x1b[0m\n";
}

std::string status_problems(const Survey& survey, const Verdict& verdict) {
  std::string out;
  for (const NodeStatus& node : survey.nodes) {
    if (!node.reachable) out += printable(node.address + ": " + node.message) + "\n";
  }
  for (const std::string& reason : verdict.reasons) out += reason + "\n";
  for (const NodeStatus& node : survey.nodes) {
    if (const std::string behind = behind_text(node); !behind.empty()) out += behind + "\n";
  }
  if (verdict.health == Health::kOtherCluster) out.append(kWhichIsMeant).append("\n");
  if (verdict.health == Health::kNoMajority) {
    out += "no majority: start nodes, or see why they do not reach each other\n";
  }
  // One that was killed just now resets what it had not taken yet.
  const bool nobody_listens =
      std::all_of(survey.nodes.begin(), survey.nodes.end(), [](const NodeStatus& node) {
        return node.message.starts_with("cannot connect") ||
               node.message == std::strerror(ECONNRESET);
      });
  if (nobody_listens) out += "is a cluster running? `make run` or `onced dev` starts one here\n";
  return out;
}

}  // namespace once::client

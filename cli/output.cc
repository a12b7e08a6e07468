#include "cli/output.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/hex.h"
#include "base/limits.h"
#include "base/printable.h"
#include "cli/json_bytes.h"
#include "net/disk_table.h"

namespace once::client {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

int exit_code(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return 0;
    case Outcome::kRefused:
      return 3;
    case Outcome::kEmpty:
      return 4;
    case Outcome::kUnknown:
      return 5;
    case Outcome::kUnavailable:
      return 6;
    case Outcome::kInvalid:
      return 2;
    case Outcome::kNotYet:
      return 7;
    case Outcome::kRetired:
      return 9;
    case Outcome::kDenied:
      return 10;
    case Outcome::kCancelled:
    case Outcome::kError:
      return 1;
  }
  return 1;
}

std::string result_json(std::string_view name, const Result& result) {
  Json json;
  json["outcome"] = outcome_name(result.outcome);
  if (result.refusal != Refusal::kNone) json["refusal"] = refusal_name(result.refusal);
  put_bytes(json, "name", name);
  json["version"] = result.version;
  json["sealed"] = result.sealed;
  json["writer"] = hex_of(result.writer);
  json["request_id"] = hex_of(result.request_id);
  put_bytes(json, "value", result.value);
  if (!result.message.empty()) put_bytes(json, "message", result.message);
  return printable(json.dump(), Shown::kJson);
}

std::string list_json_head(NodeId node) {
  const std::string number = node.value == 0 ? "null" : std::to_string(node.value);
  return R"({"node":)" + number + R"(,"names":[)";
}

std::string list_json_rows(const std::vector<ListedName>& names, bool rows_before) {
  std::string rows;
  for (const ListedName& one : names) {
    Json row;
    put_bytes(row, "name", one.name);
    row["version"] = one.version;
    row["sealed"] = one.sealed;
    row["value_bytes"] = one.value_bytes;
    row["decided"] = one.decided;
    if (rows_before || !rows.empty()) rows += ',';
    rows += printable(row.dump(), Shown::kJson);
  }
  return rows;
}

std::string list_json_tail(const NamesPage& last) {
  Json json;
  json["after"] = last.after.empty() ? Json(nullptr) : Json(last.after);
  json["outcome"] = outcome_name(last.outcome);
  if (last.refusal != Refusal::kNone) json["refusal"] = refusal_name(last.refusal);
  if (!last.message.empty()) put_bytes(json, "message", last.message);
  return "]," + printable(json.dump(), Shown::kJson).substr(1) + "\n";
}

namespace {

Json ballot_json(const paxos::Ballot& ballot) {
  if (ballot.is_null()) return nullptr;
  return {{"round", ballot.round.value},
          {"node", ballot.node.value},
          {"incarnation", ballot.incarnation.value}};
}

Json work_json(const paxos::UnderWay& work) {
  if (work.work == paxos::Work::kNothing) return nullptr;
  Json json;
  json["phase"] = work_name(work.work);
  json["ballot"] = ballot_json(work.ballot);
  json["version"] = work.version;
  json["changes"] = work.changes;
  json["attempts"] = work.attempts;
  json["votes"] = Json::array();
  const net::NodeSet votes{work.votes};
  for (uint16_t node = 1; node <= kMaxNodes; ++node) {
    if (votes.has(NodeId{node})) json["votes"].push_back(node);
  }
  json["age_us"] = work.age_us;
  return json;
}

void put_explanation(Json& json, const paxos::Explanation& told) {
  json["home"] = told.home.value;
  json["known"] = told.known;
  json["promised"] = ballot_json(told.promised);
  json["accepted"] = ballot_json(told.accepted);
  json["version"] = told.version;
  json["value_bytes"] = told.value_bytes;
  json["sealed"] = told.sealed;
  json["writer"] = told.version == 0 ? Json(nullptr) : Json(hex_of(told.writer));
  json["decided"] = told.decided;
  json["durable"] = told.durable;
  json["under_way"] = work_json(told.under_way);
  json["queued"] = told.queues.queued;
  json["reading"] = told.queues.reading;
  json["waits"] = told.queues.waits;
  json["forwarded"] = told.queues.forwarded;
  const NodeId to = told.queues.forwarded_to;
  json["forwarded_to"] = to.value == 0 ? Json(nullptr) : Json(to.value);
}

}  // namespace

std::string explanation_json(std::string_view name, const NameExplanation& all,
                             const NameVerdict& verdict) {
  Json json;
  put_bytes(json, "name", name);
  json["verdict"] = name_of(verdict.standing);
  json["text"] = verdict.line;
  json["version"] = verdict.version;
  json["members"] = all.members;
  json["nodes"] = Json::array();
  for (const NodeExplanation& one : all.nodes) {
    Json node;
    node["node"] = one.node.node.value;
    put_bytes(node, "address", one.node.address);
    node["reachable"] = one.node.reachable;
    if (!one.node.message.empty()) put_bytes(node, "message", one.node.message);
    if (one.node.reachable) {
      node["core"] = one.core;
      put_explanation(node, one.told);
    }
    json["nodes"].push_back(std::move(node));
  }
  return printable(json.dump(), Shown::kJson);
}

std::string status_json(const Survey& survey, const Verdict& verdict, JsonLayout layout) {
  Json list = Json::array();
  for (const NodeStatus& node : survey.nodes) {
    Json json;
    json["node"] = node.node.value;
    json["pid"] = node.pid;
    put_bytes(json, "address", node.address);
    json["reachable"] = node.reachable;
    if (!node.message.empty()) put_bytes(json, "message", node.message);
    json["cluster_verdict"] = health_name(verdict.health);
    json["cluster_up"] = verdict.up;
    json["cluster_members"] = verdict.members;
    for (const auto& [key, value] : node.counters) {
      if (is_utf8(key) && !json.contains(key)) json[key] = value;
    }
    list.push_back(std::move(json));
  }
  return printable(layout == JsonLayout::kPretty ? list.dump(2) : list.dump(), Shown::kJson);
}

}  // namespace once::client

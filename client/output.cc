#include "client/output.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/hex.h"
#include "base/printable.h"

namespace once::client {
namespace {

using Json = nlohmann::ordered_json;

bool is_utf8(std::string_view bytes) {
  try {
    (void)Json(std::string(bytes)).dump();
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

void put_bytes(Json& json, const std::string& key, std::string_view bytes) {
  if (is_utf8(bytes)) {
    json[key] = bytes;
  } else {
    json[key + "_base64"] = base64(bytes);
  }
}

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

std::string to_hex(const RequestId& id) { return hex_of(id); }

bool from_hex(std::string_view hex, RequestId& id) {
  const auto read = uuid_of_hex(hex);
  id = RequestId{read.value_or(Uuid{})};
  return read.has_value();
}

std::string result_json(std::string_view name, const Result& result) {
  Json json;
  json["outcome"] = outcome_name(result.outcome);
  if (result.refusal != Refusal::kNone) json["refusal"] = refusal_name(result.refusal);
  put_bytes(json, "name", name);
  json["version"] = result.version;
  json["sealed"] = result.sealed;
  json["writer"] = to_hex(result.writer);
  json["request_id"] = to_hex(result.request_id);
  put_bytes(json, "value", result.value);
  if (!result.message.empty()) put_bytes(json, "message", result.message);
  return printable(json.dump(), Shown::kJson);
}

std::string list_json(const NamesPage& page) {
  Json json;
  json["node"] = page.node.value;
  json["names"] = Json::array();
  for (const ListedName& one : page.names) {
    Json row;
    put_bytes(row, "name", one.name);
    row["version"] = one.version;
    row["sealed"] = one.sealed;
    row["value_bytes"] = one.value_bytes;
    row["decided"] = one.decided;
    json["names"].push_back(std::move(row));
  }
  json["after"] = page.after.empty() ? Json(nullptr) : Json(page.after);
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

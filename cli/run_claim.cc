#include "cli/run_claim.h"

#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "cli/json_bytes.h"

namespace once::client {
namespace {

using Json = nlohmann::ordered_json;

// Bytes that are no UTF-8 (a strange host name) are replaced, never thrown upon.
std::string dump(const Json& json) {
  return printable(json.dump(-1, ' ', false, Json::error_handler_t::replace), Shown::kJson);
}

Json object(const JobClaim& c) {
  return {{"host", c.host}, {"pid", c.pid}, {"time", c.time}, {"run", c.run}};
}

Json object(const RunResult& r) {
  Json json;
  if (r.signal != 0) {
    json["signal"] = r.signal;
  } else {
    json["exit"] = r.exit_code;
  }
  if (!r.error.empty()) json["error"] = r.error;
  json["time"] = r.time;
  return json;
}

// Null: no object.
Json parsed(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_object() ? json : Json();
}

bool is_code(const Json& json, const char* key) {
  return json.contains(key) && json[key].is_number_integer() && json[key] >= 0 && json[key] <= 255;
}

std::string text_at(const Json& json, const char* key) {
  return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "";
}

}  // namespace

std::string to_text(const JobClaim& claim) { return dump(object(claim)); }
std::string to_text(const RunResult& result) { return dump(object(result)); }

std::optional<JobClaim> read_claim(std::string_view text) {
  const Json json = parsed(text);
  JobClaim claim{text_at(json, "host"), 0, text_at(json, "time"), text_at(json, "run")};
  if (json.contains("pid") && json["pid"].is_number_integer()) claim.pid = json["pid"];
  if (claim.host.empty() || claim.run.empty()) return std::nullopt;
  return claim;
}

std::optional<RunResult> read_run_result(std::string_view text) {
  const Json json = parsed(text);
  RunResult result;
  if (is_code(json, "signal") && json["signal"] != 0) {
    result.signal = json["signal"];
  } else if (is_code(json, "exit")) {
    result.exit_code = json["exit"];
  } else {
    return std::nullopt;
  }
  result.error = text_at(json, "error");
  result.time = text_at(json, "time");
  return result;
}

std::string result_name(std::string_view name, std::string_view run) {
  return std::string(name) + ".result-" + std::string(run);
}

std::string run_json(std::string_view name, bool winner, const JobClaim& claim,
                     const RunResult* result, std::string_view not_recorded) {
  Json json;
  put_bytes(json, "name", name);
  json["winner"] = winner;
  json["claim"] = object(claim);
  json["result"] = result == nullptr ? Json() : object(*result);
  if (!not_recorded.empty()) put_bytes(json, "not_recorded", not_recorded);
  return dump(json);
}

std::string run_failure_json(std::string_view name, std::string_view outcome,
                             std::string_view message) {
  Json json;
  put_bytes(json, "name", name);
  json["outcome"] = outcome;
  put_bytes(json, "message", message);
  return dump(json);
}

std::string lock_json(std::string_view name, const LockStory& lock, const RunResult* ended) {
  Json json;
  put_bytes(json, "name", name);
  json["outcome"] = lock.outcome;
  if (lock.token != 0) json["token"] = lock.token;
  if (!lock.owner.empty()) put_bytes(json, "owner", lock.owner);
  if (!lock.message.empty()) put_bytes(json, "message", lock.message);
  json["result"] = ended == nullptr ? Json() : object(*ended);
  return dump(json);
}

}  // namespace once::client

// What the `once` command shows: results and status as JSON; exit codes; request ids as text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/client.h"

namespace once::client {

int exit_code(Outcome outcome);
std::string to_hex(const RequestId& id);
bool from_hex(std::string_view hex, RequestId& id);  // 1 to 32 hexadecimal digits

std::string result_json(std::string_view name, const Result& result);
enum class JsonLayout : uint8_t { kPretty, kLine };  // kLine: one document, one line
std::string list_json(const NamesPage& page);  // on one line
std::string status_json(const std::vector<NodeStatus>& nodes, JsonLayout layout);

}  // namespace once::client

// What the `once` command shows: results and status as JSON; exit codes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/explain_verdict.h"
#include "cli/status_verdict.h"
#include "client/results.h"

namespace once::client {

int exit_code(Outcome outcome);

std::string result_json(std::string_view name, const Result& result);
enum class JsonLayout : uint8_t { kPretty, kLine };  // kLine: one document, one line
std::string explanation_json(std::string_view name, const NameExplanation& all,
                             const NameVerdict& verdict);  // on one line
// One object on one line, however many pages it is made of: head, rows of each page, tail. The head
// is the first page's; node 0: nobody answered.
std::string list_json_head(NodeId node);
std::string list_json_rows(const std::vector<ListedName>& names, bool rows_before);
std::string list_json_tail(const NamesPage& last);
// A list of the nodes; each tells how the cluster is, too.
std::string status_json(const Survey& survey, const Verdict& verdict, JsonLayout layout);

}  // namespace once::client

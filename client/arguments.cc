#include "client/arguments.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "base/cli_parse.h"
#include "base/split.h"
#include "client/client.h"
#include "client/output.h"

namespace once::client {
namespace {

constexpr const char* kDefaultEndpoints = "127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403";

tl::unexpected<EarlyExit> usage_error(const std::string& message) {
  return tl::unexpected(EarlyExit{kExitUsage, "", "once: " + message + "\n"});
}

}  // namespace

tl::expected<Arguments, EarlyExit> parse_arguments(int argc, const char* const* argv) {
  Arguments arguments;
  std::string endpoints = kDefaultEndpoints;
  std::string request_id;
  CLI::App app("Talks to a once cluster: names that can be set exactly once.", "once");
  app.require_subcommand(1);
  app.add_option("--endpoints", endpoints, "Any nodes of the cluster: HOST:PORT,...")
      ->envname("ONCE_ENDPOINTS")
      ->capture_default_str();
  app.add_option("--timeout", arguments.timeout_ms,
                 "Milliseconds for the command, retries included")
      ->check(CLI::Range(1, 24 * 3600 * 1000))
      ->capture_default_str();
  app.add_flag("--json", arguments.json, "Print one JSON object (status: a list)");
  app.footer(
      "Exit codes: 0 done, 1 other error, 2 usage, 3 refused (already set), 4 empty,\n"
      "            5 outcome unknown (repeat with the same --request-id), 6 unavailable.\n\n"
      "Examples:\n"
      "  once write leader node-7         # exactly one caller wins; the others exit with 3\n"
      "  once read leader                 # prints the bare bytes: node-7\n"
      "  once write config - < app.toml   # the value from standard input\n"
      "  once --json status               # every node with its counters");
  CLI::App* write = app.add_subcommand("write", "Set NAME, for ever, unless it is set already");
  write->add_option("NAME", arguments.name, "1 to 1024 bytes, not beginning with _")->required();
  write->add_option("VALUE", arguments.value, "The value, or - for standard input")->required();
  write->add_option("--request-id", request_id, "Repeat an earlier write: its id in hexadecimal");
  write->footer(
      "Examples:\n  once write job-42 worker-a\n"
      "  once write job-42 worker-a --request-id 0af3...   # after exit code 5\n"
      "  once write -- job-42 -5                           # a value that begins with -");
  CLI::App* read = app.add_subcommand("read", "Print the value of NAME");
  read->add_option("NAME", arguments.name, "1 to 1024 bytes, not beginning with _")->required();
  read->footer("Examples:\n  once read job-42\n  once --json read job-42");
  CLI::App* status = app.add_subcommand("status", "Ask every node how it is");
  status->footer(
      "Exit code 0 when a majority is reachable, else 6.\n"
      "Example:\n  once --endpoints 10.0.0.1:7401 status");
  for (CLI::App* command : {write, read, status}) command->fallthrough();
  if (auto early = parse_cli(app, argc, argv, kExitUsage)) return tl::unexpected(std::move(*early));
  arguments.endpoints = split_list(endpoints);
  if (arguments.endpoints.empty()) return usage_error("no endpoints were given");
  if (status->parsed()) return arguments;
  arguments.command = write->parsed() ? Command::kWrite : Command::kRead;
  if (!request_id.empty() && !from_hex(request_id, arguments.request_id.emplace())) {
    return usage_error("--request-id needs 1 to 32 hexadecimal digits");
  }
  const std::string wrong = check_name(arguments.name);
  if (!wrong.empty()) return usage_error(wrong);
  return arguments;
}

}  // namespace once::client

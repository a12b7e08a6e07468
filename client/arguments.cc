#include "client/arguments.h"

#include <utility>

#include "base/cli_parse.h"
#include "base/split.h"
#include "client/client.h"
#include "client/command_tree.h"
#include "client/output.h"

namespace once::client {
namespace {

tl::unexpected<EarlyExit> wrong_usage(const std::string& message) {
  return tl::unexpected(EarlyExit{kExitUsage, "", "once: " + message + "\n"});
}

}  // namespace

tl::expected<Arguments, EarlyExit> parse_arguments(int argc, const char* const* argv) {
  Arguments arguments;
  Texts texts;
  const auto app = make_command_tree(arguments, texts);
  if (auto early = parse_cli(*app, argc, argv, kExitUsage)) {
    return tl::unexpected(std::move(*early));
  }
  arguments.endpoints = split_list(texts.endpoints);
  if (arguments.endpoints.empty()) return wrong_usage("no endpoints were given");
  if (arguments.command == Command::kStatus || arguments.command == Command::kCompletion) {
    return arguments;
  }
  if (!texts.request_id.empty() && !from_hex(texts.request_id, arguments.request_id.emplace())) {
    return wrong_usage("--request-id needs 1 to 32 hexadecimal digits");
  }
  const std::string wrong = check_name(arguments.name);
  if (!wrong.empty()) return wrong_usage(wrong);
  return arguments;
}

}  // namespace once::client

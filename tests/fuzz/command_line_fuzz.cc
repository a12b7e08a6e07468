// The command lines of onced, once and once-bench. Input: u8 which program, then the arguments,
// each closed by a zero byte. Whatever is asked for, the answer is a command within its limits or
// an exit that says why.
#include <string>
#include <vector>

#include "base/limits.h"
#include "bench/options.h"
#include "cli/arguments.h"
#include "server/command_line.h"
#include "server/exit_codes.h"
#include "tests/fuzz/input.h"

namespace once::fuzz {
namespace {

constexpr size_t kMaxArguments = 32;

struct ArgumentList {
  explicit ArgumentList(Input& input, const char* program) : texts{program} {
    while (!input.empty() && texts.size() < kMaxArguments) {
      std::string& text = texts.emplace_back();
      for (char c; !input.empty() && (c = static_cast<char>(input.byte())) != '\0';) text += c;
    }
    for (const std::string& text : texts) pointers.push_back(text.c_str());
    pointers.push_back(nullptr);
  }
  int count() const { return static_cast<int>(texts.size()); }

  std::vector<std::string> texts;
  std::vector<const char*> pointers;
};

void check_exit(const EarlyExit& exit, int usage) {
  ONCE_ASSERT(exit.code == 0 || exit.code == usage);
  ONCE_ASSERT(exit.code == 0 ? !exit.out.empty() : !exit.err.empty());
}

void check(const server::FormatOptions& o) {
  ONCE_ASSERT(o.node >= 1 && o.node <= kMaxNodes);
  ONCE_ASSERT(o.segment_mib >= 2 && o.segment_mib <= 4096);
}
void check(const server::StartOptions& o) {
  ONCE_ASSERT(o.cores >= 1 && o.cores <= kMaxCores);
  ONCE_ASSERT(o.io == "auto" || o.io == "uring" || o.io == "epoll");
}
void check(const server::DevOptions& o) {
  ONCE_ASSERT(o.nodes >= 1 && o.nodes <= kMaxNodes && o.cores >= 1 && o.cores <= kMaxCores);
  ONCE_ASSERT(!o.port || (*o.port >= 1 && *o.port + 200 <= 65535));
}
void check(const server::InspectOptions&) {}
void check(const server::VerifyOptions&) {}
void check(const server::VersionOptions&) {}

void try_server(const ArgumentList& list) {
  const auto command = server::parse_command_line(list.count(), list.pointers.data());
  if (!command) return check_exit(command.error(), server::kExitUsage);
  std::visit([](const auto& options) { check(options); }, *command);
}

void try_client(const ArgumentList& list) {
  const auto arguments = client::parse_arguments(list.count(), list.pointers.data());
  if (!arguments) return check_exit(arguments.error(), client::kExitUsage);
  ONCE_ASSERT(!arguments->endpoints.empty());
  ONCE_ASSERT(arguments->timeout_ms >= 1 && arguments->timeout_ms <= 24 * 3600 * 1000);
  ONCE_ASSERT(arguments->watch_s >= 0 && arguments->count >= 0);
  if (arguments->command == client::Command::kStatus) return;
  if (arguments->command == client::Command::kList) return;
  if (arguments->command == client::Command::kCompletion) return;
  ONCE_ASSERT(client::has_program(arguments->command) == !arguments->program.empty());
  ONCE_ASSERT(arguments->wait_s >= 0 && arguments->ttl_s >= 1 && arguments->ttl_s <= 3600);
  ONCE_ASSERT(!arguments->name.empty() && arguments->name.size() <= kMaxNameBytes);
  ONCE_ASSERT(arguments->name.front() != '_');
}

void try_bench(const ArgumentList& list) {
  const auto options = bench::parse_options(list.count(), list.pointers.data());
  if (!options) return check_exit(options.error(), 2);
  ONCE_ASSERT(!options->endpoints.empty() && options->connections >= 1);
  ONCE_ASSERT(options->in_flight >= 1 && options->share() <= kMaxInFlightPerConnection);
  ONCE_ASSERT(options->value_bytes <= kMaxValueBytes && options->timeout_ms >= 1);
  ONCE_ASSERT(options->seconds > 0 && options->warmup_seconds >= 0 && options->rate >= 0);
}

}  // namespace
}  // namespace once::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace once::fuzz;
  Input input(data, size);
  switch (input.byte() % 3) {
    case 0:
      try_server(ArgumentList(input, "onced"));
      break;
    case 1:
      try_client(ArgumentList(input, "once"));
      break;
    default:
      try_bench(ArgumentList(input, "once-bench"));
  }
  return 0;
}

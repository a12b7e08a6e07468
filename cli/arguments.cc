#include "cli/arguments.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/endpoints.h"
#include "base/hex.h"
#include "base/parse_number.h"
#include "base/printable.h"
#include "base/usage.h"
#include "cli/command_tree.h"
#include "cli/output.h"
#include "client/client.h"
#include "paxos/change.h"

namespace once::client {
namespace {

constexpr const char* kExamples =
    "  once write leader node-7             exactly one caller wins; the others exit\n"
    "                                       with code 3 and are told who won\n"
    "  once read leader                     prints what won\n"
    "  once next tickets                    a number that nobody else gets\n"
    "  once run report -- make report       a command once in the whole cluster\n"
    "  once lock nightly -- ./backup.sh     a command while nobody else runs it\n"
    "  once list                            the names that are there\n"
    "  once status                          the nodes, and how they are\n"
    "No cluster yet? `make run` or `onced dev` starts one on this machine.\n";

tl::unexpected<EarlyExit> wrong_usage(const std::string& message) {
  return tl::unexpected(EarlyExit{kExitUsage, "", "once: " + printable(message) + "\n"});
}

// Digits alone, no sign, and within what a version can be.
bool read_version(const std::string& text, uint64_t& version) {
  const auto number = parse_number<uint64_t>(text);
  version = number.value_or(0);
  return number && version <= paxos::kMaxVersion;
}

std::optional<EarlyExit> read_words(const std::vector<const char*>& words, Arguments& arguments,
                                    Texts& texts) {
  const CommandLine line = make_command_tree(arguments, texts);
  const int argc = static_cast<int>(words.size());
  const char* const* argv = words.data();
  const CommandWord app = line.all();
  if (argc <= 1) return EarlyExit{kExitUsage, "", short_help(app, kExamples)};
  if (const std::string wrong = wrong_word(app, argc, argv); !wrong.empty()) {
    return EarlyExit{kExitUsage, "", printable(wrong, Shown::kLines)};
  }
  auto early = line.parse(argc, argv, kExitUsage);
  if (early && early->code != 0) early->err = with_usage(app, early->err);
  if (early) return early;
  if (texts.version_wanted) return EarlyExit{0, version_text() + "\n", ""};
  if (!texts.help_wanted) return std::nullopt;
  const auto help = help_about(app, texts.topic);
  if (help) return EarlyExit{0, *help, ""};
  return EarlyExit{kExitUsage, "", no_such_command(app, texts.topic)};
}

bool starts_program(const std::vector<const char*>& words) {
  Arguments arguments;
  Texts texts;
  const CommandLine line = make_command_tree(arguments, texts);
  const std::string command =
      command_word(line.all(), static_cast<int>(words.size()), words.data());
  return command == "run" || command == "lock";
}

constexpr const char* kPlaceholder = "COMMAND";  // for the words of a program

// `words` end with -- and the placeholder, and are wrong, where the parser blames what is right:
// the placeholder was taken for the name, or a word that is not in its place for the program.
std::optional<EarlyExit> explain_before_program(std::vector<const char*> words,
                                                const Arguments& taken) {
  Arguments arguments;
  Texts texts;
  if (taken.name == kPlaceholder && taken.program.empty()) {
    words.resize(words.size() - 2);
    return read_words(words, arguments, texts);
  }
  words.erase(words.end() - 2);
  if (read_words(words, arguments, texts) || arguments.program.size() < 2) return std::nullopt;
  return wrong_usage("'" + arguments.program.front() + "' stands before --; only NAME does")
      .value();
}

// The words behind -- are the program's, as they are: to the parser of options some would have a
// meaning. It sees one in their place.
std::optional<EarlyExit> read_with_program(std::vector<const char*> words, Arguments& arguments,
                                           Texts& texts) {
  const auto mark = std::find_if(words.begin(), words.end(),
                                 [](const char* word) { return std::string_view(word) == "--"; });
  std::vector<std::string> program;
  if (mark != words.end()) program.assign(mark + 1, words.end());
  if (!program.empty()) words.erase(mark + 1, words.end());
  if (!program.empty()) words.push_back(kPlaceholder);
  auto early = read_words(words, arguments, texts);
  if (early && !program.empty()) {
    if (auto better = explain_before_program(words, arguments)) return better;
  }
  if (early) return early;
  if (!has_program(arguments.command)) return std::nullopt;
  if (program.empty()) {
    return wrong_usage("the command to run comes last, behind --: NAME -- COMMAND...").value();
  }
  arguments.program = std::move(program);
  return std::nullopt;
}

// Who is to be mended: a variable is easily forgotten.
std::string source_of_endpoints(const Texts& texts) {
  const char* variable = std::getenv(kEndpointsVariable);
  const bool is_it = variable != nullptr && texts.endpoints == variable;
  return std::string(is_it ? kEndpointsVariable : "--endpoints") + ": ";
}

// Which cluster, and which change: what is wrong with the words that say so, or nothing.
std::string read_identities(const Texts& texts, Arguments& arguments) {
  std::string wrong;
  if (!texts.endpoints_given) wrong = empty_variable(kEndpointsVariable);
  if (wrong.empty() && !texts.cluster_id) wrong = empty_variable(kClusterIdVariable);
  if (!wrong.empty()) return wrong;
  auto endpoints = split_endpoints(texts.endpoints);
  if (!endpoints) return source_of_endpoints(texts) + endpoints.error().message;
  arguments.endpoints = std::move(*endpoints);
  arguments.cluster_id = texts.cluster_id;
  if (texts.cluster_id && !cluster_id_of_hex(*texts.cluster_id)) {
    return std::string("--cluster-id needs ") + kClusterIdForm;
  }
  if (!texts.request_id) return {};
  arguments.request_id = request_id_of_hex(*texts.request_id);
  if (!arguments.request_id) {
    return "--request-id needs 1 to 32 hexadecimal digits" +
           std::string(texts.request_id->empty() ? ", and is empty" : "");
  }
  if (arguments.request_id == RequestId{}) {
    return "--request-id is 0, which names no request: give the id that was printed";
  }
  return {};
}

// A lock is renewed after a third of its TTL: half of that at least must be left to try.
std::string read_grace(const Texts& texts, Arguments& arguments) {
  const double ttl_ms = static_cast<double>(arguments.ttl_s) * 1000;
  const double grace_ms = texts.grace_s ? *texts.grace_s * 1000 : ttl_ms / 3;
  arguments.grace_ms = static_cast<int64_t>(grace_ms);
  if (grace_ms <= ttl_ms / 2) return {};
  return "--grace may be half of --ttl at most: the rest is for renewing the lock";
}

}  // namespace

tl::expected<Arguments, EarlyExit> parse_arguments(int argc, const char* const* argv) {
  Arguments arguments;
  Texts texts;
  const std::vector<const char*> words(argv, argv + argc);
  auto early = starts_program(words) ? read_with_program(words, arguments, texts)
                                     : read_words(words, arguments, texts);
  if (early) return tl::unexpected(std::move(*early));
  if (arguments.command == Command::kCompletion) return arguments;
  std::string wrong = read_identities(texts, arguments);
  if (!wrong.empty()) return wrong_usage(wrong);
  if (arguments.command == Command::kList && arguments.json && arguments.ends_in_nul) {
    return wrong_usage("--null is for names alone, and --json keeps every name whole: give one");
  }
  if (arguments.command == Command::kStatus || arguments.command == Command::kList) {
    return arguments;
  }
  if (!read_version(texts.version, arguments.version)) {
    return wrong_usage("'" + texts.version + "' is not a version: a whole number from 0 to " +
                       std::to_string(paxos::kMaxVersion));
  }
  if (arguments.command == Command::kLock) wrong = read_grace(texts, arguments);
  if (wrong.empty()) wrong = check_name(arguments.name);
  if (!wrong.empty()) return wrong_usage(wrong);
  return arguments;
}

}  // namespace once::client

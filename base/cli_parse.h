// The one way in which the programs read their command line through CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "base/early_exit.h"
#include "base/printable.h"

namespace once {

// For an option whose empty value (of a variable that is not set, most likely) must not pass for
// one that was left out.
inline std::string not_empty(const std::string& value) {
  return value.empty() ? "it is empty; leave the option out, or give it a value" : std::string();
}

// The same of a variable that stands for an option: what is wrong, or nothing.
inline std::string empty_variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value != '\0') return {};
  return std::string(name) + " is set, but empty; unset it, or give it a value";
}

// `--option=` with nothing behind it: CLI11 would take the next word for its value.
inline std::string option_without_value(int argc, const char* const* argv) {
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    const std::string_view word = argv[i];
    if (word.size() > 3 && word.substr(0, 2) == "--" && word.find('=') == word.size() - 1) {
      return std::string(word) + " has no value behind it; leave the option out, or give it one";
    }
  }
  return {};
}

// Empty: what the options of `app` are bound to is filled. Otherwise help (code 0), or what is
// wrong (`usage_code`). Prints nothing.
inline std::optional<EarlyExit> parse_cli(CLI::App& app, int argc, const char* const* argv,
                                          int usage_code) {
  if (const std::string wrong = option_without_value(argc, argv); !wrong.empty()) {
    return EarlyExit{usage_code, "", app.get_name() + ": " + printable(wrong) + "\n"};
  }
  // It quotes words that were given, and they do not begin lines of their own.
  app.failure_message([](const CLI::App* which, const CLI::Error& problem) {
    const auto code = static_cast<CLI::ExitCodes>(problem.get_exit_code());
    const CLI::Error quoted(problem.get_name(), printable(problem.what()), code);
    return CLI::FailureMessage::simple(which, quoted);
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    std::ostringstream out, err;
    const int code = app.exit(problem, out, err) == 0 ? 0 : usage_code;
    return EarlyExit{code, out.str(), err.str()};
  }
  return std::nullopt;
}

}  // namespace once

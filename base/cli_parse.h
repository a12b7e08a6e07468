// The one way in which the programs read their command line through CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <sstream>

#include "base/early_exit.h"

namespace once {

// Empty: what the options of `app` are bound to is filled. Otherwise help (code 0), or what is
// wrong (`usage_code`). Prints nothing.
inline std::optional<EarlyExit> parse_cli(CLI::App& app, int argc, const char* const* argv,
                                          int usage_code) {
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

// What a command line asks for instead of a run: help, or to be told what is wrong with it.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>

#include "base/output.h"
#include "base/printable.h"

namespace once {

struct EarlyExit {
  int code = 0;
  std::string out;  // for standard output
  std::string err;  // for standard error
};

// Says it; returns the code to exit with. Help that cannot be shown is no success.
inline int say(const EarlyExit& exit) {
  constexpr int kNotShown = 1;
  int code = exit.code;
  if (!write_all(STDOUT_FILENO, exit.out)) {
    tell_line(std::string("cannot write to standard output: ") + std::strerror(errno));
    if (code == 0) code = kNotShown;
  }
  tell_people(printable(exit.err, Shown::kLines));  // it quotes words that were given
  return code;
}

}  // namespace once

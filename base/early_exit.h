// What a command line asks for instead of a run: help, or to be told what is wrong with it.
#pragma once

#include <cstdio>
#include <string>

#include "base/printable.h"

namespace once {

struct EarlyExit {
  int code = 0;
  std::string out;  // for standard output
  std::string err;  // for standard error
};

// Says it; returns the code to exit with.
inline int say(const EarlyExit& exit) {
  std::fwrite(exit.out.data(), 1, exit.out.size(), stdout);
  std::fflush(stdout);
  const std::string err = printable(exit.err, Shown::kLines);  // it quotes words that were given
  std::fwrite(err.data(), 1, err.size(), stderr);
  return exit.code;
}

}  // namespace once

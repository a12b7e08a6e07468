// A time as people read it: in the unit in which it has one to three digits before the point.
#pragma once

#include <fmt/format.h>

#include <string>

namespace once::bench {

inline std::string time_text(double ns) {
  const double us = ns / 1e3;
  if (us < 999.95) return fmt::format("{:.1f} us", us);
  if (us < 999'995) return fmt::format("{:.2f} ms", us / 1e3);
  return fmt::format("{:.2f} s", us / 1e6);
}

}  // namespace once::bench

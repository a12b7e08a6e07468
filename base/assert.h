// Assertions that stay on in release: a broken invariant must stop the process before it can
// answer. For programmer errors only; untrusted input gets a reason back, never an assertion.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/last_words.h"

namespace once {
[[noreturn, gnu::cold, gnu::noinline]] inline void assertion_failed(const char* expression,
                                                                    const char* file, int line) {
  char text[1024];
  const int size =
      std::snprintf(text, sizeof text, "assertion failed: %s at %s:%d", expression, file, line);
  die_saying({text, std::min(static_cast<size_t>(std::max(size, 0)), sizeof text - 1)});
}
}  // namespace once

#define ONCE_ASSERT(expression)        \
  (__builtin_expect(!!(expression), 1) \
       ? (void)0                       \
       : ::once::assertion_failed(#expression, __FILE__, __LINE__))

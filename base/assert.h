// Assertions that stay on in release: a broken invariant must stop the process before it can
// answer. For programmer errors only; untrusted input gets a reason back, never an assertion.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace once {
[[noreturn]] inline void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "assertion failed: %s at %s:%d\n", expression, file, line);
  std::abort();
}
}  // namespace once

#define ONCE_ASSERT(expression)        \
  (__builtin_expect(!!(expression), 1) \
       ? (void)0                       \
       : ::once::assertion_failed(#expression, __FILE__, __LINE__))

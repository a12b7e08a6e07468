// The last net of a program: what a library throws, on any thread, ends it with a reason and a code
// of its own, never with a core dump. Broken invariants are for ONCE_ASSERT, which aborts.
#pragma once

#include <unistd.h>

#include <atomic>
#include <exception>
#include <new>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "base/last_words.h"

namespace once {

// What such an end exits with. Set it anew when a change that cannot be undone may have begun.
inline std::atomic<int> code_of_surprise{1};

namespace guard_parts {

inline std::atomic<const char*> program{"once"};

// No memory may be left to put words together in.
inline void say(const char* what, const char* more) {
  char line[1024];
  size_t size = 0;
  for (const std::string_view part :
       {std::string_view(program.load()), std::string_view(": "), std::string_view(what),
        std::string_view(more), std::string_view("\n")}) {
    size += part.copy(line + size, sizeof line - size);
  }
  say_briefly({line, size}, 1000);
}

// REQUIRES: an exception is being handled.
inline void say_what_was_thrown() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    say("out of memory", "");
  } catch (const std::system_error& failure) {
    say("the system refused something: ", failure.what());
  } catch (const std::exception& failure) {
    say("unexpected: ", failure.what());
  } catch (...) {
    say("unexpected: an exception of no known kind", "");
  }
}

[[noreturn]] inline void on_terminate() {
  if (std::current_exception()) {
    say_what_was_thrown();
  } else {
    say("unexpected: ended without a reason", "");
  }
  ::_exit(code_of_surprise.load());
}

}  // namespace guard_parts

// The exit code that `body` returns; or, when it throws, the one that was set for that.
template <class Body>
int guarded_main(const char* program, Body body) {
  guard_parts::program = program;
  std::set_terminate(guard_parts::on_terminate);
  try {
    return body();
  } catch (...) {
    guard_parts::say_what_was_thrown();
    return code_of_surprise.load();
  }
}

}  // namespace once

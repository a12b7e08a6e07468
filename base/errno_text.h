// What the system refused, for the log of a node: in words, and with the number that is looked up.
// (Who reads a command's complaint gets the words alone: std::strerror.) Any thread.
#pragma once

#include <string>
#include <system_error>

namespace once {

// "No space left on device (errno 28)".
inline std::string errno_text(int error_number) {
  return std::generic_category().message(error_number) + " (errno " + std::to_string(error_number) +
         ")";
}

}  // namespace once

// The process log: one line on standard error for each event, for people and for journald; bytes
// that are not printable, of whomever they are, as escapes. Any thread.
#pragma once

#include <string_view>

namespace once::server {

void log_info(std::string_view text);
void log_warning(std::string_view text);
void log_error(std::string_view text);

}  // namespace once::server

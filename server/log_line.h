// The process log: one line on standard error for each event, for people and for journald; bytes
// that are not printable, of whomever they are, as escapes. Any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace once::server {

void log_info(std::string_view text);
void log_warning(std::string_view text);
void log_error(std::string_view text);

// From now on a thread of the log's own writes the lines, and none of the calls above ever waits
// for whoever reads them. Assertions and what else ends the process by itself speak through the log
// too. Once, before the first loop runs.
void log_in_background();
// Gives what is still to be written one second.
void finish_log();
// For a process that ends now: an error that is not left out for want of room, then finish_log().
void log_last_error(std::string_view text);

}  // namespace once::server

// Sockets to listen on, and words for what the kernel refuses. Stateless; any thread.
#pragma once

#include <string>

#include "base/result.h"

namespace once::reactor {

// "No space left on device (errno 28)".
std::string errno_text(int error_number);

// A blocking listening socket on the first address of "HOST:PORT" or "[V6]:PORT", or an error that
// names it and says what to do. A name is looked up in the calling thread, which waits: for starts.
Result<int> open_listen_socket(const std::string& address);

void set_no_delay(int fd);
void set_reset_at_end(int fd);

}  // namespace once::reactor

// Sockets to listen on, and what is asked of every socket. Stateless; any thread.
#pragma once

#include <string>

#include "base/descriptor.h"
#include "base/result.h"

namespace once::reactor {

// A blocking listening socket on the first address of "HOST:PORT" or "[V6]:PORT", or an error that
// names it and says what to do. A name is looked up in the calling thread, which waits: for starts.
Result<Descriptor> open_listen_socket(const std::string& address);

void set_no_delay(int fd);
void set_reset_at_end(int fd);
// Ends a connection whose other end is gone without a word: 90 s after it was heard of last,
// whether or not there is something to send. Of a listening socket: for all that it accepts.
void set_end_of_silence(int fd);

}  // namespace once::reactor

// "HOST:PORT" or "[V6]:PORT" to a socket address, and words for what the kernel refuses.
// Stateless; any thread. A host name is looked up in the calling thread and may block: the loop's
// callers give numeric addresses or names of /etc/hosts.
#pragma once

#include <sys/socket.h>

#include <string>

#include "base/result.h"

namespace once::reactor {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Result<SocketAddress> resolve(const std::string& address, bool passive);

// "No space left on device (errno 28)".
std::string errno_text(int error_number);

// A blocking listening socket, or an error that names the address and what to do.
Result<int> open_listen_socket(const std::string& address);

void set_no_delay(int fd);
void set_reset_at_end(int fd);

}  // namespace once::reactor

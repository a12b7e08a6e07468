#include "client/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>

#include "base/port.h"

namespace once::client {
namespace {

constexpr unsigned kUserTimeoutMs = 5000;  // unacknowledged bytes for so long: the peer is gone

void set_option(int fd, int level, int name, int value) {
  // Best effort: each of these only makes a working connection better.
  (void)setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace

void FileDescriptor::reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

once::Result<FileDescriptor> begin_connect(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == address.size()) {
    return error("\"" + address + "\" is not HOST:PORT");
  }
  if (!is_port(std::string_view(address).substr(colon + 1))) {
    return error("\"" + address + "\" has no port: write HOST:PORT, with PORT in 0..65535");
  }
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found);
  if (failed != 0) return error("cannot look up " + address + ": " + gai_strerror(failed));
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list(found, &freeaddrinfo);
  int cause = 0;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    FileDescriptor fd(socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) {
      cause = errno;
      continue;
    }
    set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
    // However this process ends, the node hears that it is gone, and not merely that it asks
    // nothing more: of such a one it keeps the waits.
    const linger reset{1, 0};
    (void)setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (connect(fd.get(), at->ai_addr, at->ai_addrlen) == 0 || errno == EINPROGRESS) return fd;
    cause = errno;
  }
  return error(std::string("cannot connect: ") + std::strerror(cause));
}

std::string connect_failure(const FileDescriptor& socket) {
  int cause = 0;
  socklen_t size = sizeof cause;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &cause, &size) != 0) cause = errno;
  return cause == 0 ? std::string() : std::string("cannot connect: ") + std::strerror(cause);
}

}  // namespace once::client

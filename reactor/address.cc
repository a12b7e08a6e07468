#include "reactor/address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include "base/port.h"

namespace once::reactor {
namespace {

constexpr int kListenBacklog = 4096;  // the kernel lowers it to net.core.somaxconn

int lookup(const std::string& host, const std::string& port, int flags, addrinfo** found) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  return getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, found);
}

std::string listen_error(const std::string& address, int error_number) {
  std::string text = "cannot listen on " + address + ": ";
  switch (error_number) {
    case EADDRINUSE:
      return text + "port in use by another process; choose another --listen or stop that process";
    case EADDRNOTAVAIL:
      return text + "this machine has no such address; choose another --listen";
    case EACCES:
      return text + "permission denied; ports below 1024 need privileges, choose another --listen";
    default:
      return text + errno_text(error_number);
  }
}

}  // namespace

std::string errno_text(int error_number) {
  return std::generic_category().message(error_number) + " (errno " + std::to_string(error_number) +
         ")";
}

Result<SocketAddress> resolve(const std::string& address, bool passive) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon + 1 == address.size()) {
    return error("address \"" + address + "\" is not HOST:PORT");
  }
  std::string host = address.substr(0, colon);
  const std::string port = address.substr(colon + 1);
  if (!is_port(port)) {
    return error("address \"" + address + "\" has no port: write HOST:PORT, with PORT in 0..65535");
  }
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const int flags = passive ? AI_PASSIVE : 0;
  addrinfo* found = nullptr;
  int code = lookup(host, port, flags | AI_NUMERICHOST, &found);
  if (code == EAI_NONAME) code = lookup(host, port, flags, &found);
  if (code != 0) {
    const std::string why = code == EAI_SYSTEM ? errno_text(errno) : gai_strerror(code);
    return error("cannot resolve \"" + address + "\": " + why + "; check the host name and port");
  }
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  SocketAddress result;
  std::memcpy(&result.storage, found->ai_addr, found->ai_addrlen);
  result.size = found->ai_addrlen;
  return result;
}

Result<int> open_listen_socket(const std::string& address) {
  const Result<SocketAddress> where = resolve(address, true);
  if (!where) return tl::unexpected<Error>(where.error());
  const int fd = socket(where->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return error(listen_error(address, errno));
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, where->get(), where->size) != 0 || ::listen(fd, kListenBacklog) != 0) {
    const int error_number = errno;
    ::close(fd);
    return error(listen_error(address, error_number));
  }
  return fd;
}

void set_no_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void set_reset_at_end(int fd) {
  const linger reset{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

}  // namespace once::reactor

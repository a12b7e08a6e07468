#include "reactor/address.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/errno_text.h"
#include "base/name_resolver.h"

namespace once::reactor {
namespace {

constexpr int kListenBacklog = 4096;  // the kernel lowers it to net.core.somaxconn

// The time-out for what was sent and not acknowledged also ends a connection that probes find dead,
// so it is what the probes take.
constexpr int kProbeAfterS = 60;
constexpr int kProbeEveryS = 10;
constexpr int kProbes = 3;
constexpr int kSilenceMs = (kProbeAfterS + kProbes * kProbeEveryS) * 1000;

std::string listen_error(const std::string& address, int error_number) {
  std::string text = "cannot listen on " + address + ": ";
  switch (error_number) {
    case EADDRINUSE:
      return text + "port in use by another process; stop that process";
    case EADDRNOTAVAIL:
      return text + "this machine has no such address";
    case EACCES:
      return text + "permission denied; ports below 1024 need privileges";
    default:
      return text + errno_text(error_number);
  }
}

}  // namespace

Result<Descriptor> open_listen_socket(const std::string& address) {
  const Result<SocketAddresses> found = resolve_now(address, true);
  if (!found) return tl::unexpected<Error>(found.error());
  const SocketAddress& where = found->front();
  Descriptor fd(socket(where.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return error(listen_error(address, errno));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  set_end_of_silence(fd.get());
  if (bind(fd.get(), where.get(), where.size) != 0 || ::listen(fd.get(), kListenBacklog) != 0) {
    return error(listen_error(address, errno));
  }
  return fd;
}

void set_no_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void set_end_of_silence(int fd) {
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kProbeAfterS, sizeof kProbeAfterS);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kProbeEveryS, sizeof kProbeEveryS);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof kProbes);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kSilenceMs, sizeof kSilenceMs);
}

void set_reset_at_end(int fd) {
  const linger reset{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

}  // namespace once::reactor

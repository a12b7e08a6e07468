#include "client/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace once::client {
namespace {

constexpr unsigned kUserTimeoutMs = 5000;  // unacknowledged bytes for so long: the peer is gone
constexpr int64_t kLongestTurnNs = 500'000'000;  // of an address while another one waits

void set_option(int fd, int level, int name, int value) {
  // Best effort: each of these only makes a working connection better.
  (void)setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace

once::Result<Descriptor> begin_connect(const SocketAddress& where) {
  Descriptor fd(socket(where.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return error(std::strerror(errno));
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
  // However this process ends, the node hears that it is gone, and not merely that it asks nothing
  // more: of such a one it keeps the waits.
  const linger reset{1, 0};
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  if (connect(fd.get(), where.get(), where.size) == 0 || errno == EINPROGRESS) return fd;
  return error(std::strerror(errno));
}

std::string connect_failure(const Descriptor& socket) {
  int cause = 0;
  socklen_t size = sizeof cause;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &cause, &size) != 0) cause = errno;
  return cause == 0 ? std::string() : std::string(std::strerror(cause));
}

once::Result<Descriptor> connect_until(NameResolver& names, const std::string& address,
                                       int64_t deadline_ns) {
  auto found = names.find_until(address, deadline_ns);
  if (found.pending()) return error(kNameOverdue);
  if (!found.trouble.empty()) return error(found.trouble);
  Dial dial(std::move(found.addresses), address, deadline_ns);
  while (dial.next()) {
    const std::string why = wait_for(dial.socket(), POLLOUT, dial.turn_ends_ns());
    const std::string failure = why.empty() ? connect_failure(dial.socket()) : why;
    if (failure.empty()) return dial.take();
    dial.refused(failure);
  }
  return error(dial.why());
}

std::string wait_for(const Descriptor& socket, short events, int64_t deadline_ns) {
  while (true) {
    const int64_t left_ms = (deadline_ns - now_ns() + 999'999) / 1'000'000;
    if (left_ms <= 0) return "no answer in time";
    pollfd entry{socket.get(), events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(left_ms));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return std::strerror(errno);
  }
}

Dial::Dial(SocketAddresses addresses, std::string address, int64_t deadline_ns)
    : addresses_(std::move(addresses)), address_(std::move(address)), deadline_ns_(deadline_ns) {}

bool Dial::next() {
  while (tried_ < addresses_.size()) {
    ++tried_;
    auto socket = begin_connect(addresses_[tried_ - 1]);
    if (!socket) {
      refused(socket.error().message);
      continue;
    }
    socket_ = std::move(*socket);
    // One that says nothing takes its share of the time, and leaves the rest to the others.
    const auto left = static_cast<int64_t>(addresses_.size() - tried_ + 1);
    const int64_t now = now_ns();
    const int64_t share = std::min(kLongestTurnNs, (deadline_ns_ - now) / left);
    turn_ends_ns_ = left == 1 ? deadline_ns_ : now + std::max<int64_t>(0, share);
    return true;
  }
  return false;
}

// A name's addresses are told apart; what was written as an address is named already.
void Dial::refused(const std::string& why) {
  const std::string where = to_text(addresses_[tried_ - 1]);
  if (!refusals_.empty()) refusals_ += "; ";
  if (where != address_) refusals_ += where + ": ";
  refusals_ += why;
}

}  // namespace once::client

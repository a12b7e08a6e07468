#include "client/connection_pool.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "net/client_codec.h"

namespace once::client {
namespace {

constexpr uint64_t kWakeTag = ~uint64_t{0};
constexpr size_t kReadBytes = 256 * 1024;
constexpr size_t kEventsPerPoll = 64;
constexpr int64_t kLongestWaitMs = 1000;

// Tells the session what came in on one path.
class Arrival final : public net::ClientChannelHandler {
 public:
  Arrival(Session& session, PathId path, const ForkMark& mark)
      : session_(session), path_(path), mark_(mark) {}
  void on_hello(const net::ServerHello& hello) override {
    session_.on_ready(path_, hello, now_ns());
  }
  void on_reply(uint64_t correlation, const paxos::ClientReply& reply) override {
    // After a fork() in a callback this runs in the child too: these answers are the parent's.
    if (!mark_.in_child()) session_.on_reply(path_, correlation, reply, now_ns());
  }
  void on_dismissed() override { dismissed_ = true; }
  bool dismissed() const { return dismissed_; }

 private:
  Session& session_;
  PathId path_;
  const ForkMark& mark_;
  bool dismissed_ = false;
};

}  // namespace

once::Result<std::unique_ptr<ConnectionPool>> ConnectionPool::make(
    std::shared_ptr<NameResolver> names) {
  std::unique_ptr<ConnectionPool> pool(new ConnectionPool(std::move(names)));
  pool->scratch_.resize(kReadBytes);
  pool->epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  pool->event_.reset(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeTag;
  if (!pool->epoll_ || !pool->event_ ||
      epoll_ctl(pool->epoll_.get(), EPOLL_CTL_ADD, pool->event_.get(), &event) != 0) {
    return error(std::string("cannot set up epoll: ") + std::strerror(errno));
  }
  pool->watch_ = std::make_unique<NameResolver::Watch>(*pool->names_, [pool = pool.get()] {
    pool->names_news_.store(true, std::memory_order_release);
    pool->wake();
  });
  return pool;
}

ConnectionPool::~ConnectionPool() {
  watch_.reset();
  for (PathId path = 0; path < connections_.size(); ++path) close(path);
}

void ConnectionPool::connect(PathId path, const std::string& address, uint16_t core) {
  if (mark_.in_child()) return;  // a thread that is not there may hold a lock of the names
  if (path >= connections_.size()) connections_.resize(path + 1);
  Connection& connection = connections_[path];
  connection.address = address;
  connection.core = core;
  connection.deadline_ns = now_ns() + kConnectTimeoutNs;
  find_addresses(path);
}

void ConnectionPool::find_addresses(PathId path) {
  Connection& connection = connections_[path];
  auto found = names_->find(connection.address);
  connection.state = State::kNaming;
  if (found.pending()) return;
  if (!found.trouble.empty()) {
    return give_up(path, std::move(found.trouble));
  }
  connection.dial = Dial(std::move(found.addresses), connection.address, connection.deadline_ns);
  connect_next(path);
}

void ConnectionPool::connect_next(PathId path) {
  Connection& connection = connections_[path];
  ++connection.generation;
  if (!connection.dial.next()) {
    return give_up(path, connection.dial.why());
  }
  connection.state = State::kConnecting;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  event.data.u64 = (uint64_t{connection.generation} << 32) | path;
  connection.wants_writable = true;
  const int fd = connection.dial.socket().get();
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return give_up(path, std::string("cannot watch the socket: ") + std::strerror(errno));
  }
  if (connection.dial.has_more()) {
    next_turn_ns_ = std::min(next_turn_ns_, connection.dial.turn_ends_ns());
  }
}

void ConnectionPool::go_on_connecting(PathId path, const std::string& refusal) {
  Connection& connection = connections_[path];
  forget(connection.dial.socket());
  connection.dial.refused(refusal);
  connect_next(path);
}

void ConnectionPool::give_up(PathId path, std::string why) {
  close(path);
  failed_.emplace_back(path, std::move(why));
}

// Addresses that say nothing, while others wait for their turn.
void ConnectionPool::end_turns() {
  const int64_t now = now_ns();
  if (now < next_turn_ns_) return;
  next_turn_ns_ = kNoTurn;
  for (PathId path = 0; path < connections_.size(); ++path) {
    const Connection& connection = connections_[path];
    if (connection.state != State::kConnecting || !connection.dial.has_more()) continue;
    const int64_t ends_ns = connection.dial.turn_ends_ns();
    if (now < ends_ns) {
      next_turn_ns_ = std::min(next_turn_ns_, ends_ns);
    } else {
      go_on_connecting(path, "no answer in time");
    }
  }
}

void ConnectionPool::take_in_names() {
  if (!names_news_.exchange(false, std::memory_order_acq_rel)) return;
  for (PathId path = 0; path < connections_.size(); ++path) {
    if (connections_[path].state == State::kNaming) find_addresses(path);
  }
}

std::string ConnectionPool::delay(PathId path) const {
  const bool naming = path < connections_.size() && connections_[path].state == State::kNaming;
  return naming ? kNameOverdue : "";
}

std::string ConnectionPool::silence(PathId path) const {
  if (path >= connections_.size()) return {};
  const Connection& connection = connections_[path];
  const bool silent = connection.state == State::kOpen && !connection.channel.ready();
  return silent ? net::kWordsAboutSilence : "";
}

bool ConnectionPool::send(PathId path, uint64_t correlation, const paxos::ClientRequest& request) {
  if (path >= connections_.size()) return false;
  Connection& connection = connections_[path];
  if (!connection.channel.ready()) return false;
  if (connection.out.size() - connection.out_begin + kMaxFrameBytes > kMaxOutboxBytes) return false;
  net::encode_request(correlation, request, connection.out);
  mark_dirty(path);
  return true;
}

void ConnectionPool::close(PathId path) {
  if (path >= connections_.size()) return;
  Connection& connection = connections_[path];
  forget(connection.dial.socket());
  forget(connection.fd);
  connection.dial = {};
  connection.fd.reset();
  ++connection.generation;
  std::erase_if(failed_, [path](const auto& each) { return each.first == path; });
  connection.state = State::kClosed;
  connection.channel.close();
  connection.out.clear();
  connection.out_begin = 0;
}

// A child of fork() may hold the socket as well: closing alone would neither end the connection nor
// take it out of the epoll set, which would then report it for ever.
void ConnectionPool::forget(const Descriptor& socket) {
  if (!socket || mark_.in_child()) return;
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket.get(), nullptr);
  (void)shutdown(socket.get(), SHUT_RDWR);
}

void ConnectionPool::fail(Session& session, PathId path, std::string_view why) {
  ++failures_;
  close(path);
  session.on_closed(path, why, now_ns());
}

void ConnectionPool::mark_dirty(PathId path) {
  if (connections_[path].dirty) return;
  connections_[path].dirty = true;
  dirty_.push_back(path);
}

void ConnectionPool::wake() {
  const uint64_t one = 1;
  // A full counter wakes the thread just as well.
  [[maybe_unused]] ssize_t written = write(event_.get(), &one, sizeof one);
}

void ConnectionPool::poll(Session& session, int64_t until_ns) {
  // A write that fails makes the session send elsewhere, and moves its timers.
  const uint64_t failures = failures_;
  while (!dirty_.empty()) flush(session);
  if (failures != failures_) until_ns = 0;
  until_ns = std::min(until_ns, next_turn_ns_);
  const int64_t now = now_ns();
  int64_t wait_ms = until_ns <= now ? 0 : kLongestWaitMs;
  if (until_ns > now && until_ns - now < kLongestWaitMs * 1'000'000) {
    wait_ms = (until_ns - now + 999'999) / 1'000'000;
  }
  if (!failed_.empty()) wait_ms = 0;
  std::array<epoll_event, kEventsPerPoll> events;
  const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                               static_cast<int>(wait_ms));
  for (int i = 0; i < count; ++i) {
    const uint64_t tag = events[i].data.u64;
    if (tag == kWakeTag) {
      uint64_t ignored;
      [[maybe_unused]] ssize_t taken = read(event_.get(), &ignored, sizeof ignored);
      continue;
    }
    const auto path = static_cast<PathId>(tag);
    if (path >= connections_.size() || connections_[path].generation != tag >> 32) continue;
    if (mark_.in_child()) return;
    handle(session, path, events[i].events);
  }
  if (mark_.in_child()) return;
  take_in_names();
  end_turns();
  tell_failed(session);
}

void ConnectionPool::tell_failed(Session& session) {
  std::vector<std::pair<PathId, std::string>> failed;
  failed.swap(failed_);
  for (const auto& [path, why] : failed) {
    if (mark_.in_child()) return;
    fail(session, path, why);
  }
}

void ConnectionPool::handle(Session& session, PathId path, uint32_t events) {
  Connection& connection = connections_[path];
  if (connection.state == State::kConnecting) {
    const std::string failure = connect_failure(connection.dial.socket());
    if (!failure.empty()) return go_on_connecting(path, failure);
    if ((events & EPOLLOUT) == 0) return;
    connection.state = State::kOpen;
    connection.fd = connection.dial.take();
    connection.dial = {};
    net::ClientHello hello;
    hello.core = connection.core;
    connection.channel.open(hello, connection.out);
    mark_dirty(path);
    return;
  }
  if (connection.state != State::kClosed && (events & EPOLLOUT) != 0) mark_dirty(path);
  if (connection.state != State::kClosed && (events & ~EPOLLOUT) != 0) receive(session, path);
}

void ConnectionPool::receive(Session& session, PathId path) {
  const ssize_t got = recv(connections_[path].fd.get(), scratch_.data(), scratch_.size(), 0);
  if (got == 0) {
    const bool ready = connections_[path].channel.ready();
    return fail(session, path,
                ready ? "the node closed the connection" : net::kWordsAboutSilentEnd);
  }
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    return fail(session, path, std::string("connection lost: ") + std::strerror(errno));
  }
  Arrival arrival(session, path, mark_);
  const std::string why =
      connections_[path].channel.feed({scratch_.data(), static_cast<size_t>(got)}, arrival);
  if (why.empty()) return;
  if (connections_[path].channel.stranger()) {
    close(path);
    return session.on_stranger(path, why, now_ns());
  }
  if (!arrival.dismissed()) return fail(session, path, why);
  close(path);
  session.on_dismissed(path, why, now_ns());
}

void ConnectionPool::flush(Session& session) {
  flushing_.swap(dirty_);
  for (PathId path : flushing_) {
    connections_[path].dirty = false;
    if (mark_.in_child()) continue;
    write_out(session, path);
  }
  flushing_.clear();
}

void ConnectionPool::write_out(Session& session, PathId path) {
  Connection& connection = connections_[path];
  if (connection.state != State::kOpen) return;
  while (connection.out_begin < connection.out.size()) {
    const ssize_t sent = ::send(connection.fd.get(), connection.out.data() + connection.out_begin,
                                connection.out.size() - connection.out_begin, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0)
      return fail(session, path, std::string("connection lost: ") + std::strerror(errno));
    connection.out_begin += static_cast<size_t>(sent);
  }
  if (connection.out_begin == connection.out.size()) {
    connection.out.clear();
    connection.out_begin = 0;
  } else if (connection.out_begin > connection.out.size() / 2) {
    connection.out.erase(connection.out.begin(),
                         connection.out.begin() + static_cast<ptrdiff_t>(connection.out_begin));
    connection.out_begin = 0;
  }
  watch(path, !connection.out.empty());
}

void ConnectionPool::watch(PathId path, bool writable) {
  Connection& connection = connections_[path];
  if (connection.wants_writable == writable) return;
  connection.wants_writable = writable;
  epoll_event event{};
  event.events = writable ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u64 = (uint64_t{connection.generation} << 32) | path;
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd.get(), &event);
}

}  // namespace once::client

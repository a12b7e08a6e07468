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

// Tells the session what came in on one lane.
class Arrival final : public net::ClientChannelHandler {
 public:
  Arrival(Session& session, LaneId lane, const ForkMark& mark)
      : session_(session), lane_(lane), mark_(mark) {}
  void on_hello(const net::ServerHello& hello) override {
    session_.on_ready(lane_, hello, now_ns());
  }
  void on_reply(uint64_t correlation, const paxos::ClientReply& reply) override {
    // After a fork() in a callback this runs in the child too: these answers are the parent's.
    if (!mark_.in_child()) session_.on_reply(lane_, correlation, reply, now_ns());
  }
  void on_dismissed() override { dismissed_ = true; }
  bool dismissed() const { return dismissed_; }

 private:
  Session& session_;
  LaneId lane_;
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
  for (LaneId lane = 0; lane < connections_.size(); ++lane) close(lane);
}

void ConnectionPool::connect(LaneId lane, const std::string& address, uint16_t core) {
  if (mark_.in_child()) return;  // a thread that is not there may hold a lock of the names
  if (lane >= connections_.size()) connections_.resize(lane + 1);
  Connection& connection = connections_[lane];
  connection.address = address;
  connection.core = core;
  connection.deadline_ns = now_ns() + kConnectTimeoutNs;
  find_addresses(lane);
}

void ConnectionPool::find_addresses(LaneId lane) {
  Connection& connection = connections_[lane];
  auto found = names_->find(connection.address);
  connection.state = State::kNaming;
  if (found.pending()) return;
  if (!found.trouble.empty()) {
    return give_up(lane, std::move(found.trouble));
  }
  connection.dial = Dial(std::move(found.addresses), connection.address, connection.deadline_ns);
  connect_next(lane);
}

void ConnectionPool::connect_next(LaneId lane) {
  Connection& connection = connections_[lane];
  ++connection.generation;
  if (!connection.dial.next()) {
    return give_up(lane, connection.dial.why());
  }
  connection.state = State::kConnecting;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  event.data.u64 = (uint64_t{connection.generation} << 32) | lane;
  connection.wants_writable = true;
  const int fd = connection.dial.socket().get();
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return give_up(lane, std::string("cannot watch the socket: ") + std::strerror(errno));
  }
  if (connection.dial.has_more()) {
    next_turn_ns_ = std::min(next_turn_ns_, connection.dial.turn_ends_ns());
  }
}

void ConnectionPool::go_on_connecting(LaneId lane, const std::string& refusal) {
  Connection& connection = connections_[lane];
  forget(connection.dial.socket());
  connection.dial.refused(refusal);
  connect_next(lane);
}

void ConnectionPool::give_up(LaneId lane, std::string why) {
  close(lane);
  failed_.emplace_back(lane, std::move(why));
}

// Addresses that say nothing, while others wait for their turn.
void ConnectionPool::end_turns() {
  const int64_t now = now_ns();
  if (now < next_turn_ns_) return;
  next_turn_ns_ = kNoTurn;
  for (LaneId lane = 0; lane < connections_.size(); ++lane) {
    const Connection& connection = connections_[lane];
    if (connection.state != State::kConnecting || !connection.dial.has_more()) continue;
    const int64_t ends_ns = connection.dial.turn_ends_ns();
    if (now < ends_ns) {
      next_turn_ns_ = std::min(next_turn_ns_, ends_ns);
    } else {
      go_on_connecting(lane, "no answer in time");
    }
  }
}

void ConnectionPool::take_in_names() {
  if (!names_news_.exchange(false, std::memory_order_acq_rel)) return;
  for (LaneId lane = 0; lane < connections_.size(); ++lane) {
    if (connections_[lane].state == State::kNaming) find_addresses(lane);
  }
}

std::string ConnectionPool::delay(LaneId lane) const {
  const bool naming = lane < connections_.size() && connections_[lane].state == State::kNaming;
  return naming ? kNameOverdue : "";
}

bool ConnectionPool::send(LaneId lane, uint64_t correlation, const paxos::ClientRequest& request) {
  if (lane >= connections_.size()) return false;
  Connection& connection = connections_[lane];
  if (!connection.channel.ready()) return false;
  if (connection.out.size() - connection.out_begin + kMaxFrameBytes > kMaxOutboxBytes) return false;
  net::encode_request(correlation, request, connection.out);
  mark_dirty(lane);
  return true;
}

void ConnectionPool::close(LaneId lane) {
  if (lane >= connections_.size()) return;
  Connection& connection = connections_[lane];
  forget(connection.dial.socket());
  forget(connection.fd);
  connection.dial = {};
  connection.fd.reset();
  ++connection.generation;
  std::erase_if(failed_, [lane](const auto& each) { return each.first == lane; });
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

void ConnectionPool::fail(Session& session, LaneId lane, std::string_view why) {
  ++failures_;
  close(lane);
  session.on_closed(lane, why, now_ns());
}

void ConnectionPool::mark_dirty(LaneId lane) {
  if (connections_[lane].dirty) return;
  connections_[lane].dirty = true;
  dirty_.push_back(lane);
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
    const auto lane = static_cast<LaneId>(tag);
    if (lane >= connections_.size() || connections_[lane].generation != tag >> 32) continue;
    if (mark_.in_child()) return;
    handle(session, lane, events[i].events);
  }
  if (mark_.in_child()) return;
  take_in_names();
  end_turns();
  tell_failed(session);
}

void ConnectionPool::tell_failed(Session& session) {
  std::vector<std::pair<LaneId, std::string>> failed;
  failed.swap(failed_);
  for (const auto& [lane, why] : failed) {
    if (mark_.in_child()) return;
    fail(session, lane, why);
  }
}

void ConnectionPool::handle(Session& session, LaneId lane, uint32_t events) {
  Connection& connection = connections_[lane];
  if (connection.state == State::kConnecting) {
    const std::string failure = connect_failure(connection.dial.socket());
    if (!failure.empty()) return go_on_connecting(lane, failure);
    if ((events & EPOLLOUT) == 0) return;
    connection.state = State::kOpen;
    connection.fd = connection.dial.take();
    connection.dial = {};
    net::ClientHello hello;
    hello.core = connection.core;
    connection.channel.open(hello, connection.out);
    mark_dirty(lane);
    return;
  }
  if (connection.state != State::kClosed && (events & EPOLLOUT) != 0) mark_dirty(lane);
  if (connection.state != State::kClosed && (events & ~EPOLLOUT) != 0) receive(session, lane);
}

void ConnectionPool::receive(Session& session, LaneId lane) {
  const ssize_t got = recv(connections_[lane].fd.get(), scratch_.data(), scratch_.size(), 0);
  if (got == 0) return fail(session, lane, "the node closed the connection");
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    return fail(session, lane, std::string("connection lost: ") + std::strerror(errno));
  }
  Arrival arrival(session, lane, mark_);
  const std::string why =
      connections_[lane].channel.feed({scratch_.data(), static_cast<size_t>(got)}, arrival);
  if (why.empty()) return;
  if (connections_[lane].channel.stranger()) {
    close(lane);
    return session.on_stranger(lane, why, now_ns());
  }
  if (!arrival.dismissed()) return fail(session, lane, why);
  close(lane);
  session.on_dismissed(lane, why, now_ns());
}

void ConnectionPool::flush(Session& session) {
  flushing_.swap(dirty_);
  for (LaneId lane : flushing_) {
    connections_[lane].dirty = false;
    if (mark_.in_child()) continue;
    write_out(session, lane);
  }
  flushing_.clear();
}

void ConnectionPool::write_out(Session& session, LaneId lane) {
  Connection& connection = connections_[lane];
  if (connection.state != State::kOpen) return;
  while (connection.out_begin < connection.out.size()) {
    const ssize_t sent = ::send(connection.fd.get(), connection.out.data() + connection.out_begin,
                                connection.out.size() - connection.out_begin, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0)
      return fail(session, lane, std::string("connection lost: ") + std::strerror(errno));
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
  watch(lane, !connection.out.empty());
}

void ConnectionPool::watch(LaneId lane, bool writable) {
  Connection& connection = connections_[lane];
  if (connection.wants_writable == writable) return;
  connection.wants_writable = writable;
  epoll_event event{};
  event.events = writable ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u64 = (uint64_t{connection.generation} << 32) | lane;
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd.get(), &event);
}

}  // namespace once::client

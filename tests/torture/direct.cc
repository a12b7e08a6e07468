#include "tests/torture/direct.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "client/retry_rules.h"
#include "client/transport.h"

namespace once::torture {
namespace {

using check::Action;

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kConnectNs = 1'000 * kMs;
constexpr int64_t kPatienceNs = 15'000 * kMs;  // longer than any node is stopped
constexpr int64_t kTimeoutMs = 2'000;
constexpr uint64_t kMostPauseMs = 40;
constexpr int kReconnectMs = 100;

void pause_ms(int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

paxos::Operation operation_of(Action action) {
  switch (action) {
    case Action::kNext:
      return paxos::Operation::kNext;
    case Action::kWait:
      return paxos::Operation::kWait;
    case Action::kCheck:
      return paxos::Operation::kCheck;
    default:
      return paxos::Operation::kRead;
  }
}

paxos::ClientRequest request_of(const check::Call& call) {
  paxos::ClientRequest request;
  request.operation = operation_of(call.action);
  request.id = call.id;
  request.version = call.asked;
  request.timeout_ms = kTimeoutMs;
  request.name = call.name;
  return request;
}

client::Result without_answer(client::Outcome outcome) {
  client::Result result;
  result.outcome = outcome;
  return result;
}

client::Result meaning_as_result(const paxos::ClientRequest& question,
                                 const paxos::ClientReply& reply) {
  switch (client::meaning_of(question, reply)) {
    case client::Meaning::kFinal:
    case client::Meaning::kFinalIfAlone:
      return client::result_of(question, reply);
    case client::Meaning::kMayHaveHappened:
      return without_answer(client::Outcome::kUnknown);
    default:
      return without_answer(client::Outcome::kUnavailable);
  }
}

}  // namespace

Direct::Direct(const DirectOptions& options, Recorder& recorder, const Newest& newest)
    : options_(options), recorder_(recorder), newest_(newest), prng_(options.seed) {}

void Direct::run(const std::atomic<bool>& stopped) {
  while (!stopped) {
    if (!socket_ && !connect(stopped)) {
      disconnect();
      pause_ms(kReconnectMs);
      continue;
    }
    ask();
    const int64_t until = now_ns() + kPatienceNs;
    bool alive = send();
    while (alive && handle_ && now_ns() < until) alive = receive(until);
    if (!alive || handle_) disconnect();
    // Half of the questions come right after the answer before.
    if (prng_.below(2) == 0) pause_ms(static_cast<int64_t>(prng_.below(kMostPauseMs)));
  }
  disconnect();
}

bool Direct::connect(const std::atomic<bool>& stopped) {
  NameResolver names;
  auto socket = client::connect_until(names, options_.endpoint, now_ns() + kConnectNs);
  if (!socket) return false;
  socket_ = std::move(*socket);
  net::ClientHello hello;
  hello.core = client::kAnyCore;
  channel_.open(hello, out_);
  if (!send()) return false;
  // A node that is stopped says nothing for long; its connection is what these clients want.
  const int64_t until = now_ns() + kPatienceNs;
  while (!channel_.ready() && !stopped && now_ns() < until) {
    if (!receive(now_ns() + kConnectNs)) return false;
  }
  return channel_.ready();
}

void Direct::disconnect() {
  socket_.reset();
  channel_.close();
  out_.clear();
  if (!handle_) return;
  const bool change = check::changes(call_.action);
  recorder_.returned(
      *handle_, without_answer(change ? client::Outcome::kUnknown : client::Outcome::kUnavailable));
  handle_.reset();
}

// What was read a moment ago must not be older in what a wait is told.
check::Call Direct::draw_call() {
  check::Call call;
  call.client = options_.number;
  call.name = options_.names[prng_.below(options_.names.size())];
  const uint64_t dice = prng_.below(100);
  call.action = dice < 45   ? Action::kWait
                : dice < 65 ? Action::kRead
                : dice < 70 ? Action::kCheck
                            : Action::kNext;
  if (call.action == Action::kNext) {
    call.id = request_id(options_.seed, uint64_t{options_.number} << 40 | ++drawn_);
  }
  if (!check::takes_version(call.action)) return call;
  const uint64_t version = newest_.get(call.name);
  const uint64_t kind = call.action == Action::kWait ? prng_.below(10) : 9;
  call.asked = kind < 5 ? 0 : kind < 7 && version > 0 ? version - 1 : version;
  return call;
}

void Direct::ask() {
  call_ = draw_call();
  handle_ = recorder_.called(call_);
  net::encode_request(++correlation_, request_of(call_), out_);
}

void Direct::on_reply(uint64_t correlation, const paxos::ClientReply& reply) {
  if (!handle_ || correlation != correlation_) return;
  newest_.take(recorder_.returned(*handle_, meaning_as_result(request_of(call_), reply)));
  handle_.reset();
}

bool Direct::send() {
  size_t sent = 0;
  while (sent < out_.size()) {
    const ssize_t some =
        ::send(socket_.get(), out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
    if (some >= 0) {
      sent += static_cast<size_t>(some);
    } else if (errno != EINTR && errno != EAGAIN) {
      return false;
    } else {
      pause_ms(1);
    }
  }
  out_.clear();
  return true;
}

bool Direct::receive(int64_t until_ns) {
  pollfd wait{socket_.get(), POLLIN, 0};
  const int64_t left = std::max<int64_t>(1, (until_ns - now_ns()) / kMs);
  const int ready = ::poll(&wait, 1, static_cast<int>(left));
  if (ready < 0) return errno == EINTR;
  if (ready == 0) return true;
  char bytes[65536];
  const ssize_t got = ::recv(socket_.get(), bytes, sizeof bytes, 0);
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  return got > 0 && channel_.feed({bytes, static_cast<size_t>(got)}, *this).empty();
}

}  // namespace once::torture

#include "bench/connection.h"

#include "base/assert.h"

namespace once::bench {

void Connection::open(const std::string& address, const net::ClientHello& hello) {
  ONCE_ASSERT(is_closed());
  state_ = State::kOpen;
  greeted_ = false;
  hello_ = hello;
  stream_ = io_.connect(address, this);
}

void Connection::close() {
  if (state_ == State::kClosed || state_ == State::kClosing) return;
  state_ = State::kClosing;
  channel_.close();
  io_.close(stream_);
}

bool Connection::send(uint64_t correlation, const paxos::ClientRequest& request) {
  std::vector<char>* out = io_.outbox(stream_);
  if (out == nullptr) return false;
  net::encode_request(correlation, request, *out);
  return true;
}

void Connection::on_connected(reactor::StreamId stream) {
  if (state_ != State::kOpen) return;
  greeted_ = true;
  std::vector<char>* out = io_.outbox(stream);
  if (out != nullptr) channel_.open(hello_, *out);
}

void Connection::on_bytes(reactor::StreamId, std::string_view bytes) {
  if (state_ != State::kOpen) return;
  std::string what = channel_.feed(bytes, *this);
  if (what.empty()) return;
  close();
  owner_.on_protocol_error(*this, std::move(what));
}

void Connection::on_hello(const net::ServerHello& hello) { owner_.on_hello(*this, hello); }

void Connection::on_reply(uint64_t correlation, const paxos::ClientReply& reply) {
  owner_.on_reply(*this, correlation, reply);
}

void Connection::on_closed(reactor::StreamId, std::string_view why) {
  state_ = State::kClosed;
  channel_.close();
  owner_.on_lost(*this, why);
}

}  // namespace once::bench

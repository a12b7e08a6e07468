#include "bench/connection.h"

#include "base/assert.h"

namespace once::bench {

void Connection::open(const std::string& address, const net::ClientHello& hello) {
  ONCE_ASSERT(is_closed());
  state_ = State::kOpening;
  hello_ = hello;
  partial_.clear();
  stream_ = io_.connect(address, this);
}

void Connection::close() {
  if (state_ == State::kClosed || state_ == State::kClosing) return;
  state_ = State::kClosing;
  io_.close(stream_);
}

bool Connection::send(uint64_t correlation, const paxos::ClientRequest& request) {
  std::vector<char>* out = io_.outbox(stream_);
  if (out == nullptr) return false;
  net::encode_request(correlation, request, *out);
  return true;
}

void Connection::on_connected(reactor::StreamId stream) {
  if (state_ != State::kOpening) return;
  std::vector<char>* out = io_.outbox(stream);
  if (out != nullptr) net::encode_client_hello(hello_, *out);
}

void Connection::on_bytes(reactor::StreamId, std::string_view bytes) {
  if (partial_.empty()) {
    take_frames(bytes);
    partial_.assign(bytes.begin(), bytes.end());
    return;
  }
  partial_.insert(partial_.end(), bytes.begin(), bytes.end());
  std::string_view all(partial_.data(), partial_.size());
  take_frames(all);
  partial_.erase(partial_.begin(), partial_.end() - static_cast<ptrdiff_t>(all.size()));
}

void Connection::take_frames(std::string_view& bytes) {
  net::Frame frame{};
  while (state_ == State::kOpening || state_ == State::kReady) {
    Result<bool> taken = net::take_frame(bytes, frame);
    if (!taken) return fail(taken.error().message);
    if (!*taken) return;
    on_frame(frame);
  }
  bytes = {};
}

void Connection::on_frame(const net::Frame& frame) {
  if (frame.type == net::FrameType::kReply && state_ == State::kReady) {
    Result<paxos::ClientReply> reply = net::decode_reply(frame.body);
    if (!reply) return fail(reply.error().message);
    return owner_.on_reply(*this, frame.correlation, *reply);
  }
  if (frame.type == net::FrameType::kServerHello && state_ == State::kOpening) {
    Result<net::ServerHello> hello = net::decode_server_hello(frame.body);
    if (!hello) return fail(hello.error().message);
    state_ = State::kReady;
    return owner_.on_hello(*this, *hello);
  }
  if (frame.type == net::FrameType::kError)
    return fail("the node says: " + std::string(frame.body));
  fail("a frame of a type that does not belong here");
}

void Connection::fail(std::string what) {
  close();
  owner_.on_protocol_error(*this, std::move(what));
}

void Connection::on_closed(reactor::StreamId, std::string_view why) {
  state_ = State::kClosed;
  owner_.on_lost(*this, why);
}

}  // namespace once::bench

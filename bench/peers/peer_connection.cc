#include "bench/peers/peer_connection.h"

#include <utility>

#include "base/assert.h"

namespace once::bench::peers {

void PeerConnection::open(const std::string& address, std::unique_ptr<Session> session) {
  ONCE_ASSERT(is_closed());
  session_ = std::move(session);
  state_ = State::kOpening;
  why_cut_.clear();
  stream_ = io_.connect(address, this);
}

void PeerConnection::close() {
  if (state_ != State::kOpening && state_ != State::kReady) return;
  Outbox* out = io_.outbox(stream_);
  if (out != nullptr && state_ == State::kReady) session_->close(*out);
  state_ = State::kClosing;
  io_.close(stream_);
}

void PeerConnection::cut(std::string why) {
  if (state_ != State::kOpening && state_ != State::kReady) return;
  why_cut_ = std::move(why);
  state_ = State::kClosing;
  io_.cut(stream_, why_cut_);
}

bool PeerConnection::create(Caller caller, std::string_view name, std::string_view value) {
  Outbox* out = is_ready() ? io_.outbox(stream_) : nullptr;
  if (out == nullptr) return false;
  session_->create(caller, name, value, *out);
  return true;
}

bool PeerConnection::read(Caller caller, std::string_view name) {
  Outbox* out = is_ready() ? io_.outbox(stream_) : nullptr;
  if (out == nullptr) return false;
  session_->read(caller, name, *out);
  return true;
}

void PeerConnection::on_connected(reactor::StreamId stream) {
  Outbox* out = state_ == State::kOpening ? io_.outbox(stream) : nullptr;
  if (out == nullptr) return;
  session_->open(*out);
  look_whether_ready();
}

void PeerConnection::on_bytes(reactor::StreamId stream, std::string_view bytes) {
  if (state_ != State::kOpening && state_ != State::kReady) return;
  Outbox* out = io_.outbox(stream);
  if (out == nullptr) return;
  std::string wrong = session_->receive(bytes, *out, owner_);
  if (!wrong.empty()) return cut(std::move(wrong));
  look_whether_ready();
}

void PeerConnection::look_whether_ready() {
  if (state_ != State::kOpening || !session_->ready()) return;
  state_ = State::kReady;
  owner_.on_ready(*this);
}

void PeerConnection::on_closed(reactor::StreamId, std::string_view why) {
  state_ = State::kClosed;
  owner_.on_lost(*this, why_cut_.empty() ? why : why_cut_);
}

}  // namespace once::bench::peers

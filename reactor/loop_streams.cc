// Streams of LoopIo: accept, receive, send, close, and the move to another core.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.h"
#include "base/descriptor.h"
#include "base/errno_text.h"
#include "base/free_vector.h"
#include "base/last_words.h"
#include "base/limits.h"
#include "reactor/loop.h"

namespace once::reactor {
namespace {

constexpr int64_t kDrainLimitNs = 5'000'000'000;  // how long close() waits for the peer
constexpr int64_t kLingerNs = 1'000'000'000;      // how long close_gently() hears it out
constexpr int64_t kAcceptRetryNs = 100'000'000;
constexpr int64_t kComplainAgainNs = 10'000'000'000;
constexpr size_t kKeptCapacityBytes = 1 << 20;   // of an empty buffer, two per slot
constexpr size_t kSmallBufferBytes = 64 * 1024;  // one that is in use is not worth giving back
constexpr size_t kIdleBufferBytes = 4096;
constexpr int64_t kGiveBackNs = 1'000'000'000;
constexpr size_t kMaxSendBytes = size_t{1} << 30;

class SocketHandoff final : public Handoff {
 public:
  SocketHandoff(int fd, std::string unread, std::vector<char> unsent)
      : fd_(fd), unread_(std::move(unread)), unsent_(std::move(unsent)) {}
  int take_fd() { return fd_.release(); }
  std::string& unread() { return unread_; }
  std::vector<char>& unsent() { return unsent_; }

 private:
  Descriptor fd_;
  std::string unread_;
  std::vector<char> unsent_;
};

// Memory that a burst took is given back when bursts have become rare.
void trim(std::vector<char>& buffer, size_t lately, size_t kept_at_least) {
  buffer.clear();
  const size_t kept = std::min(kKeptCapacityBytes, std::max(4 * lately, kept_at_least));
  if (buffer.capacity() > kept) free_vector(buffer);
}

}  // namespace

LoopIo::Stream* LoopIo::find(StreamId id) {
  return const_cast<Stream*>(std::as_const(*this).find(id));
}

const LoopIo::Stream* LoopIo::find(StreamId id) const {
  const auto slot = static_cast<uint32_t>(id.value);
  if (slot >= streams_.size()) return nullptr;
  const Stream& stream = streams_[slot];
  const bool same = stream.generation == static_cast<uint32_t>(id.value >> 32);
  return same && stream.state != State::kFree ? &stream : nullptr;
}

StreamId LoopIo::id_of(uint32_t slot) const {
  return {uint64_t{streams_[slot].generation} << 32 | slot};
}

uint32_t LoopIo::new_stream(int fd, State state, StreamHandler* handler) {
  if (free_streams_.empty()) {
    free_streams_.push_back(static_cast<uint32_t>(streams_.size()));
    streams_.emplace_back();
  }
  const uint32_t slot = free_streams_.back();
  free_streams_.pop_back();
  Stream& stream = streams_[slot];
  ONCE_ASSERT(stream.state == State::kFree && stream.operations == 0 && stream.fd < 0);
  stream.state = state;
  stream.fd = fd;
  stream.handler = handler;
  return slot;
}

Result<ListenerId> LoopIo::listen(const std::string& address, ListenHandler* handler) {
  ONCE_ASSERT(handler != nullptr);
  Result<Descriptor> fd = open_listen_socket(address);
  if (!fd) return tl::unexpected<Error>(fd.error());
  listeners_.push_back({.fd = fd->release(), .handler = handler, .address = address});
  const auto index = static_cast<uint32_t>(listeners_.size() - 1);
  arm_accepts(index, 1);  // the queue of submissions may be short, and the ring not enabled yet
  return ListenerId{index};
}

void LoopIo::arm_accepts(uint32_t index, uint32_t count) {
  Listener& listener = listeners_[index];
  listener.retry_at_ns = 0;
  for (; listener.accepts < count; ++listener.accepts) {
    operations_->accept(listener.fd, tag(Op::kAccept, index));
  }
}

void LoopIo::on_accepted(uint32_t index, int result) {
  --listeners_[index].accepts;
  if (result >= 0) add_accepted(index, result);
  Listener& listener = listeners_[index];
  const int error_number = result < 0 ? -result : 0;
  if (error_number == 0 || error_number == ECONNABORTED || error_number == EINTR) {
    if (listener.retry_at_ns == 0) arm_accepts(index, kMaxAccepts);
    return;
  }
  // Most often no descriptor is left: accepting again at once would spin.
  complain_of(listener, error_number);
  listener.retry_at_ns = now_ns_ + kAcceptRetryNs;
}

// Once until it works again, and once in ten seconds: descriptors come and go one by one.
void LoopIo::complain_of(Listener& listener, int error_number) {
  const bool lately = listener.said_at_ns != 0 && now_ns_ - listener.said_at_ns < kComplainAgainNs;
  if (std::exchange(listener.failing, true) || lately) return;
  listener.said_at_ns = now_ns_;
  const std::string text = "accept on " + listener.address + ": " + errno_text(error_number) +
                           "; trying again (if files ran out: raise `ulimit -n`)";
  if (options_.complain) return options_.complain(text);
  say_briefly(text + "\n", 0);
}

void LoopIo::add_accepted(uint32_t index, int fd) {
  const bool too_high = fd > options_.highest_descriptor;
  if (too_high || streams_.size() - free_streams_.size() >= options_.max_streams) {
    ::close(fd);
    if (too_high) complain_of(listeners_[index], EMFILE);
    return;
  }
  listeners_[index].failing = false;
  set_no_delay(fd);
  const uint32_t slot = new_stream(fd, State::kOpen, nullptr);
  const StreamId id = id_of(slot);
  StreamHandler* handler = listeners_[index].handler->on_accept(id);
  Stream* stream = find(id);
  if (stream == nullptr || stream->state == State::kDetached) return;
  stream->handler = handler;
  if (handler == nullptr && stream->state == State::kOpen) {
    kill(slot, "refused");
  } else if (receives(*stream) && !stream->held) {
    arm_receive(slot);
  }
}

bool LoopIo::receives(const Stream& stream) {
  return stream.state == State::kOpen || stream.state == State::kDraining ||
         stream.state == State::kLingering;
}

void LoopIo::arm_receive(uint32_t slot) {
  Stream& stream = streams_[slot];
  ONCE_ASSERT(!stream.receiving);
  stream.receiving = true;
  ++stream.operations;
  const uint64_t tag_of_it = tag(Op::kReceive, slot, stream.generation);
  // No bytes come any more; that the connection is gone altogether is still worth knowing.
  if (stream.input_ended) return operations_->await_end(stream.fd, tag_of_it);
  operations_->receive(stream.fd, tag_of_it);
}

void LoopIo::on_received(uint32_t slot, const Completion& completion) {
  Stream& stream = streams_[slot];
  operations_->release_after_round(completion);
  if (!completion.more) {
    stream.receiving = false;
    --stream.operations;
    rearm_.push_back(id_of(slot));
  }
  if (stream.state == State::kDetached) {
    if (stream.handed_over > 0) {
      --stream.handed_over;
    } else if (completion.has_bytes()) {
      shutdown(stream.fd, SHUT_RDWR);  // bytes the new owner will not see: the stream has a hole
    }
  } else if (stream.input_ended) {
    // The kernel tells of the end of input too, asked or not.
    const bool gone = completion.result < 0 || (completion.result & (POLLERR | POLLHUP)) != 0;
    if (gone && stream.state != State::kDying) kill(slot, "the peer is gone");
  } else if (stream.state == State::kOpen && completion.result > 0) {
    stream.handler->on_bytes(id_of(slot), operations_->bytes_of(completion));
  } else if (receives(stream)) {
    if (completion.result == 0) {
      on_end_of_input(slot);
    } else if (completion.result < 0 && completion.result != -ENOBUFS &&
               completion.result != -EINTR && completion.result != -EAGAIN &&
               completion.result != -ECANCELED) {  // of one that is held
      kill(slot, "receiving: " + errno_text(-completion.result));
    }
  }
  end_if_idle(slot);
}

// What is being sent still leaves: it is bounded by kDrainLimitNs.
void LoopIo::on_end_of_input(uint32_t slot) {
  Stream& stream = streams_[slot];
  stream.input_ended = true;
  if (stream.state == State::kDraining) return;
  if (stream.state == State::kLingering) return kill(slot, "closed by this side");
  if (!stream.handler->on_end_of_input(id_of(slot))) kill(slot, "");
}

std::vector<char>* LoopIo::outbox(StreamId id) {
  Stream* stream = find(id);
  if (stream == nullptr) return nullptr;
  if (stream->state != State::kOpen && stream->state != State::kConnecting) return nullptr;
  const auto slot = static_cast<uint32_t>(id.value);
  if (unsent_bytes(id) > kMaxOutboxBytes) {
    kill(slot, "slow reader");
    return nullptr;
  }
  mark_dirty(slot);
  return &stream->outbox;
}

size_t LoopIo::unsent_bytes(StreamId id) const {
  const Stream* stream = find(id);
  return stream == nullptr ? 0 : stream->outbox.size() + stream->in_flight.size() - stream->sent;
}

PeerAddress LoopIo::peer_address(StreamId id) const {
  const Stream* stream = find(id);
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  if (stream == nullptr || stream->fd < 0 || stream->state == State::kDetached) return {};
  if (getpeername(stream->fd, reinterpret_cast<sockaddr*>(&from), &size) != 0) return {};
  return PeerAddress::of(from);
}

uint64_t LoopIo::sent_bytes(StreamId id) const {
  const Stream* stream = find(id);
  return stream == nullptr ? 0 : stream->sent_total;
}

void LoopIo::charge(Stream& stream) {
  const size_t now = stream.outbox.capacity() + stream.in_flight.capacity();
  buffer_bytes_ += now - stream.charged;
  stream.charged = now;
}

// Of streams that have been quiet, once a second; nobody holds a pointer to an outbox now.
void LoopIo::give_back() {
  if (now_ns_ < give_back_at_ns_) return;
  give_back_at_ns_ = now_ns_ + kGiveBackNs;
  for (Stream& stream : streams_) {
    if (stream.charged == 0) continue;
    if (stream.outbox.empty()) trim(stream.outbox, stream.lately, kIdleBufferBytes);
    if (stream.in_flight.empty()) trim(stream.in_flight, stream.lately, kIdleBufferBytes);
    stream.lately /= 2;
    charge(stream);
  }
}

// A receive that is armed ends: what it had received by then is delivered all the same.
void LoopIo::hold_input(StreamId id, bool hold) {
  Stream* stream = find(id);
  if (stream == nullptr || stream->held == hold) return;
  if (stream->state != State::kOpen && stream->state != State::kConnecting) return;
  stream->held = hold;
  if (hold && stream->receiving && !stream->input_ended) {
    cancel(Op::kReceive, static_cast<uint32_t>(id.value));
  }
  if (!hold && !stream->receiving && !stream->adopted) rearm_.push_back(id);
}

void LoopIo::mark_dirty(uint32_t slot) {
  if (streams_[slot].dirty) return;
  streams_[slot].dirty = true;
  dirty_.push_back(slot);
}

void LoopIo::flush(uint32_t slot) {
  Stream& stream = streams_[slot];
  if (stream.state != State::kOpen && stream.state != State::kDraining) return;
  charge(stream);
  if (unsent_bytes(id_of(slot)) > kMaxOutboxBytes) return kill(slot, "slow reader");
  if (!stream.in_flight.empty()) return;  // on_sent marks it again
  if (!stream.outbox.empty()) {
    stream.in_flight.swap(stream.outbox);
    stream.lately = std::max(stream.lately, stream.in_flight.size());
    return send_rest(slot);
  }
  if (stream.state == State::kDraining) linger(slot);
}

// The peer learns that this is the end, and has read what it was told when it ends too. A stream
// that is connected no more says so when it is received from.
void LoopIo::linger(uint32_t slot) {
  Stream& stream = streams_[slot];
  if (!stream.lingers || stream.input_ended) return kill(slot, "closed by this side");
  stream.state = State::kLingering;
  lingering_.emplace_back(now_ns_ + kLingerNs, id_of(slot));
  shutdown(stream.fd, SHUT_WR);
}

void LoopIo::send_rest(uint32_t slot) {
  Stream& stream = streams_[slot];
  ++stream.operations;
  const size_t size = std::min(stream.in_flight.size() - stream.sent, kMaxSendBytes);
  operations_->send(stream.fd, {stream.in_flight.data() + stream.sent, size},
                    tag(Op::kSend, slot, stream.generation));
}

void LoopIo::on_sent(uint32_t slot, int result) {
  Stream& stream = streams_[slot];
  --stream.operations;
  if (stream.state != State::kOpen && stream.state != State::kDraining) return end_if_idle(slot);
  if (result < 0 && result != -EINTR && result != -EAGAIN) {
    return kill(slot, "sending: " + errno_text(-result));
  }
  if (result > 0) {
    stream.sent += static_cast<size_t>(result);
    stream.sent_total += static_cast<size_t>(result);
  }
  if (stream.sent < stream.in_flight.size()) return send_rest(slot);
  trim(stream.in_flight, stream.lately, kSmallBufferBytes);
  stream.sent = 0;
  charge(stream);
  if (!stream.outbox.empty() || stream.state == State::kDraining) mark_dirty(slot);
}

void LoopIo::close(StreamId id) {
  Stream* stream = find(id);
  if (stream == nullptr) return;
  const auto slot = static_cast<uint32_t>(id.value);
  if (stream->state == State::kConnecting) return kill(slot, "closed by this side");
  if (stream->state != State::kOpen) return;
  stream->state = State::kDraining;
  draining_.emplace_back(now_ns_ + kDrainLimitNs, id);
  mark_dirty(slot);
}

void LoopIo::close_gently(StreamId id) {
  hold_input(id, false);
  if (Stream* stream = find(id)) stream->lingers = true;
  close(id);
}

void LoopIo::cut(StreamId id, std::string_view why) {
  Stream* stream = find(id);
  if (stream == nullptr || stream->state == State::kDetached) return;
  kill(static_cast<uint32_t>(id.value), std::string(why));
  free_vector(stream->outbox);
  charge(*stream);
}

void LoopIo::expire(Deadlines& deadlines, State state, const char* why) {
  while (!deadlines.empty()) {
    const auto [deadline_ns, id] = deadlines.front();
    const Stream* stream = find(id);
    const bool waiting = stream != nullptr && stream->state == state;
    if (waiting && deadline_ns > now_ns_) return;
    deadlines.pop_front();
    if (waiting) kill(static_cast<uint32_t>(id.value), why);
  }
}

void LoopIo::kill(uint32_t slot, std::string why) {
  Stream& stream = streams_[slot];
  ONCE_ASSERT(stream.state != State::kFree && stream.state != State::kDetached);
  if (stream.state == State::kDying) return;
  if (stream.state == State::kConnecting && stream.operations > 0) cancel(Op::kConnect, slot);
  if (stream.receiving) cancel(Op::kReceive, slot);
  stream.state = State::kDying;
  stream.why = std::move(why);
  if (stream.fd >= 0) shutdown(stream.fd, SHUT_RDWR);  // ends a send in flight, tells the peer
  end_if_idle(slot);
}

void LoopIo::cancel(Op op, uint32_t slot) {
  const Stream& stream = streams_[slot];
  operations_->cancel(stream.fd, tag(op, slot, stream.generation), tag(Op::kCancel, slot));
}

void LoopIo::end_if_idle(uint32_t slot) {
  Stream& stream = streams_[slot];
  const bool ending = stream.state == State::kDying || stream.state == State::kDetached;
  if (!ending || stream.operations > 0 || stream.ended) return;
  stream.ended = true;
  ended_.push_back(slot);
}

void LoopIo::deliver_ended() {
  for (size_t i = 0; i < ended_.size(); ++i) {  // handlers may end more
    const uint32_t slot = ended_[i];
    Stream& stream = streams_[slot];
    ONCE_ASSERT(stream.operations == 0);
    if (stream.fd >= 0) ::close(stream.fd);
    stream.fd = -1;
    const StreamId id = id_of(slot);
    StreamHandler* handler = stream.state == State::kDying ? stream.handler : nullptr;
    const std::string why = std::exchange(stream.why, {});
    trim(stream.outbox, 0, kIdleBufferBytes);
    trim(stream.in_flight, 0, kIdleBufferBytes);
    charge(stream);
    stream.sent = 0;
    stream.sent_total = 0;
    stream.lately = 0;
    stream.held = false;
    stream.lingers = false;
    stream.handed_over = 0;
    stream.adopted = false;
    stream.ended = false;
    stream.input_ended = false;
    stream.handler = nullptr;
    stream.peer.clear();
    stream.addresses.clear();
    stream.refusals.clear();
    stream.tried = 0;
    stream.naming = false;
    stream.unread.clear();
    stream.state = State::kFree;
    ++stream.generation;
    free_streams_.push_back(slot);
    if (handler != nullptr) handler->on_closed(id, why);
  }
  ended_.clear();
}

void LoopIo::set_handler(StreamId id, StreamHandler* handler) {
  ONCE_ASSERT(handler != nullptr);
  if (Stream* stream = find(id)) stream->handler = handler;
}

std::unique_ptr<Handoff> LoopIo::detach(StreamId id, std::string_view unread) {
  Stream* stream = find(id);
  if (stream == nullptr) return nullptr;
  const auto slot = static_cast<uint32_t>(id.value);
  // With a send in flight two cores would send at once.
  const bool movable = stream->state == State::kOpen && stream->in_flight.empty();
  int fd = movable ? fcntl(stream->fd, F_DUPFD_CLOEXEC, 0) : -1;
  if (fd > options_.highest_descriptor) ::close(std::exchange(fd, -1));
  if (fd < 0) {
    stream->handler = nullptr;  // silent from here on, as after a move
    if (stream->state != State::kDetached) kill(slot, "cannot move to another core");
    return nullptr;
  }
  // The receive runs only when this thread enters the ring, and the cancel is submitted ahead of
  // that: only completions already posted can hold further bytes.
  std::string bytes = std::exchange(stream->unread, {});  // of an adoption not delivered yet
  bytes.append(unread);
  const uint64_t receive = tag(Op::kReceive, slot, stream->generation);
  operations_->for_each_waiting([&](const Completion& completion) {
    if (completion.tag != receive || !completion.has_bytes()) return;
    bytes.append(operations_->bytes_of(completion));
    ++stream->handed_over;
  });
  auto handoff =
      std::make_unique<SocketHandoff>(fd, std::move(bytes), std::exchange(stream->outbox, {}));
  if (stream->receiving) cancel(Op::kReceive, slot);
  stream->state = State::kDetached;
  end_if_idle(slot);
  return handoff;
}

StreamId LoopIo::adopt(std::unique_ptr<Handoff> handoff, StreamHandler* handler) {
  auto* socket = dynamic_cast<SocketHandoff*>(handoff.get());
  ONCE_ASSERT(socket != nullptr && handler != nullptr);
  const uint32_t slot = new_stream(socket->take_fd(), State::kOpen, handler);
  Stream& stream = streams_[slot];
  stream.unread = std::move(socket->unread());
  stream.outbox = std::move(socket->unsent());
  if (!stream.outbox.empty()) mark_dirty(slot);
  stream.adopted = true;
  adopted_.push_back(id_of(slot));
  return id_of(slot);
}

void LoopIo::deliver_adopted() {
  // A handler may adopt more; those wait for the next round.
  const size_t count = adopted_.size();
  for (size_t i = 0; i < count; ++i) {
    const StreamId id = adopted_[i];
    Stream* stream = find(id);
    if (stream == nullptr) continue;
    stream->adopted = false;
    if (stream->state == State::kOpen && !stream->unread.empty()) {
      delivered_.push_back(std::exchange(stream->unread, {}));
      stream->handler->on_bytes(id, delivered_.back());
    }
    if (receives(*stream) && !stream->held) arm_receive(static_cast<uint32_t>(id.value));
  }
  adopted_.erase(adopted_.begin(), adopted_.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace once::reactor

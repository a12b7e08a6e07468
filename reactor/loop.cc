// The loop: one round waits, takes completions, fires timers, ends the batch, and sends.
#include "reactor/make_io.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <functional>
#include <utility>

#include "base/assert.h"
#include "base/errno_text.h"
#include "reactor/loop.h"

namespace once::reactor {
namespace {

constexpr int64_t kMaxWaitNs = 10'000'000'000;

}  // namespace

LoopIo::LoopIo(const IoOptions& options, std::unique_ptr<Operations> operations)
    : options_(options),
      operations_(std::move(operations)),
      preparer_(std::make_unique<FilePreparer>([this] { ring_bell(); })),
      names_(options.names ? options.names : std::make_shared<NameResolver>()) {
  read_clock();
}

std::string LoopIo::open() {
  bell_ = eventfd(0, EFD_CLOEXEC);
  if (bell_ < 0) return "cannot make an eventfd: " + errno_text(errno);
  names_watch_ = std::make_unique<NameResolver::Watch>(*names_, [this] {
    names_news_.store(true, std::memory_order_release);
    ring_bell();
  });
  arm_wake();
  return {};
}

LoopIo::~LoopIo() {
  preparer_.reset();
  names_watch_.reset();
  // Its threads know files by their numbers, which others may get as soon as these are closed.
  operations_.reset();
  if (bell_ >= 0) ::close(bell_);
  for (const Stream& stream : streams_) {
    if (stream.fd < 0) continue;
    if (stream.state != State::kDetached) shutdown(stream.fd, SHUT_RDWR);
    ::close(stream.fd);
  }
  for (const Listener& listener : listeners_) {
    shutdown(listener.fd, SHUT_RDWR);  // the pending accept would keep the port
    ::close(listener.fd);
  }
  for (const File& file : files_) {
    if (file.fd >= 0) ::close(file.fd);
  }
}

void LoopIo::run(BatchHandler* handler) {
  start(handler);
  while (!stopping_.load(std::memory_order_acquire)) {
    operations_->submit_and_wait(wait_limit_ns());
    read_clock();
    reap_completions();
    deliver_adopted();
    deliver_ended();
    fire_timers();
    batch_->on_batch_end();
    recycle_buffers();
    flush_outboxes();
  }
  finish_transfers();
  operations_->leave();
}

void LoopIo::start(BatchHandler* handler) {
  ONCE_ASSERT(handler != nullptr);
  ONCE_ASSERT(batch_ == nullptr);  // a stopped loop does not run again
  batch_ = handler;
  operations_->enable();
  read_clock();
}

void LoopIo::reap_completions() {
  // What arrives meanwhile waits for the next round, so that a round is bounded.
  for (uint32_t left = operations_->completions_ready(); left > 0; --left) {
    dispatch(operations_->take_completion());
  }
}

uint64_t LoopIo::tag(Op op, uint32_t index, uint32_t generation) {
  return uint64_t{static_cast<uint8_t>(op)} << 56 | uint64_t{generation & 0xffffff} << 32 | index;
}

void LoopIo::dispatch(const Completion& completion) {
  const auto index = static_cast<uint32_t>(completion.tag);
  switch (static_cast<Op>(completion.tag >> 56)) {
    case Op::kWake:
      return on_bell();
    case Op::kAccept:
      return on_accepted(index, completion.result);
    case Op::kConnect:
      return on_connected(index, completion.result);
    case Op::kReceive:
      return on_received(index, completion);
    case Op::kSend:
      return on_sent(index, completion.result);
    case Op::kWrite:
      return on_write_done(index, completion.result);
    case Op::kSync:
      return on_sync_done(index, completion.result);
    case Op::kRead:
      return on_read_done(index, completion.result);
    case Op::kCancel:
      return;  // the cancelled operation reports for itself
  }
  ONCE_ASSERT(false);
}

void LoopIo::recycle_buffers() {
  delivered_.clear();
  operations_->recycle_buffers();
  for (const StreamId id : rearm_) {
    const Stream* stream = find(id);
    if (stream == nullptr || stream->receiving || stream->held) continue;
    if (receives(*stream)) arm_receive(static_cast<uint32_t>(id.value));
  }
  rearm_.clear();
}

void LoopIo::flush_outboxes() {
  flushing_.swap(dirty_);
  for (const uint32_t slot : flushing_) {
    streams_[slot].dirty = false;
    flush(slot);
  }
  flushing_.clear();
  give_back();
}

int64_t LoopIo::wait_limit_ns() const {
  if (!ended_.empty() || !adopted_.empty()) return 0;
  int64_t until = now_ns_ + kMaxWaitNs;
  if (!timers_.empty()) until = std::min(until, timers_.front().at_ns);
  for (const auto* waiting : {&draining_, &lingering_}) {
    if (!waiting->empty()) until = std::min(until, waiting->front().first);
  }
  for (const auto* waiting : {&patience_for_names_, &patience_for_addresses_}) {
    if (!waiting->empty()) until = std::min(until, waiting->front().until_ns);
  }
  for (const Listener& listener : listeners_) {
    if (listener.retry_at_ns != 0) until = std::min(until, listener.retry_at_ns);
  }
  return std::max<int64_t>(0, until - clock_ns());  // the round itself took time
}

int64_t LoopIo::clock_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void LoopIo::read_clock() { now_ns_ = clock_ns(); }

void LoopIo::set_timer(int64_t at_ns, uint64_t token) {
  timers_.push_back({at_ns, timers_set_++, token});
  std::push_heap(timers_.begin(), timers_.end(), std::greater<>());
}

void LoopIo::fire_timers() {
  // Collected first: a handler that sets a timer for now gets it in the next round.
  while (!timers_.empty() && timers_.front().at_ns <= now_ns_) {
    due_.push_back(timers_.front());
    std::pop_heap(timers_.begin(), timers_.end(), std::greater<>());
    timers_.pop_back();
  }
  for (const Timer& timer : due_) batch_->on_timer(timer.token);
  due_.clear();
  expire(draining_, State::kDraining, "closed by this side; the peer did not read");
  expire(lingering_, State::kLingering, "closed by this side");
  expire_connects();
  for (uint32_t index = 0; index < listeners_.size(); ++index) {
    const int64_t retry_at_ns = listeners_[index].retry_at_ns;
    if (retry_at_ns != 0 && retry_at_ns <= now_ns_) arm_accepts(index, kMaxAccepts);
  }
}

void LoopIo::arm_wake() { operations_->read_bell(bell_, tag(Op::kWake, 0)); }

void LoopIo::on_bell() {
  arm_wake();
  deliver_prepared();
  deliver_names();
  if (wake_requested_.exchange(false, std::memory_order_acq_rel)) batch_->on_wake();
}

void LoopIo::wake() {
  // A request that is already pending has rung the bell; its on_wake is still to come.
  if (!wake_requested_.exchange(true, std::memory_order_acq_rel)) ring_bell();
}

void LoopIo::stop() {
  stopping_.store(true, std::memory_order_release);
  ring_bell();
}

void LoopIo::ring_bell() {
  const uint64_t one = 1;
  const ssize_t wrote = ::write(bell_, &one, sizeof one);
  ONCE_ASSERT(wrote == sizeof one);
}

}  // namespace once::reactor

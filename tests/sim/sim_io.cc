#include "tests/sim/sim_io.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace once::sim {
namespace {

// Holds a connection between two cores.
class SimHandoff final : public reactor::Handoff, public Plug {
 public:
  SimHandoff(Network& network, uint64_t end, bool lost)
      : closed(lost), network_(network), end_(end) {
    if (!lost) network_.plug(end, this, 0);
  }
  ~SimHandoff() override {
    if (!adopted) network_.close(end_);
  }
  void plug_connected(uint64_t) override {}
  void plug_bytes(uint64_t, std::string bytes) override { unread += bytes; }
  void plug_closed(uint64_t, const char*) override { closed = true; }
  uint64_t end() const { return end_; }

  std::string unread;
  std::vector<char> outbox;
  bool closed;
  bool adopted = false;

 private:
  Network& network_;
  uint64_t end_;
};

}  // namespace

SimIo::SimIo(const Surroundings& around, const DiskRates& disk_rates, int64_t round_delay_ns)
    : world_(around.world),
      network_(around.network),
      disk_(around.disk),
      clock_(around.clock),
      watcher_(around.watcher),
      host_(around.host),
      disk_rates_(disk_rates),
      round_delay_ns_(round_delay_ns) {}

void SimIo::boot() {
  ONCE_ASSERT(frozen_ && pending_.empty() && writes_.empty());
  frozen_ = false;
  handler_ = nullptr;
  round_now_ = clock_.now_ns();
}

void SimIo::serve(reactor::BatchHandler* handler) {
  handler_ = handler;
  if (!pending_.empty()) plan_round();
}

// --- what happens, and the rounds that tell of it
// -------------------------------------------------

void SimIo::happen(Pending pending) {
  if (frozen_) return;
  pending_.push_back(std::move(pending));
  plan_round();
}

void SimIo::plan_round() {
  if (round_planned_ || paused_ || frozen_ || handler_ == nullptr) return;
  round_planned_ = true;
  world_.after(world_.between(0, round_delay_ns_), this, kRound, process_);
}

void SimIo::set_paused(bool paused) {
  paused_ = paused;
  if (!paused_ && !pending_.empty()) plan_round();
}

void SimIo::on_event(uint64_t what, uint64_t detail) {
  switch (what) {
    case kRound:
      if (detail != process_ || frozen_) return;
      round_planned_ = false;
      if (!paused_) round();
      return;
    case kTimers:
      if (timer_armed_ == world_.now()) fire_timers();
      return;
    case kWriteDone:
      return finish_write(detail);
    case kReadDone:
      return finish_read(detail);
    default:
      if (detail == process_ && !frozen_) finish_preparation();
  }
}

void SimIo::round() {
  ONCE_ASSERT(now_happening_.empty());
  round_now_ = clock_.now_ns();
  now_happening_.swap(pending_);
  for (happening_at_ = 0; happening_at_ < now_happening_.size() && !frozen_; ++happening_at_) {
    dispatch(now_happening_[happening_at_]);
  }
  if (!frozen_) handler_->on_batch_end();
  now_happening_.clear();
  if (!frozen_) flush_streams();
  if (!frozen_) watcher_.on_turn_end(*this);
}

void SimIo::dispatch(Pending& what) {
  switch (what.kind) {
    case Kind::kTimer:
      return handler_->on_timer(what.token);
    case Kind::kWake:
      woken_ = false;
      return handler_->on_wake();
    case Kind::kWritten:
      if (files_[what.id].open) files_[what.id].handler->on_written(what.token);
      return;
    case Kind::kRead:
      if (files_[what.id].open) files_[what.id].handler->on_read(what.token);
      return;
    case Kind::kFileFailed:
      if (!files_[what.id].open) return;
      files_[what.id].handler->on_file_failed(what.text);
      return watcher_.on_failure_told();
    case Kind::kPrepared:
      return what.prepared->on_file_prepared(what.path, what.text);
    default:
      return dispatch_stream(what);
  }
}

void SimIo::dispatch_stream(Pending& what) {
  Stream* stream = find(what.id);
  if (stream == nullptr) return;
  const reactor::StreamId id{what.id};
  if (what.kind == Kind::kAccept) {
    const auto door = doors_.find(what.text);
    stream->handler = door == doors_.end() ? nullptr : door->second->on_accept(id);
    stream = find(what.id);
    if (stream->handler == nullptr) {
      network_.close(stream->end);
      free_stream(what.id);
    }
  } else if (what.kind == Kind::kConnected) {
    stream->open = true;
    if (!stream->closing) stream->handler->on_connected(id);
  } else if (what.kind == Kind::kBytes) {
    if (!stream->closing) stream->handler->on_bytes(id, what.text);
  } else {
    reactor::StreamHandler* handler = stream->handler;
    free_stream(what.id);
    handler->on_closed(id, what.text);
  }
}

void SimIo::flush_streams() {
  std::vector<uint64_t> dirty;
  dirty.swap(dirty_);
  for (uint64_t id : dirty) {
    Stream* stream = find(id);
    if (stream == nullptr) continue;
    stream->dirty = false;
    if (!stream->outbox.empty() && stream->open && !stream->lost) {
      network_.send(stream->end, {stream->outbox.data(), stream->outbox.size()});
    }
    stream->outbox.clear();
    if (!stream->closing || stream->lost) continue;
    network_.close(stream->end);
    happen({.kind = Kind::kClosed, .id = id});
  }
}

// --- streams
// --------------------------------------------------------------------------------------

SimIo::Stream* SimIo::find(uint64_t id) {
  const auto index = static_cast<uint32_t>(id);
  if (index >= streams_.size() || !streams_[index].used) return nullptr;
  return streams_[index].generation == id >> 32 ? &streams_[index] : nullptr;
}

uint64_t SimIo::take_stream() {
  if (free_streams_.empty()) {
    free_streams_.push_back(static_cast<uint32_t>(streams_.size()));
    streams_.emplace_back();
  }
  const uint32_t index = free_streams_.back();
  free_streams_.pop_back();
  Stream& stream = streams_[index];
  const uint32_t generation = stream.generation + 1;
  stream = Stream{};
  stream.generation = generation;
  stream.used = true;
  return uint64_t{generation} << 32 | index;
}

void SimIo::free_stream(uint64_t id) {
  Stream& stream = streams_[static_cast<uint32_t>(id)];
  ONCE_ASSERT(stream.used);
  stream.used = false;
  free_streams_.push_back(static_cast<uint32_t>(id));
}

void SimIo::touch(Stream& stream, uint64_t id) {
  if (stream.dirty) return;
  stream.dirty = true;
  dirty_.push_back(id);
}

Result<reactor::ListenerId> SimIo::listen(const std::string& address,
                                          reactor::ListenHandler* handler) {
  doors_[address] = handler;
  network_.listen(host_, address, this);
  return reactor::ListenerId{static_cast<uint32_t>(doors_.size())};
}

reactor::StreamId SimIo::connect(const std::string& address, reactor::StreamHandler* handler) {
  const uint64_t id = take_stream();
  find(id)->handler = handler;
  find(id)->end = Network::end_of(network_.connect(host_, address, this, id), 0);
  return {id};
}

std::vector<char>* SimIo::outbox(reactor::StreamId id) {
  Stream* stream = find(id.value);
  if (stream == nullptr || !stream->open || stream->closing) return nullptr;
  touch(*stream, id.value);
  return &stream->outbox;
}

size_t SimIo::unsent_bytes(reactor::StreamId id) const {
  const auto index = static_cast<uint32_t>(id.value);
  if (index >= streams_.size() || streams_[index].generation != id.value >> 32) return 0;
  const Stream& stream = streams_[index];
  return stream.used ? stream.outbox.size() + network_.in_transit(stream.end) : 0;
}

void SimIo::close(reactor::StreamId id) {
  Stream* stream = find(id.value);
  if (stream == nullptr || stream->closing) return;
  stream->closing = true;
  touch(*stream, id.value);
}

void SimIo::set_handler(reactor::StreamId id, reactor::StreamHandler* handler) {
  if (Stream* stream = find(id.value)) stream->handler = handler;
}

std::unique_ptr<reactor::Handoff> SimIo::detach(reactor::StreamId id, std::string_view unread) {
  Stream* stream = find(id.value);
  ONCE_ASSERT(stream != nullptr && stream->open);
  auto handoff = std::make_unique<SimHandoff>(network_, stream->end, stream->lost);
  handoff->unread = unread;
  handoff->outbox = std::move(stream->outbox);
  auto take_along = [&](Pending& later) {
    if (later.id != id.value) return;
    if (later.kind == Kind::kBytes) handoff->unread += later.text;
    if (later.kind == Kind::kClosed) handoff->closed = true;
  };
  for (size_t i = happening_at_ + 1; i < now_happening_.size(); ++i) take_along(now_happening_[i]);
  for (Pending& later : pending_) take_along(later);
  free_stream(id.value);
  return handoff;
}

reactor::StreamId SimIo::adopt(std::unique_ptr<reactor::Handoff> handoff,
                               reactor::StreamHandler* handler) {
  auto& from = dynamic_cast<SimHandoff&>(*handoff);
  const uint64_t id = take_stream();
  Stream& stream = *find(id);
  stream.handler = handler;
  stream.open = true;
  stream.end = from.end();
  stream.lost = from.closed;
  stream.outbox = std::move(from.outbox);
  if (!stream.outbox.empty()) touch(stream, id);
  if (!from.closed) network_.plug(stream.end, this, id);
  from.adopted = true;
  if (!from.unread.empty()) {
    happen({.kind = Kind::kBytes, .id = id, .text = std::move(from.unread)});
  }
  if (from.closed) happen({.kind = Kind::kClosed, .id = id});
  return {id};
}

void SimIo::plug_connected(uint64_t tag) { happen({.kind = Kind::kConnected, .id = tag}); }

void SimIo::plug_bytes(uint64_t tag, std::string bytes) {
  happen({.kind = Kind::kBytes, .id = tag, .text = std::move(bytes)});
}

void SimIo::plug_closed(uint64_t tag, const char* why) {
  Stream* stream = find(tag);
  if (stream == nullptr) return;
  stream->lost = true;
  happen({.kind = Kind::kClosed, .id = tag, .text = why});
}

void SimIo::incoming(uint64_t connection, const std::string& address) {
  const uint64_t id = take_stream();
  Stream& stream = *find(id);
  stream.open = true;
  stream.end = Network::end_of(connection, 1);
  network_.plug(stream.end, this, id);
  happen({.kind = Kind::kAccept, .id = id, .text = address});
}

// --- timers and wake-ups
// --------------------------------------------------------------------------

void SimIo::set_timer(int64_t at_ns, uint64_t token) {
  timers_.emplace_back(at_ns, token);
  arm_timer();
}

void SimIo::arm_timer() {
  if (timers_.empty()) return;
  const int64_t local = std::min_element(timers_.begin(), timers_.end())->first;
  const int64_t delay = std::max<int64_t>(0, clock_.world_delay(local - clock_.now_ns()));
  timer_armed_ = world_.now() + delay;
  world_.at(timer_armed_, this, kTimers);
}

void SimIo::clock_jumped() {
  if (!frozen_) arm_timer();
}

void SimIo::fire_timers() {
  if (frozen_) return;
  timer_armed_ = INT64_MAX;
  const int64_t slack = 2 * kUs;  // rounding between the two clocks
  for (size_t i = 0; i < timers_.size();) {
    if (timers_[i].first > clock_.now_ns() + slack) {
      ++i;
      continue;
    }
    happen({.kind = Kind::kTimer, .token = timers_[i].second});
    timers_.erase(timers_.begin() + static_cast<ptrdiff_t>(i));
  }
  arm_timer();
}

void SimIo::wake() {
  if (woken_) return;
  woken_ = !frozen_;
  happen({.kind = Kind::kWake});
}

// --- the end of a process
// -------------------------------------------------------------------------

void SimIo::crash() {
  for (const auto& [id, write] : writes_) {
    const std::string& path = files_[write.file].path;
    const size_t sectors = write.bytes.size() / kSectorBytes;
    const bool torn = world_.chance(disk_rates_.torn);
    if (!torn && world_.below(2) == 0) {
      disk_.write(path, write.offset, write.bytes);
    } else if (!torn) {
      world_.count(Fault::kLostWrite);
    } else {
      world_.count(Fault::kTornWrite);
      const bool prefix = world_.below(2) == 0;
      const size_t border = world_.below(sectors + 1);
      Prng sector_lands(world_.prng().next());
      disk_.write_some(path, write.offset, write.bytes, [&](size_t sector) {
        return prefix ? sector < border : sector_lands.below(2) == 0;
      });
    }
  }
  ++process_;
  frozen_ = true;
  paused_ = false;
  round_planned_ = false;
  woken_ = false;
  handler_ = nullptr;
  pending_.clear();
  now_happening_.clear();
  for (uint32_t index = 0; index < streams_.size(); ++index) {
    if (streams_[index].used) free_stream(uint64_t{streams_[index].generation} << 32 | index);
  }
  dirty_.clear();
  doors_.clear();
  files_.clear();
  writes_.clear();
  reads_.clear();
  preparations_.clear();
  timers_.clear();
  timer_armed_ = INT64_MAX;
}

}  // namespace once::sim

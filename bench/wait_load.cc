#include "bench/wait_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/draw_ids.h"
#include "base/hash.h"
#include "bench/clock.h"
#include "bench/interrupt.h"
#include "bench/load_times.h"

namespace once::bench {
namespace {

constexpr uint64_t kWriteTimer = 2;
constexpr int64_t kDrainNs = 10 * kSecond;
constexpr int64_t kPlacesNs = 500 * kMillisecond;    // for all waiters to take their places
constexpr int64_t kStandingNs = 100 * kMillisecond;  // a name is written so long after the wait
constexpr int64_t kRewriteNs = 50 * kMillisecond;    // before a write is tried again
constexpr uint32_t kWaitMs = 60'000;
constexpr double kDefaultRate = 5'000;  // writes a second
constexpr int kWaiterBits = 20;
constexpr uint64_t kWaiterMask = (uint64_t{1} << kWaiterBits) - 1;
constexpr uint64_t kOfAWrite = uint64_t{1} << 63;

}  // namespace

WaitLoad::WaitLoad(reactor::Io& io, const Options& options)
    : io_(io),
      options_(options),
      run_(random_bits()),
      value_(options.value_bytes, 'v'),
      waiters_(options.in_flight) {
  ONCE_ASSERT(options.in_flight <= kWaiterMask);
}

LoadResult WaitLoad::run() {
  discovery_ = std::make_unique<Discovery>(io_, options_.endpoints, options_.cluster, clock_ns());
  io_.set_timer(io_.now_ns() + kTickNs, kTickTimer);
  io_.run(this);
  progress_.end();
  if (source_) result_.names_begin_with = source_->prefix();
  return std::move(result_);
}

// --- the course of a run

void WaitLoad::enter(Phase phase, int64_t now) {
  phase_ = phase;
  switch (phase) {
    case Phase::kConnect:
      phase_end_ns_ = now + kConnectNs;
      break;
    case Phase::kPlaces:
      phase_end_ns_ = now + kPlacesNs;
      for (uint32_t waiter = 0; waiter < waiters_.size(); ++waiter) take_place(waiter, now);
      break;
    case Phase::kWarmup:
      due_ns_ = static_cast<double>(now);
      phase_end_ns_ = now + to_ns(options_.warmup_seconds);
      break;
    case Phase::kMeasure:
      measure_start_ns_ = now;
      result_.seconds = options_.seconds;
      result_.done = 0;
      result_.latency = {};
      result_.errors = {};
      phase_end_ns_ = now + to_ns(options_.seconds);
      break;
    case Phase::kDrain:
      phase_end_ns_ = now + kDrainNs;
      break;
    default:
      break;
  }
}

void WaitLoad::advance(int64_t now) {
  if (interrupted() != 0 && result_.interrupted == 0) return interrupt(now);
  if (phase_ == Phase::kDiscover) {
    if (const std::string why = discovery_->failure(); !why.empty()) return fail(why);
    if (!discovery_->done()) return;
    connect();
    enter(Phase::kConnect, now);
  }
  const bool late = now >= phase_end_ns_;
  if (phase_ == Phase::kConnect) {
    const bool ready = std::all_of(connections_.begin(), connections_.end(),
                                   [](auto& c) { return c->is_ready(); });
    if (!ready && late) return fail("not every connection could be opened");
    if (ready) enter(Phase::kPlaces, now);
  } else if (phase_ == Phase::kPlaces && late) {
    enter(Phase::kWarmup, now);
  } else if (phase_ == Phase::kWarmup && late) {
    enter(Phase::kMeasure, now);
  } else if (phase_ == Phase::kMeasure && late) {
    enter(Phase::kDrain, now);
  } else if (phase_ == Phase::kDrain && (is_quiet() || late)) {
    finish();
  }
}

void WaitLoad::interrupt(int64_t now) {
  end_early(
      phase_, now, measure_start_ns_, result_, phase_end_ns_,
      [&](Phase phase) { enter(phase, now); }, [&](const char* why) { fail(why); });
}

void WaitLoad::connect() {
  source_ = std::make_unique<NameSource>(discovery_->map(), run_);
  targets_ = targets_of(discovery_->map());
  if (targets_.empty()) {
    return fail("the cluster map holds no address: wait until its nodes have met");
  }
  result_.nodes = discovery_->map().members.size();
  waiting_ = options_.connections;
  for (uint32_t i = 0; i < waiting_ + targets_.size(); ++i) {
    const Target& target = i < waiting_ ? targets_[0] : targets_[i - waiting_];
    connections_.push_back(std::make_unique<Connection>(io_, *this, i));
    net::ClientHello hello;
    hello.cluster = discovery_->map().cluster;
    hello.core = target.core.value;
    connections_.back()->open(target.address, hello);
  }
  result_.connected = options_.connections;
}

void WaitLoad::fail(std::string why) {
  result_.failure = std::move(why);
  phase_ = Phase::kOver;
  io_.stop();
}

void WaitLoad::finish() {
  result_.errors.no_answer = untold_ + writing_;
  phase_ = Phase::kOver;
  io_.stop();
}

void WaitLoad::on_timer(uint64_t token) {
  if (phase_ == Phase::kOver || token != kTickTimer) return;
  io_.set_timer(io_.now_ns() + kTickNs, kTickTimer);
  const int64_t now = clock_ns();
  if (phase_ == Phase::kDiscover) discovery_->on_tick(now);
  const uint64_t answers = result_.done + result_.refused;
  if (phase_ == Phase::kWarmup)
    progress_.show(now, "warm-up", phase_end_ns_ - now, answers, result_);
  if (phase_ == Phase::kMeasure)
    progress_.show(now, "measuring", phase_end_ns_ - now, answers, result_);
}

void WaitLoad::on_batch_end() {
  if (phase_ == Phase::kOver) return;
  const int64_t now = clock_ns();
  advance(now);
  retry_due(now);
  if (phase_ == Phase::kWarmup || phase_ == Phase::kMeasure) write_due(now);
}

void WaitLoad::on_hello(Connection& connection, const net::ServerHello& hello) {
  const size_t index = connection.index();
  const Target& target = index < waiting_ ? targets_[0] : targets_[index - waiting_];
  if (hello.cluster == discovery_->map().cluster && hello.node == target.node) return;
  fail(fmt::format("{} is node {} of its cluster, where node {} was expected", target.address,
                   hello.node.value, target.node.value));
}

void WaitLoad::on_protocol_error(Connection&, std::string what) { wrong(std::move(what)); }

// Its waiters would have to begin anew, and what they missed could not be told from a lost one.
void WaitLoad::on_lost(Connection&, std::string_view why) {
  if (phase_ != Phase::kOver) fail(fmt::format("a connection broke ({})", why));
}

void WaitLoad::wrong(std::string what) {
  if (result_.protocol_errors++ == 0) result_.first_protocol_error = std::move(what);
}

// --- waits and writes

Connection& WaitLoad::home_of(std::string_view name) {
  size_t home = 0;
  while (home + 1 < targets_.size() && !source_->belongs(name, targets_[home])) ++home;
  return *connections_[waiting_ + home];
}

void WaitLoad::take_place(uint32_t index, int64_t now) {
  Waiter& waiter = waiters_[index];
  const uint32_t generation = waiter.generation + 1;
  waiter = Waiter{};
  waiter.generation = generation;
  waiter.name = source_->next();
  waiter.write_id = draw_request_id();
  if (waiter.write_id == RequestId{}) return fail(kNoRandomBits);
  waiter.asked_ns = now;
  wait(index);
  to_write_.push_back(index);
}

void WaitLoad::wait(uint32_t index) {
  const Waiter& waiter = waiters_[index];
  paxos::ClientRequest request;
  request.operation = paxos::Operation::kWait;
  request.timeout_ms = kWaitMs;
  request.name = waiter.name;
  const uint64_t correlation = uint64_t{waiter.generation} << kWaiterBits | index;
  if (!waiting_on(index).send(correlation, request)) fail("a connection broke");
}

// At the rate that was asked for, and no more at a time than there are waiters who stand.
void WaitLoad::write_due(int64_t now) {
  const double rate = options_.rate > 0 ? options_.rate : kDefaultRate;
  while (due_ns_ <= static_cast<double>(now) && phase_ != Phase::kOver) {
    const bool standing =
        !to_write_.empty() && now - waiters_[to_write_.front()].asked_ns >= kStandingNs;
    if (!standing) {
      due_ns_ = static_cast<double>(now + kMillisecond);
      break;
    }
    const uint32_t index = to_write_.front();
    to_write_.pop_front();
    due_ns_ += 1e9 / rate;
    ++writing_;
    if (!write(index)) return fail("a connection broke");
  }
  io_.set_timer(static_cast<int64_t>(due_ns_), kWriteTimer);
}

// Each is the same request as before, under its id. The tick is often enough for them.
void WaitLoad::retry_due(int64_t now) {
  while (phase_ != Phase::kOver && !to_retry_.empty() && to_retry_.front().at_ns <= now) {
    const uint32_t index = to_retry_.front().waiter;
    to_retry_.pop_front();
    if (!write(index)) return fail("a connection broke");
  }
}

bool WaitLoad::write(uint32_t index) {
  Waiter& waiter = waiters_[index];
  waiter.writing = true;
  paxos::ClientRequest request;
  request.operation = paxos::Operation::kWrite;
  request.id = waiter.write_id;
  request.timeout_ms = options_.timeout_ms;
  request.name = waiter.name;
  request.value = value_;
  const uint64_t correlation = kOfAWrite | uint64_t{waiter.generation} << kWaiterBits | index;
  return home_of(waiter.name).send(correlation, request);
}

void WaitLoad::on_reply(Connection&, uint64_t correlation, const paxos::ClientReply& reply) {
  if (phase_ == Phase::kOver) return;
  const auto index = static_cast<uint32_t>(correlation & kWaiterMask);
  const uint64_t generation = (correlation & ~kOfAWrite) >> kWaiterBits;
  if (index >= waiters_.size() || waiters_[index].generation != generation) {
    return wrong("a reply to a request that is not in flight");
  }
  (correlation & kOfAWrite) != 0 ? on_written(index, reply) : on_told(index, reply);
}

void WaitLoad::on_written(uint32_t index, const paxos::ClientReply& reply) {
  Waiter& waiter = waiters_[index];
  switch (reply.status) {
    case paxos::Status::kDone:
      --writing_;
      ++result_.names_left;
      waiter.written_ns = clock_ns();
      if (waiter.told) return settle(index, 0);
      ++untold_;
      return;
    case paxos::Status::kUnknown:
    case paxos::Status::kUnavailable:
    case paxos::Status::kOverloaded:
      ++(reply.status == paxos::Status::kUnknown       ? result_.errors.unknown
         : reply.status == paxos::Status::kUnavailable ? result_.errors.unavailable
                                                       : result_.errors.overloaded);
      to_retry_.push_back({index, clock_ns() + kRewriteNs});
      return;
    default:
      --writing_;
      return wrong("a write of a fresh name was refused");
  }
}

void WaitLoad::on_told(uint32_t index, const paxos::ClientReply& reply) {
  Waiter& waiter = waiters_[index];
  if (reply.status == paxos::Status::kNotYet) return wait(index);
  if (reply.status == paxos::Status::kOverloaded) {
    return fail("the node has no room for so many waiters: fewer --in-flight");
  }
  if (reply.status != paxos::Status::kDone || reply.state.value != value_ || waiter.told) {
    return wrong(fmt::format("a wait was answered with status {}", static_cast<int>(reply.status)));
  }
  if (!waiter.writing) wrong("a waiter was told of a name that nobody wrote");
  waiter.told = true;
  if (waiter.written_ns == 0) return;  // before its writer
  --untold_;
  settle(index, clock_ns() - waiter.written_ns);
}

// Writer and waiter were told: on to the next name.
void WaitLoad::settle(uint32_t index, int64_t behind_ns) {
  ++result_.done;
  result_.latency.record(static_cast<uint64_t>(std::max<int64_t>(behind_ns, 0)));
  if (phase_ != Phase::kDrain) take_place(index, clock_ns());
}

}  // namespace once::bench

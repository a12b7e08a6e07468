// The course of a run: discovery, connections, phases. Requests and answers: load_requests.cc.
#include "bench/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/draw_ids.h"
#include "bench/clock.h"
#include "bench/interrupt.h"
#include "bench/load_times.h"

namespace once::bench {
namespace {

constexpr int64_t kRetryNs = 200 * kMillisecond;
constexpr int64_t kPrepareNs = 60 * kSecond;
constexpr size_t kReadNames = 10'000;
constexpr uint64_t kMaxVersions = uint64_t{1} << 32;  // of all names: 512 MiB of bits

}  // namespace

Load::Load(reactor::Io& io, const Options& whole, Place place)
    : io_(io),
      place_(place),
      connections_before_(connections_before(whole, place.load)),
      options_(share_of(whole, place.load)),
      run_(place.team.run()),
      value_(options_.value_bytes, 'v'),
      prng_(run_ + place.load),
      slots_(options_.in_flight) {
  // The run's number in the value: a read that finds another run's bytes is noticed.
  std::string mark = fmt::format("{:016x}", run_);
  std::copy_n(mark.begin(), std::min(mark.size(), value_.size()), value_.begin());
  for (size_t i = slots_.size(); i-- > 0;) free_slots_.push_back(static_cast<uint32_t>(i));
}

LoadResult Load::run() {
  int64_t now = clock_ns();
  discovery_ = std::make_unique<Discovery>(io_, options_.endpoints, options_.cluster, now);
  io_.set_timer(io_.now_ns() + kTickNs, kTickTimer);
  io_.run(this);
  progress_.end();
  if (source_) result_.names_begin_with = source_->prefix();
  if (!names_.empty()) {
    const bool written_before = options_.operation == paxos::Operation::kRead;
    result_.names_left = written_before ? prepared_ : begun_ ? names_.size() : 0;
  }
  return std::move(result_);
}

// One reading for everything that arrives in one round; taken when its first bytes are seen.
int64_t Load::round_ns() {
  if (round_ns_ == 0) {
    round_ns_ = clock_ns();
    advance(round_ns_);
  }
  return round_ns_;
}

void Load::enter(Phase phase, int64_t now) {
  phase_ = phase;
  switch (phase) {
    case Phase::kDiscover:
      break;
    case Phase::kConnect:
      phase_end_ns_ = now + kConnectNs;
      break;
    case Phase::kPrepare:
      phase_end_ns_ = now + kPrepareNs;
      break;
    case Phase::kWarmup:
      begun_ = true;
      phase_end_ns_ = now + to_ns(options_.warmup_seconds);
      due_ns_ = static_cast<double>(now);
      if (options_.rate > 0) due_ns_ += first_due_ns();
      break;
    case Phase::kMeasure:
      measure_start_ns_ = now;
      result_.seconds = options_.seconds;
      result_.done = result_.refused = 0;  // the warm-up counted for progress only
      phase_end_ns_ = now + to_ns(options_.seconds);
      break;
    case Phase::kDrain:
      // Of the request that comes next: there may be none that was sent.
      if (options_.rate > 0) {
        const auto behind = std::max<int64_t>(now - static_cast<int64_t>(due_ns_), 0);
        result_.lag.record(static_cast<uint64_t>(behind));
      }
      phase_end_ns_ = now + int64_t{options_.timeout_ms} * kMillisecond + kSecond;
      break;
    case Phase::kOver:
      break;
  }
}

void Load::advance(int64_t now) {
  if (interrupted() != 0 && result_.interrupted == 0) return interrupt(now);
  if (place_.team.is_over() && phase_ != Phase::kOver) return fail("another thread has failed");
  bool late = now >= phase_end_ns_;
  if (phase_ == Phase::kDiscover) {
    if (discovery_->done()) return plan(now);
    const std::string why = discovery_->failure();
    return why.empty() ? void() : fail(why);
  }
  if (phase_ == Phase::kConnect) {
    result_.connected = static_cast<size_t>(std::count_if(connections_.begin(), connections_.end(),
                                                          [](auto& c) { return c->is_ready(); }));
    if (result_.connected < connections_.size() && !late) return;
    if (result_.connected == 0) return fail("no connection could be opened: " + last_trouble_);
    enter(Phase::kPrepare, now);
  }
  if (phase_ == Phase::kPrepare) {
    if (options_.operation == paxos::Operation::kRead && prepared_ < names_.size()) {
      if (late) fail(fmt::format("only {} of {} names could be written", prepared_, names_.size()));
      return;
    }
    if (!std::exchange(ready_, true)) place_.team.is_ready();
    if (!place_.team.may_begin()) return;  // each of the others begins or fails, in its time
    enter(Phase::kWarmup, now);
  }
  if (phase_ == Phase::kWarmup && now >= phase_end_ns_) enter(Phase::kMeasure, now);
  if (phase_ == Phase::kMeasure && now >= phase_end_ns_) enter(Phase::kDrain, now);
  if (phase_ == Phase::kDrain && (free_slots_.size() == slots_.size() || now >= phase_end_ns_))
    finish();
}

// What is under way gets a moment; what was measured so far counts.
void Load::interrupt(int64_t now) {
  end_early(
      phase_, now, measure_start_ns_, result_, phase_end_ns_,
      [&](Phase phase) { enter(phase, now); }, [&](const char* why) { fail(why); });
}

void Load::fail(std::string why) {
  result_.failure = std::move(why);
  place_.team.give_up(place_.load);
  phase_ = Phase::kOver;
  io_.stop();
}

void Load::finish() {
  for (const Slot& slot : slots_) {
    if (slot.busy && slot.begun_ns >= measure_start_ns_) ++result_.errors.no_answer;
  }
  if (options_.operation == paxos::Operation::kCas) {
    const auto wins = [](const Slot& a, const Slot& b) { return a.wins < b.wins; };
    const auto [least, most] = std::minmax_element(slots_.begin(), slots_.end(), wins);
    result_.least_wins = least->wins;
    result_.most_wins = most->wins;
  }
  phase_ = Phase::kOver;
  io_.stop();
}

void Load::on_timer(uint64_t token) {
  if (phase_ == Phase::kOver || token != kTickTimer) return;
  io_.set_timer(io_.now_ns() + kTickNs, kTickTimer);
  int64_t now = round_ns();
  if (phase_ == Phase::kDiscover) {
    discovery_->on_tick(now);
  } else {
    reopen_lost(now);
  }
  place_.team.had_answers(place_.load, result_.done + result_.refused);
  if (place_.load == 0) show_progress(now);
}

void Load::show_progress(int64_t now) {
  const int64_t left_ns = phase_end_ns_ - now;
  const uint64_t answers = place_.team.answers();
  if (phase_ == Phase::kWarmup) progress_.show(now, "warm-up", left_ns, answers, result_);
  if (phase_ == Phase::kMeasure) progress_.show(now, "measuring", left_ns, answers, result_);
}

void Load::on_batch_end() {
  if (phase_ == Phase::kOver) return;
  int64_t now = clock_ns();
  advance(now);
  pump(now);
  round_ns_ = 0;
}

void Load::on_hello(Connection& connection, const net::ServerHello& hello) {
  const Target& target = targets_[connection.index() % targets_.size()];
  if (hello.cluster != map().cluster || hello.node != target.node) {
    connection.close();
    wrong(fmt::format("{} is node {} of its cluster, where node {} was expected", target.address,
                      hello.node.value, target.node.value));
  }
}

void Load::plan(int64_t now) {
  targets_ = targets_of(map());
  if (targets_.empty())
    return fail("the cluster map holds no address: wait until its nodes have met");
  // The connections of a team go round all targets, as those of one load would.
  std::rotate(targets_.begin(),
              targets_.begin() + static_cast<std::ptrdiff_t>(connections_before_ % targets_.size()),
              targets_.end());
  if (targets_.size() > options_.connections) targets_.resize(options_.connections);
  result_.nodes = map().members.size();
  source_ = std::make_unique<NameSource>(map(), run_, place_.load);
  make_names();
  if (phase_ == Phase::kOver) return;
  for (uint32_t i = 0; i < options_.connections; ++i) {
    connections_.push_back(std::make_unique<Connection>(io_, *this, i));
  }
  enter(Phase::kConnect, now);
  reopen_lost(now);
}

void Load::make_names() {
  size_t count = options_.hot_names;
  const bool written_before = options_.operation == paxos::Operation::kRead && !options_.unset;
  if (count == 0 && written_before) count = kReadNames;
  // Fewer names than targets: every connection goes to the home of one.
  if (count != 0 && count < targets_.size()) targets_.resize(count);
  pools_.resize(targets_.size());
  pool_at_.resize(targets_.size(), 0);
  for (uint32_t i = 0; i < count; ++i) {
    size_t target = i % targets_.size();
    names_.emplace_back(source_->next_for(targets_[target]));
    pools_[target].push_back(i);
    if (written_before) to_prepare_.push_back(i);
  }
  prepare_ids_.resize(to_prepare_.size());
  if (!draw_request_ids(prepare_ids_)) return fail(kNoRandomBits);
  if (options_.popularity == Popularity::kZipf && count > 0) zipf_.emplace(pools_[0].size());
  if (options_.mixed || options_.operation == paxos::Operation::kNext) {
    versions_.assign(count, Versions(kMaxVersions / count));
  }
}

void Load::reopen_lost(int64_t now) {
  for (auto& connection : connections_) {
    if (!connection->is_closed() || now < connection->retry_at_ns) continue;
    const Target& target = targets_[connection->index() % targets_.size()];
    net::ClientHello hello;
    hello.cluster = map().cluster;
    hello.core = target.core.value;
    connection->open(target.address, hello);
  }
}

void Load::on_lost(Connection& connection, std::string_view why) {
  if (!why.empty()) last_trouble_ = why;
  if (phase_ == Phase::kOver) return;
  connection.retry_at_ns = round_ns() + kRetryNs;
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].busy || slots_[i].connection != connection.index()) continue;
    if (phase_ == Phase::kPrepare) {
      to_prepare_.push_back(slots_[i].name);
    } else if (slots_[i].begun_ns >= measure_start_ns_) {
      count_error(&Errors::connection);
    }
    release(i);
  }
}

void Load::on_protocol_error(Connection&, std::string what) {
  last_trouble_ = what;
  wrong(std::move(what));
}

void Load::wrong(std::string what) {
  if (result_.protocol_errors++ == 0) result_.first_protocol_error = std::move(what);
}

}  // namespace once::bench

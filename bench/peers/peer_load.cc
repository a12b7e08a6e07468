#include "bench/peers/peer_load.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/printable.h"
#include "bench/clock.h"
#include "bench/names.h"
#include "bench/peers/make_session.h"

namespace once::bench::peers {
namespace {

constexpr uint64_t kTickTimer = 1;
constexpr int64_t kTickNs = 5 * kMillisecond;
constexpr int64_t kRetryNs = 10 * kMillisecond;
constexpr int64_t kConnectNs = 30 * kSecond;
constexpr int64_t kPrepareNs = 120 * kSecond;
constexpr int64_t kDrainNs = 10 * kSecond;
constexpr int64_t kCloseNs = 2 * kSecond;

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace

PeerLoad::PeerLoad(reactor::Io& io, const PeerOptions& options)
    : io_(io),
      options_(options),
      run_(random_bits()),
      value_(options.value_bytes, 'v'),
      requests_(options.in_flight),
      gaps_(options.in_flight) {
  for (uint32_t i = 0; i < options_.connections; ++i) {
    connections_.push_back(std::make_unique<PeerConnection>(io_, *this, i));
    connections_.back()->endpoint = i % options_.endpoints.size();
  }
}

PeerResult PeerLoad::run() {
  const int64_t now = clock_ns();
  enter(Phase::kConnect, now);
  reopen(now);
  io_.set_timer(io_.now_ns() + kTickNs, kTickTimer);
  io_.run(this);
  result_.longest_gap_ns = gaps_.of_one_ns();
  result_.longest_silence_ns = gaps_.of_all_ns();
  return std::move(result_);
}

int64_t PeerLoad::round_ns() {
  if (round_ns_ == 0) {
    round_ns_ = clock_ns();
    advance(round_ns_);
  }
  return round_ns_;
}

void PeerLoad::enter(Phase phase, int64_t now) {
  phase_ = phase;
  switch (phase) {
    case Phase::kConnect:
      phase_end_ns_ = now + kConnectNs;
      break;
    case Phase::kPrepare:
      phase_end_ns_ = now + kPrepareNs;
      break;
    case Phase::kWarmup:
      phase_end_ns_ = now + to_ns(options_.warmup_seconds);
      break;
    case Phase::kMeasure:
      phase_end_ns_ = now + to_ns(options_.seconds);
      measure_start_ns_ = now;
      cpu_at_start_ = cpu_seconds();
      gaps_.begin(now);
      break;
    case Phase::kDrain:
      phase_end_ns_ = now + kDrainNs;
      result_.seconds = static_cast<double>(now - measure_start_ns_) / 1e9;
      result_.cpu_seconds = cpu_seconds() - cpu_at_start_;
      gaps_.end(now);
      break;
    case Phase::kClose:
      phase_end_ns_ = now + kCloseNs;
      for (const auto& connection : connections_) connection->close();
      break;
    case Phase::kOver:
      io_.stop();
      break;
  }
  // Who found nothing to do in the phase before begins in this one.
  if (phase == Phase::kPrepare || phase == Phase::kWarmup) {
    idle_.clear();
    for (Caller caller = 0; caller < requests_.size(); ++caller) {
      if (!requests_[caller].busy) idle_.push_back(caller);
    }
  }
}

void PeerLoad::advance(int64_t now) {
  const bool late = now >= phase_end_ns_;
  const auto all = [&](bool (PeerConnection::*is)() const) {
    return std::all_of(connections_.begin(), connections_.end(),
                       [is](const auto& connection) { return (*connection.*is)(); });
  };
  if (phase_ == Phase::kConnect) {
    if (all(&PeerConnection::is_ready)) {
      enter(options_.reads ? Phase::kPrepare : Phase::kWarmup, now);
    } else if (late) {
      fail("not all connections could be opened: " + result_.first_error);
    }
  } else if (phase_ == Phase::kPrepare) {
    if (prepared_ == options_.read_names) {
      enter(Phase::kWarmup, now);
    } else if (late) {
      fail(fmt::format("only {} of {} names could be written: {}", prepared_, options_.read_names,
                       result_.first_error));
    }
  } else if (phase_ == Phase::kWarmup && late) {
    enter(Phase::kMeasure, now);
  } else if (phase_ == Phase::kMeasure && late) {
    enter(Phase::kDrain, now);
  } else if (phase_ == Phase::kDrain && (busy_ == 0 || late)) {
    enter(Phase::kClose, now);
  } else if (phase_ == Phase::kClose && (late || all(&PeerConnection::is_closed))) {
    enter(Phase::kOver, now);
  }
}

void PeerLoad::fail(std::string why) {
  result_.failure = std::move(why);
  phase_ = Phase::kOver;
  io_.stop();
}

void PeerLoad::on_timer(uint64_t token) {
  if (phase_ == Phase::kOver || token != kTickTimer) return;
  io_.set_timer(io_.now_ns() + kTickNs, kTickTimer);
  const int64_t now = round_ns();
  if (phase_ >= Phase::kClose) return;
  reopen(now);
  if (options_.timeout_ms > 0) leave_silent(now);
  idle_.insert(idle_.end(), paused_.begin(), paused_.end());
  paused_.clear();
}

void PeerLoad::on_batch_end() {
  if (phase_ == Phase::kOver) return;
  const int64_t now = clock_ns();
  advance(now);
  pump(now);
  round_ns_ = 0;
}

void PeerLoad::reopen(int64_t now) {
  for (const auto& connection : connections_) {
    if (!connection->is_closed() || now < connection->retry_at_ns) continue;
    const std::string& address = options_.endpoints[connection->endpoint];
    connection->opened_ns = now;
    connection->open(address, make_session(options_.protocol, address));
  }
}

// Callers and connections that were left without an answer for too long go to the next server.
void PeerLoad::leave_silent(int64_t now) {
  const int64_t limit_ns = int64_t{options_.timeout_ms} * kMillisecond;
  for (const auto& connection : connections_) {
    if (connection->is_closed() || connection->is_ready()) continue;
    if (now - connection->opened_ns > limit_ns) connection->cut("no session in time");
  }
  for (Caller caller = 0; caller < requests_.size(); ++caller) {
    if (!requests_[caller].busy || now - requests_[caller].tried_ns <= limit_ns) continue;
    connection_of(caller).cut("no answer in time");
  }
}

void PeerLoad::on_ready(PeerConnection&) { advance(round_ns()); }

void PeerLoad::on_lost(PeerConnection& connection, std::string_view why) {
  if (phase_ >= Phase::kClose) return;
  const int64_t now = round_ns();
  connection.retry_at_ns = now + kRetryNs;
  connection.endpoint = (connection.endpoint + 1) % options_.endpoints.size();
  if (result_.first_error.empty()) result_.first_error = why.empty() ? "connection closed" : why;
  for (size_t caller = connection.index(); caller < requests_.size();
       caller += connections_.size()) {
    if (!requests_[caller].busy) continue;
    count_failed(why);
    settle(static_cast<Caller>(caller), false, now);
  }
}

void PeerLoad::on_answer(Caller caller, Answer answer, std::string_view why) {
  const int64_t now = round_ns();
  ONCE_ASSERT(caller < requests_.size());
  const Request& request = requests_[caller];
  if (!request.busy) return;
  if (answer == Answer::kFailed) count_failed(why);
  // Nobody else has its name: an earlier attempt of its own was done.
  const bool own = answer == Answer::kRefused && request.creates && request.again;
  if (answer == Answer::kRefused && !own) {
    ++result_.refused;
    if (result_.first_error.empty()) result_.first_error = "a name that was there, or was not";
  }
  settle(caller, answer == Answer::kDone || own, now);
  if (answer == Answer::kRefused && !own) requests_[caller].again = false;  // it is not ours
}

void PeerLoad::count_failed(std::string_view why) {
  ++result_.errors;
  if (result_.first_error.empty()) result_.first_error = printable(why);
}

// What did not succeed is tried again, a moment later, with the same name.
void PeerLoad::settle(Caller caller, bool success, int64_t now) {
  Request& request = requests_[caller];
  ONCE_ASSERT(request.busy);
  request.busy = false;
  --busy_;
  request.again = !success;
  if (!success) return paused_.push_back(caller);
  if (request.creates) ++result_.written;
  if (phase_ == Phase::kPrepare) ++prepared_;
  if (phase_ == Phase::kMeasure) {
    ++result_.done;
    gaps_.success(caller, now);
  }
  const bool measured = phase_ == Phase::kMeasure || phase_ == Phase::kDrain;
  if (measured && request.begun_ns >= measure_start_ns_) {
    result_.latency.record(static_cast<uint64_t>(now - request.begun_ns));
  }
  idle_.push_back(caller);
}

// As long as once-bench's, and a path, as ZooKeeper's names are.
std::string PeerLoad::name_of(uint64_t number) const {
  return fmt::format("{}/{:016x}{:014x}", kParent, run_, number);
}

// False: in this phase nothing is left to do.
bool PeerLoad::take_name(Request& request) {
  request.creates = !options_.reads || phase_ == Phase::kPrepare;
  if (phase_ == Phase::kPrepare && next_name_ == options_.read_names) return false;
  request.name = request.creates ? next_name_++ : next_name_++ % options_.read_names;
  return true;
}

void PeerLoad::pump(int64_t now) {
  std::vector<Caller> begin;
  begin.swap(idle_);
  if (!is_asking()) return;
  for (const Caller caller : begin) ask(caller, now);
}

void PeerLoad::ask(Caller caller, int64_t now) {
  Request& request = requests_[caller];
  if (request.busy) return;
  PeerConnection& connection = connection_of(caller);
  if (!connection.is_ready()) return paused_.push_back(caller);
  if (!request.again) {
    if (!take_name(request)) return;
    request.begun_ns = now;
  }
  request.tried_ns = now;
  const std::string name = name_of(request.name);
  request.busy =
      request.creates ? connection.create(caller, name, value_) : connection.read(caller, name);
  request.again = request.again || !request.busy;  // the name is taken, and waits
  if (!request.busy) return paused_.push_back(caller);
  ++busy_;
}

}  // namespace once::bench::peers

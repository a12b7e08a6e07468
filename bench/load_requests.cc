// Requests out, answers in. The course of a run: load.cc.
#include <algorithm>
#include <cmath>
#include <span>

#include "base/assert.h"
#include "base/draw_ids.h"
#include "bench/load.h"

namespace once::bench {
namespace {

constexpr uint64_t kDueTimer = 2;
constexpr int kSlotBits = 20;
constexpr uint64_t kSlotMask = (uint64_t{1} << kSlotBits) - 1;

}  // namespace

// Round-robin over the connections, each up to its share, until nobody can send more.
void Load::pump(int64_t now) {
  if (phase_ != Phase::kPrepare && phase_ != Phase::kWarmup && phase_ != Phase::kMeasure) return;
  size_t passed_over = 0;
  while (phase_ != Phase::kOver && !free_slots_.empty() && passed_over < connections_.size() &&
         may_begin(now)) {
    Connection& connection = *connections_[cursor_];
    cursor_ = cursor_ + 1 == connections_.size() ? 0 : cursor_ + 1;
    bool room = connection.is_ready() && connection.in_flight < options_.share();
    passed_over = room && send_next(connection, now) ? 0 : passed_over + 1;
  }
  ids_left_ = 0;
}

// One call for as many as there are requests to begin.
bool Load::draw_id(RequestId& id) {
  if (ids_left_ == 0) {
    ids_left_ = std::min(ids_.size(), free_slots_.size());
    if (!draw_request_ids(std::span(ids_).first(ids_left_))) {
      fail(kNoRandomBits);
      return false;
    }
  }
  id = ids_[--ids_left_];
  return true;
}

bool Load::may_begin(int64_t now) {
  if (phase_ == Phase::kPrepare) return !to_prepare_.empty();
  if (options_.rate == 0) return true;
  int64_t due = static_cast<int64_t>(due_ns_);
  if (due <= now) return true;
  if (due_timer_ns_ <= now) {  // none is set for later
    due_timer_ns_ = due;
    io_.set_timer(due, kDueTimer);
  }
  return false;
}

bool Load::send_next(Connection& connection, int64_t now) {
  if (phase_ == Phase::kPrepare) {
    uint32_t index = to_prepare_.front();
    // The same id each time: a retry of a write that did win is told so.
    if (!send_request(connection, now, paxos::Operation::kWrite, prepare_ids_[index], names_[index],
                      index))
      return false;
    to_prepare_.pop_front();
    return true;
  }
  size_t target = connection.index() % targets_.size();
  uint32_t index = 0;
  std::string_view name;
  if (names_.empty()) {
    name = source_->next_for(targets_[target]);
  } else {
    index = pools_[target][draw_of(target)];
    name = names_[index];
  }
  int64_t begun = options_.rate == 0 ? now : static_cast<int64_t>(due_ns_);
  const paxos::Operation operation = draw_operation();
  RequestId id;  // of a change
  if (paxos::changes(operation) && !draw_id(id)) return false;
  if (!send_request(connection, begun, operation, id, name, index)) return false;
  if (options_.rate > 0) {
    const auto due = static_cast<int64_t>(due_ns_);
    if (phase_ == Phase::kMeasure && due >= measure_start_ns_) {
      result_.lag.record(static_cast<uint64_t>(now - due));
    }
    due_ns_ += until_next_ns();
  }
  return true;
}

// Of the names of that target. The first pool is the largest.
size_t Load::draw_of(size_t target) {
  const size_t names = pools_[target].size();
  switch (options_.popularity) {
    case Popularity::kInTurn:
      break;
    case Popularity::kUniform:
      return prng_.below(names);
    case Popularity::kZipf:
      return zipf_->draw(prng_, names);
  }
  return pool_at_[target]++ % names;
}

// From one request to when the next one is due.
double Load::until_next_ns() {
  const double mean = 1e9 / options_.rate;
  return options_.poisson ? -std::log1p(-Zipf::uniform(prng_)) * mean : mean;
}

// The loads of a team take turns.
double Load::first_due_ns() const {
  const double apart_ns = 1e9 / (options_.rate * static_cast<double>(place_.team.size()));
  return apart_ns * static_cast<double>(place_.load);
}

bool Load::send_request(Connection& connection, int64_t begun_ns, paxos::Operation operation,
                        RequestId id, std::string_view name, uint32_t name_index) {
  ONCE_ASSERT(!free_slots_.empty());
  uint32_t index = free_slots_.front();
  Slot& slot = slots_[index];
  paxos::ClientRequest request;
  request.operation = operation;
  request.id = id;
  request.timeout_ms = options_.timeout_ms;
  request.name = name;
  if (takes_value(operation)) request.value = value_;
  if (operation == paxos::Operation::kCas) {
    if (options_.mixed) request.version = versions_[name_index].highest();
    if (!options_.mixed && slot.known_name == name_index) request.version = slot.known_version;
  }
  if (!connection.send(uint64_t{slot.generation} << kSlotBits | index, request)) return false;
  // Each write is the first of its name.
  if (names_.empty() && paxos::changes(operation)) ++result_.names_left;
  free_slots_.pop_front();
  slot.begun_ns = begun_ns;
  slot.connection = connection.index();
  slot.name = name_index;
  slot.operation = operation;
  slot.floor = versions_.empty() ? 0 : versions_[name_index].highest();
  slot.expected = request.version;
  slot.busy = true;
  ++connection.in_flight;
  return true;
}

void Load::release(uint32_t index) {
  Slot& slot = slots_[index];
  ONCE_ASSERT(slot.busy);
  slot.busy = false;
  ++slot.generation;
  --connections_[slot.connection]->in_flight;
  free_slots_.push_back(index);
}

void Load::on_reply(Connection& connection, uint64_t correlation, const paxos::ClientReply& reply) {
  uint64_t index = correlation & kSlotMask;
  if (phase_ == Phase::kOver) return;
  if (index >= slots_.size() || !slots_[index].busy ||
      slots_[index].connection != connection.index() ||
      slots_[index].generation != correlation >> kSlotBits) {
    wrong("a reply to a request that is not in flight");
    return connection.close();
  }
  round_ns();
  if (options_.operation == paxos::Operation::kCas) learn(slots_[index], reply);
  Slot slot = slots_[index];
  bool preparing = phase_ == Phase::kPrepare;
  release(static_cast<uint32_t>(index));
  if (preparing) return settle_prepared(slot.name, reply);
  settle(slot, reply);
}

void Load::settle_prepared(uint32_t name, const paxos::ClientReply& reply) {
  if (reply.status == paxos::Status::kDone) {
    ++prepared_;
  } else if (reply.status == paxos::Status::kAlreadySet ||
             reply.status == paxos::Status::kInvalid) {
    fail("a name of this run was refused while it was written for the first time");
  } else {
    to_prepare_.push_back(name);
  }
}

paxos::Operation Load::draw_operation() {
  if (!options_.mixed) return options_.operation;
  const uint64_t dice = prng_.below(100);
  if (dice < 50) return paxos::Operation::kRead;
  if (dice < 70) return paxos::Operation::kSet;
  return dice < 85 ? paxos::Operation::kNext : paxos::Operation::kCas;
}

void Load::check_version(const Slot& slot, const paxos::ClientReply& reply) {
  Versions& versions = versions_[slot.name];
  const uint64_t version = reply.state.version;
  const bool conflict = reply.status == paxos::Status::kConflict;
  const char* problem = conflict ? versions.conflicted(version, slot.expected, slot.floor)
                        : paxos::changes(slot.operation) ? versions.made(version, slot.floor)
                                                         : versions.shown(version, slot.floor);
  if (problem != nullptr) wrong(problem);
  if (versions.is_full()) {
    fail("more versions than can be compared: run it for a shorter time, or on fewer names");
  }
}

// Each caller goes on from what it was told last, as one who contends for a variable does.
void Load::learn(Slot& slot, const paxos::ClientReply& reply) {
  const bool won = reply.status == paxos::Status::kDone;
  if (!won && reply.status != paxos::Status::kConflict) return;
  slot.known_name = slot.name;
  slot.known_version = reply.state.version;
  if (won && phase_ == Phase::kMeasure) ++slot.wins;
}

void Load::settle(const Slot& slot, const paxos::ClientReply& reply) {
  const bool read = slot.operation == paxos::Operation::kRead;
  // In a mix a name may have been given its first version by `next`.
  const bool known_value =
      reply.state.value == value_ || (options_.mixed && reply.state.value.empty());
  switch (reply.status) {
    case paxos::Status::kDone:
      if (read && (options_.unset || !known_value))
        return wrong("a read returned a value never written");
      if (!versions_.empty()) check_version(slot, reply);
      return count(slot, false);
    case paxos::Status::kAlreadySet:
      if (slot.operation != paxos::Operation::kWrite || options_.hot_names == 0)
        return wrong("a write to a fresh name was refused");
      if (!known_value) return wrong("a refusal shows a value never written");
      return count(slot, true);
    case paxos::Status::kEmpty:
      if (!read || (!options_.unset && (!options_.mixed || slot.floor != 0)))
        return wrong("a read found a written name empty");
      return count(slot, false);
    case paxos::Status::kConflict:
      if (slot.operation != paxos::Operation::kCas)
        return wrong("an answer does not belong to the operation");
      if (options_.mixed) check_version(slot, reply);
      return count(slot, true);
    case paxos::Status::kSealed:
    case paxos::Status::kIdReused:
    case paxos::Status::kNotYet:
    case paxos::Status::kRetired:
    case paxos::Status::kDenied:
      return wrong("an answer does not belong to the operation");
    case paxos::Status::kUnknown:
      return count_error(&Errors::unknown);
    case paxos::Status::kUnavailable:
      return count_error(&Errors::unavailable);
    case paxos::Status::kOverloaded:
      return count_error(&Errors::overloaded);
    case paxos::Status::kInvalid:
      return count_error(&Errors::invalid);
  }
}

// Answers within the measured time, latencies of requests that were begun in it.
void Load::count(const Slot& slot, bool refused) {
  if (phase_ == Phase::kMeasure || phase_ == Phase::kWarmup) {
    ++(refused ? result_.refused : result_.done);
  }
  if (phase_ == Phase::kWarmup || slot.begun_ns < measure_start_ns_) return;
  const auto took = static_cast<uint64_t>(std::max<int64_t>(round_ns_ - slot.begun_ns, 0));
  result_.latency.record(took);
  if (!options_.mixed) return;
  Share& share = result_.shares[slot.operation];
  if (phase_ == Phase::kMeasure) ++(refused ? share.refused : share.done);
  share.latency.record(took);
}

void Load::count_error(uint64_t Errors::*kind) {
  if (phase_ == Phase::kMeasure || phase_ == Phase::kDrain) ++(result_.errors.*kind);
}

}  // namespace once::bench

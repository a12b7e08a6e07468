#include "tests/sim/locker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "client/retry_rules.h"
#include "client/transport.h"
#include "tests/check/checks.h"
#include "tests/check/from_client.h"
#include "tests/sim/node.h"
#include "tests/sim/node_words.h"

namespace once::sim {
namespace {

enum What : uint64_t { kTurn = 1, kConnect, kWake, kOverdue };

constexpr int64_t kMillion = 1'000'000;
constexpr int64_t kReconnectNs = 30 * kMs;
constexpr int64_t kSlackNs = 50 * kMs;       // for an answer that says that it is too late
constexpr uint32_t kStandsStill = 20'000;    // per million turns
constexpr uint32_t kGoesSilently = 200'000;  // per million ends of a holder

check::Action action_of(client::LockStep::Kind kind) {
  switch (kind) {
    case client::LockStep::Kind::kRead:
      return check::Action::kRead;
    case client::LockStep::Kind::kWait:
      return check::Action::kWait;
    default:
      return check::Action::kCas;
  }
}

paxos::ClientRequest request_of(const check::Call& call) {
  paxos::ClientRequest request;
  request.operation = call.action == check::Action::kRead   ? paxos::Operation::kRead
                      : call.action == check::Action::kWait ? paxos::Operation::kWait
                                                            : paxos::Operation::kCas;
  request.version = call.asked;
  request.id = call.id;
  request.name = call.name;
  request.value = call.value;
  return request;
}

client::Result failed(client::Outcome outcome) {
  client::Result result;
  result.outcome = outcome;
  return result;
}

}  // namespace

Locker::Locker(const Around& around, HostId host, uint64_t number)
    : around_(around), host_(host), number_(number) {}

int64_t Locker::clock_ns() const {
  const int64_t now = around_.world.now();
  return now + now * parts_per_million_ / kMillion;
}

int64_t Locker::world_ns(int64_t clock_ns) const {
  return clock_ns * kMillion / (kMillion + parts_per_million_) + 2;
}

void Locker::begin() {
  parts_per_million_ = around_.world.between(-1000, 1000);
  new_machine();
  connect();
  turn_at(around_.world.now() + around_.world.between(0, 500 * kMs));
}

void Locker::end() {
  ended_ = true;
  if (told_held_) around_.judge.on_gone(lock_, number_);
  told_held_ = false;
  if (open_) drop_connection();
}

void Locker::new_machine() {
  client::LockMachine::Terms terms;
  terms.ttl_ms = around_.plan.lock_ttl_ms;
  terms.timeout_ns = around_.plan.load.timeout_ns;
  terms.owner = fmt::format("locker-{}", number_);
  machine_ = std::make_unique<client::LockMachine>(
      std::move(terms), [this] { return request_id(number_, next_id_++); });
}

// --- the connection

void Locker::connect() {
  open_ = true;
  const size_t node = around_.world.below(around_.plan.nodes);
  const uint64_t id = around_.network.connect(host_, client_address(node), this, ++tag_);
  end_ = Network::end_of(id, 0);
}

void Locker::drop_connection() {
  open_ = false;
  channel_.close();
  around_.network.close(end_);
}

void Locker::plug_connected(uint64_t tag) {
  if (tag != tag_ || !open_) return;
  net::ClientHello hello;
  hello.core = client::kAnyCore;
  scratch_.clear();
  channel_.open(hello, scratch_);
  around_.network.send(end_, {scratch_.data(), scratch_.size()});
}

void Locker::plug_bytes(uint64_t tag, std::string bytes) {
  if (tag != tag_ || !open_) return;
  if (stands_still()) return unread_.push_back(std::move(bytes));
  const std::string why = channel_.feed(bytes, *this);
  if (is_breach(why)) around_.world.violation("a node breaks the protocol of clients: " + why);
}

void Locker::plug_closed(uint64_t tag, const char*) {
  if (tag != tag_ || !open_) return;
  if (stands_still()) {
    closed_unseen_ = true;
    return;
  }
  open_ = false;
  channel_.close();
  around_.world.after(kReconnectNs, this, kConnect);
  if (asking_) note(failed(client::Outcome::kUnknown));
}

void Locker::on_hello(const net::ServerHello&) { turn_at(around_.world.now()); }

// --- its life

void Locker::on_event(uint64_t what, uint64_t detail) {
  if (ended_) return;
  if (what == kWake) {
    if (stands_still()) return;
    for (std::string& bytes : std::exchange(unread_, {})) plug_bytes(tag_, std::move(bytes));
    if (std::exchange(closed_unseen_, false)) plug_closed(tag_, "");
    return turn();
  }
  if (what == kConnect) {
    if (!open_) connect();
    return;
  }
  if (what == kOverdue) {
    if (!asking_ || detail != correlation_ || stands_still()) return;
    drop_connection();
    around_.world.after(kReconnectNs, this, kConnect);
    return note(failed(client::Outcome::kUnknown));
  }
  if (around_.world.now() < turn_at_ns_) return;  // of an earlier plan
  turn_at_ns_ = INT64_MAX;
  turn();
}

void Locker::turn_at(int64_t world_ns) {
  world_ns = std::max(world_ns, around_.world.now());
  if (world_ns >= turn_at_ns_) return;
  turn_at_ns_ = world_ns;
  around_.world.at(world_ns, this, kTurn);
}

void Locker::turn() {
  if (ended_ || stands_still()) return;
  World& world = around_.world;
  if (world.chance(kStandsStill)) {
    const int64_t ttl_ns = around_.plan.lock_ttl_ms * kMs;
    still_until_ns_ = world.now() + world.between(0, 3 * ttl_ns);
    world.tell("locker {} stands still", number_);
    return world.at(still_until_ns_, this, kWake);
  }
  machine_->expire(clock_ns());
  tell_judge();
  if (machine_->holds(clock_ns()) && clock_ns() >= release_at_ns_) on_held();
  if (asking_) return turn_at(world.now() + 20 * kMs);
  if (machine_->idle()) {
    choose_a_lock();
    machine_->begin(world.between(0, 3 * kSecond), clock_ns());
  }
  const client::LockStep step = machine_->next(clock_ns());
  tell_judge();
  act(step);
}

void Locker::choose_a_lock() {
  lock_ = fmt::format("lock-{}", around_.world.below(around_.plan.lock_names));
  new_machine();  // of another register, perhaps
}

// It has had it for long enough.
void Locker::on_held() {
  if (around_.world.chance(kGoesSilently)) {
    around_.world.tell("locker {} ends without a word", number_);
    around_.judge.on_gone(lock_, number_);
    told_held_ = false;
    asking_.reset();
    choose_a_lock();
    machine_->begin(0, clock_ns());
    return;
  }
  around_.judge.on_released(lock_, number_);
  told_held_ = false;
  machine_->stop(clock_ns());
}

void Locker::act(const client::LockStep& step) {
  World& world = around_.world;
  using Kind = client::LockStep::Kind;
  if (step.kind == Kind::kEnd) return turn_at(world.now() + world.between(kMs, 200 * kMs));
  if (step.kind != Kind::kPause) return ask(step);
  const bool holds = machine_->holds(clock_ns());
  turn_at(world_ns(holds ? std::min(step.until_ns, release_at_ns_) : step.until_ns));
}

void Locker::ask(const client::LockStep& step) {
  World& world = around_.world;
  if (!open_ || !channel_.ready()) return turn_at(world.now() + 20 * kMs);
  const bool again = step.kind == client::LockStep::Kind::kCas && step.id == change_;
  if (!again) {
    check::Call call;
    call.client = static_cast<uint32_t>(number_);
    call.name = lock_;
    call.action = action_of(step.kind);
    call.id = step.id;
    call.asked = step.version;
    call.value = step.value;
    call.call_ns = world.now();
    call_ = around_.history.size();
    around_.history.push_back(std::move(call));
  }
  if (step.kind == client::LockStep::Kind::kCas && !again) {
    change_ = step.id;
    change_call_ = call_;
    maybe_ = false;
  }
  if (again) {  // whatever was said before, it may happen now
    call_ = change_call_;
    around_.history[call_].outcome = check::Outcome::kUnknown;
    around_.history[call_].return_ns = check::kNever;
  }
  const check::Call& call = around_.history[call_];
  world.tell("locker {} calls {} {}@{} as {}", number_, check::action_name(call.action), call.name,
             call.asked, call.id.low);
  asking_ = step;
  ++operations_;
  calls_[++correlation_] = call_;
  paxos::ClientRequest request = request_of(call);
  const int64_t left_ns = std::max(step.until_ns - clock_ns(), kMs);
  request.timeout_ms = static_cast<uint32_t>(left_ns / kMs);
  scratch_.clear();
  net::encode_request(correlation_, request, scratch_);
  around_.network.send(end_, {scratch_.data(), scratch_.size()});
  world.after(left_ns + kSlackNs, this, kOverdue, correlation_);
  if (machine_->holds(clock_ns())) turn_at(world_ns(release_at_ns_));
}

void Locker::on_reply(uint64_t correlation, const paxos::ClientReply& reply) {
  // One that ended without a word has nobody who asked.
  if (!asking_ || correlation != correlation_) return;
  const paxos::ClientRequest question = request_of(around_.history[call_]);
  switch (client::meaning_of(question, reply)) {
    case client::Meaning::kFinal:
    case client::Meaning::kFinalIfAlone:
      return note(client::result_of(question, reply));
    case client::Meaning::kNothing:
      return note(failed(client::Outcome::kUnavailable));
    case client::Meaning::kNotYet:
      return note(failed(client::Outcome::kNotYet));
    case client::Meaning::kMayHaveHappened:
      return note(failed(client::Outcome::kUnknown));
  }
}

// Writes down what became of the question, and has it answered.
void Locker::note(client::Result result) {
  check::Call& call = around_.history[call_];
  const bool change = check::changes(call.action);
  if (!change && result.outcome == client::Outcome::kUnknown) {
    result.outcome = client::Outcome::kUnavailable;
  }
  if (change && result.outcome == client::Outcome::kUnknown) maybe_ = true;
  check::take_answer(call, result);
  const bool clear = call.outcome != check::Outcome::kNothing && !check::may_be_its_own_doing(call);
  if (change && maybe_ && !clear) call.outcome = check::Outcome::kUnknown;
  call.return_ns = call.outcome == check::Outcome::kUnknown ? check::kNever : around_.world.now();
  answer(result);
}

void Locker::answer(const client::Result& result) {
  around_.world.mix(static_cast<uint64_t>(result.outcome), call_);
  around_.world.tell("locker {} gets {} for {}: version {}", number_,
                     client::outcome_name(result.outcome), lock_, result.version);
  asking_.reset();
  machine_->on_answer(result, clock_ns());
  tell_judge();
  turn_at(around_.world.now() + 1);
}

// The judge hears what the machine believes, whenever that may have changed.
void Locker::tell_judge() {
  const bool holds = machine_->holds(clock_ns());
  const int64_t until_ns = machine_->leased_until_ns();
  if (!holds && told_held_) around_.judge.on_lost(lock_, number_);
  if (holds && !told_held_) {
    around_.judge.on_taken(lock_, number_, machine_->token(), world_ns(until_ns) - 4);
    const int64_t ttl_ns = around_.plan.lock_ttl_ms * kMs;
    release_at_ns_ = clock_ns() + around_.world.between(0, 4 * ttl_ns);
  } else if (holds && until_ns != told_until_ns_) {
    around_.judge.on_renewed(lock_, number_, world_ns(until_ns) - 4);
  }
  told_held_ = holds;
  told_until_ns_ = until_ns;
}

const check::Call* Locker::call_of(uint64_t correlation) const {
  const auto found = calls_.find(correlation);
  return found == calls_.end() ? nullptr : &around_.history[found->second];
}

}  // namespace once::sim

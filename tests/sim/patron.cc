#include "tests/sim/patron.h"

#include <algorithm>

#include "client/retry_rules.h"
#include "client/transport.h"
#include "tests/check/checks.h"
#include "tests/check/from_client.h"
#include "tests/sim/node.h"
#include "tests/sim/node_words.h"

namespace once::sim {
namespace {

enum What : uint64_t { kAsk = 1, kConnect = 2 };

constexpr int64_t kReconnectNs = 100 * kMs;

// Of what the oracle counts: see draw_call().
constexpr int64_t kShortestWaitNs = 100 * kMs;
constexpr int64_t kLongestWaitNs = 4 * kSecond;

}  // namespace

void Patron::begin() { connect(); }

void Patron::connect() {
  open_ = true;
  const uint64_t id = around_.network.connect(host_, client_address(node_), this, ++tag_);
  end_ = Network::end_of(id, 0);
}

void Patron::plug_connected(uint64_t tag) {
  if (tag != tag_) return;
  net::ClientHello hello;
  hello.core = client::kAnyCore;
  scratch_.clear();
  channel_.open(hello, scratch_);
  around_.network.send(end_, {scratch_.data(), scratch_.size()});
}

void Patron::plug_bytes(uint64_t tag, std::string bytes) {
  if (tag != tag_ || !open_) return;
  const std::string why = channel_.feed(bytes, *this);
  if (is_breach(why)) around_.world.violation("a node breaks the protocol of clients: " + why);
}

void Patron::plug_closed(uint64_t tag, const char* why) {
  if (tag != tag_ || !open_) return;
  open_ = false;
  channel_.close();
  if (asking_) {
    around_.world.tell("patron {} of node {} is cut off: {}", number_, node_ + 1, why);
    asking_ = false;
    around_.judge.on_closed(question_);
  }
  around_.world.after(kReconnectNs, this, kConnect);
}

void Patron::on_event(uint64_t what, uint64_t) {
  if (what == kConnect) {
    if (!open_ && !ending_) connect();
  } else if (open_ && channel_.ready() && !asking_ && !ending_) {
    ask();
  }
}

void Patron::next(int64_t pause_ns) { around_.world.after(pause_ns, this, kAsk); }

void Patron::on_hello(const net::ServerHello&) {
  next(around_.world.between(0, 2 * around_.custom.think_ns));
}

check::Call Patron::draw_call() {
  World& world = around_.world;
  Custom& custom = around_.custom;
  check::Call call;
  call.client = static_cast<uint32_t>(number_);
  call.id = request_id(number_, next_id_++);
  if (world.chance(custom.cold)) {
    call.name = fmt::format("fair-{}", ++custom.cold_names);
    call.action = check::Action::kWrite;
  } else {
    call.name = custom.hot[world.below(custom.hot.size())];
    uint32_t sum = 0;
    for (const uint32_t weight : custom.weight) sum += weight;
    auto drawn = static_cast<uint32_t>(world.below(sum));
    size_t action = 0;
    while (drawn >= custom.weight[action]) drawn -= custom.weight[action++];
    call.action = static_cast<check::Action>(action);
  }
  if (check::takes_value(call.action)) call.value = fmt::format("p{}/{}", number_, next_id_);
  if (!check::takes_version(call.action)) return call;
  const auto newest = around_.shared.newest.find(call.name);
  call.asked = newest == around_.shared.newest.end() ? 0 : newest->second;
  // For news that is there already, for the next, and for what will not come.
  if (call.action == check::Action::kWait) {
    const uint64_t dice = world.below(8);
    if (dice == 0) call.asked = 0;
    if (dice == 1) call.asked += 1'000'000;
    if (dice == 2 && call.asked > 0) --call.asked;
  }
  return call;
}

void Patron::ask() {
  World& world = around_.world;
  check::Call call = draw_call();
  call.call_ns = world.now();
  const bool waits = call.action == check::Action::kWait;
  const int64_t timeout =
      waits ? world.between(kShortestWaitNs, kLongestWaitNs) : around_.custom.timeout_ns;
  question_ = {node_, call.action, call.name, call.asked, world.now(), world.now() + timeout};
  world.tell("patron {} of node {} calls {} {}@{} as {}", number_, node_ + 1,
             check::action_name(call.action), call.name, call.asked, call.id.low);
  ++operations_;
  asking_ = true;
  call_ = around_.history.size();
  calls_[++correlation_] = call_;
  around_.history.push_back(std::move(call));
  paxos::ClientRequest request = request_of(around_.history[call_]);
  request.timeout_ms = static_cast<uint32_t>(timeout / kMs);
  scratch_.clear();
  net::encode_request(correlation_, request, scratch_);
  around_.network.send(end_, {scratch_.data(), scratch_.size()});
}

paxos::ClientRequest Patron::request_of(const check::Call& call) const {
  static constexpr paxos::Operation kOperations[check::kActions] = {
      paxos::Operation::kWrite, paxos::Operation::kRead, paxos::Operation::kSet,
      paxos::Operation::kCas,   paxos::Operation::kSeal, paxos::Operation::kNext,
      paxos::Operation::kCheck, paxos::Operation::kWait};
  paxos::ClientRequest request;
  request.operation = kOperations[static_cast<size_t>(call.action)];
  request.version = call.asked;
  request.id = call.id;
  request.name = call.name;
  request.value = call.value;
  return request;
}

void Patron::on_reply(uint64_t correlation, const paxos::ClientReply& reply) {
  World& world = around_.world;
  if (!asking_ || correlation != correlation_) {
    return world.violation("a node answered what nobody asked, or twice");
  }
  asking_ = false;
  check::Call& call = around_.history[call_];
  const paxos::ClientRequest question = request_of(call);
  const client::Meaning meaning = client::meaning_of(question, reply);
  world.mix(static_cast<uint64_t>(reply.status), call_);
  world.tell("patron {} of node {} gets status {} for {} {} as {}: version {}", number_, node_ + 1,
             static_cast<int>(reply.status), check::action_name(call.action), call.name,
             call.id.low, reply.state.version);
  if (meaning == client::Meaning::kFinal || meaning == client::Meaning::kFinalIfAlone) {
    check::take_answer(call, client::result_of(question, reply));
    call.return_ns = world.now();
  } else if (meaning == client::Meaning::kMayHaveHappened) {
    call.outcome = check::Outcome::kUnknown;
  } else {
    call.outcome = check::Outcome::kNothing;
    call.return_ns = world.now();
  }
  if (check::shows_state(call) && call.version != 0) {
    around_.judge.shown(call.name, call.version);
    uint64_t& newest = around_.shared.newest[call.name];
    newest = std::max(newest, call.version);
  }
  around_.judge.on_answer(question_, reply.status);
  const bool full =
      reply.status == paxos::Status::kOverloaded || reply.status == paxos::Status::kUnavailable;
  const int64_t pause = full ? 10 * kMs : 0;
  next(pause + world.between(0, 2 * around_.custom.think_ns));
}

bool Patron::is_owed() { return asking_ && around_.judge.on_waiting(question_); }

const check::Call* Patron::call_of(uint64_t correlation) const {
  const auto found = calls_.find(correlation);
  return found == calls_.end() ? nullptr : &around_.history[found->second];
}

}  // namespace once::sim

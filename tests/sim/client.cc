#include "tests/sim/client.h"

#include <algorithm>

#include "base/assert.h"
#include "tests/check/checks.h"
#include "tests/check/from_client.h"
#include "tests/sim/node.h"

namespace once::sim {
namespace {

enum What : uint64_t { kTick = 1, kNext = 2, kRetry = 3 };

client::SessionOptions session_options(const Plan& plan, uint64_t seed) {
  client::SessionOptions options;
  for (size_t node = 0; node < plan.nodes; ++node) {
    options.endpoints.push_back(client_address(node));
  }
  options.seed = seed;
  return options;
}

constexpr std::string_view kOpenPrefix = "var-";  // of names that are no write-once switches

bool is_answer(client::Outcome outcome) {
  return outcome == client::Outcome::kDone || outcome == client::Outcome::kRefused ||
         outcome == client::Outcome::kEmpty;
}

paxos::Operation operation_of(check::Action action) {
  switch (action) {
    case check::Action::kWrite:
      return paxos::Operation::kWrite;
    case check::Action::kRead:
      return paxos::Operation::kRead;
    case check::Action::kSet:
      return paxos::Operation::kSet;
    case check::Action::kCas:
      return paxos::Operation::kCas;
    case check::Action::kSeal:
      return paxos::Operation::kSeal;
    case check::Action::kNext:
      return paxos::Operation::kNext;
    case check::Action::kCheck:
      return paxos::Operation::kCheck;
    case check::Action::kWait:
      return paxos::Operation::kWait;
  }
  return paxos::Operation::kRead;
}

std::string with_article(std::string_view text) { return "a " + std::string(text); }

}  // namespace

class SimClient::Arrival final : public net::ClientChannelHandler {
 public:
  Arrival(SimClient& client, client::PathId path) : client_(client), path_(path) {}
  void on_hello(const net::ServerHello& hello) override {
    client_.session_.on_ready(path_, hello, client_.world_.now());
  }
  void on_reply(uint64_t correlation, const paxos::ClientReply& reply) override {
    client_.session_.on_reply(path_, correlation, reply, client_.world_.now());
  }

 private:
  SimClient& client_;
  client::PathId path_;
};

SimClient::SimClient(World& world, Network& network, Oracle& oracle, const Plan& plan, size_t index,
                     check::History& history, Shared& shared)
    : world_(world),
      network_(network),
      oracle_(oracle),
      plan_(plan),
      index_(index),
      history_(history),
      shared_(shared),
      session_(session_options(plan, world.prng().next()), this) {}

void SimClient::begin() {
  for (size_t i = 0; i < plan_.load.in_flight; ++i) {
    world_.after(world_.between(0, 2 * plan_.load.think_ns), this, kNext);
  }
}

void SimClient::insist() { insists_ = true; }

// --- the load
// -------------------------------------------------------------------------------------

std::string SimClient::draw_name() {
  const std::string kind = world_.chance(plan_.load.open) ? std::string(kOpenPrefix) : "";
  if (world_.chance(plan_.load.hot)) {
    return kind + fmt::format("hot-{}", world_.below(plan_.load.hot_names));
  }
  if (shared_.cold_names == 0 || world_.chance(plan_.load.fresh)) {
    return kind + fmt::format("cold-{}", ++shared_.cold_names);
  }
  // Mostly what others are at, too: a name is fought over when it is new.
  const uint64_t window = world_.below(10) == 0 ? 500 : plan_.load.recent;
  return kind + fmt::format("cold-{}", shared_.cold_names -
                                           world_.below(std::min(shared_.cold_names, window)));
}

std::string SimClient::draw_value() {
  std::string value = fmt::format("{}/{}", index_ + 1, next_id_);
  if (world_.chance(plan_.load.large)) {
    value.resize(world_.below(kMaxValueBytes + 1 - value.size()) + value.size(), 'x');
  } else if (world_.below(100) == 0) {
    value.clear();
  }
  return value;
}

check::Action SimClient::draw_action(const std::string& name) {
  using check::Action;
  const bool change = world_.chance(plan_.load.writes);
  if (!name.starts_with(kOpenPrefix)) {
    if (change) return Action::kWrite;
    return plan_.load.open != 0 && world_.below(20) == 0 ? Action::kWait : Action::kRead;
  }
  static constexpr Action kChanges[] = {Action::kSet, Action::kSet,  Action::kCas,  Action::kCas,
                                        Action::kCas, Action::kNext, Action::kNext, Action::kNext};
  static constexpr Action kQuestions[] = {Action::kRead, Action::kRead, Action::kCheck,
                                          Action::kWait};
  if (!change) return kQuestions[world_.below(std::size(kQuestions))];
  if (world_.chance(plan_.load.final)) {
    return world_.below(2) == 0 ? Action::kSeal : Action::kWrite;
  }
  return kChanges[world_.below(std::size(kChanges))];
}

uint64_t SimClient::newest(const std::string& name) const {
  const auto found = shared_.newest.find(name);
  return found == shared_.newest.end() ? 0 : found->second;
}

// Mostly the newest that anybody was shown, else a neighbour.
uint64_t SimClient::draw_version(const std::string& name) {
  const uint64_t version = newest(name);
  const uint64_t dice = world_.below(6);
  return dice == 0 ? version + 1 : dice == 1 && version > 0 ? version - 1 : version;
}

void SimClient::new_operation() {
  std::string name = draw_name();
  const check::Action action = draw_action(name);
  // Some reads come before the first write, and while it is under way.
  if (action == check::Action::kRead && world_.below(5) == 0) {
    name = fmt::format("cold-{}", shared_.cold_names + 1 + world_.below(2));
  }
  start(name, action);
}

void SimClient::probe(const std::string& name, bool change) {
  const bool open = name.starts_with(kOpenPrefix);
  if (change) {
    start(name, open ? check::Action::kNext : check::Action::kWrite);
  } else {
    start(name, open && world_.below(2) == 0 ? check::Action::kWait : check::Action::kRead);
  }
  settle();
}

void SimClient::start(const std::string& name, check::Action action) {
  check::Call call;
  call.client = static_cast<uint32_t>(index_ + 1);
  call.name = name;
  call.action = action;
  call.id = request_id(index_ + 1, next_id_++);
  if (check::takes_version(action)) call.asked = draw_version(name);
  if (check::takes_value(action)) call.value = draw_value();
  call.call_ns = world_.now();
  world_.tell("client {} calls {} {}@{} as {}", index_ + 1, check::action_name(action), name,
              call.asked, call.id.low);
  history_.push_back(std::move(call));
  ops_.push_back({history_.size() - 1, false, true});
  calls_[history_.back().id.low] = history_.size() - 1;
  ++pending_;
  ++operations_;
  attempt(ops_.size() - 1);
}

void SimClient::attempt(size_t operation) {
  const check::Call& saw = history_[ops_[operation].call];
  client::Call call;
  call.operation = operation_of(saw.action);
  call.version = saw.asked;
  call.id = saw.id;
  call.name = saw.name;
  call.value = saw.value;
  call.deadline_ns = world_.now() + plan_.load.timeout_ns;
  call.done = [this, operation](client::Result&& result) {
    finished_.emplace_back(operation, std::move(result));
  };
  session_.submit(std::move(call), world_.now());
}

void SimClient::on_result(size_t index, client::Result&& result) {
  Operation& operation = ops_[index];
  ONCE_ASSERT(operation.active);
  const check::Call& call = history_[operation.call];
  world_.mix(static_cast<uint64_t>(result.outcome), operation.call);
  using client::Outcome;
  if (result.outcome == Outcome::kInvalid || result.outcome == Outcome::kError ||
      result.outcome == Outcome::kRetired || result.outcome == Outcome::kDenied) {
    return world_.violation(fmt::format("a valid request on {} got {}: {}", call.name,
                                        client::outcome_name(result.outcome), result.message));
  }
  if (result.outcome == client::Outcome::kUnknown) operation.maybe = true;
  if (!is_settled(operation, result) && (insists_ || world_.chance(plan_.load.retry))) {
    ++retries_;
    return world_.after(world_.between(kMs, 50 * kMs), this, kRetry, index);
  }
  record(operation, result);
  operation.active = false;
  --pending_;
  if (insists_) return;
  world_.after(world_.between(0, 2 * plan_.load.think_ns), this, kNext);
}

// Nothing is to be had by asking again.
bool SimClient::is_settled(const Operation& operation, const client::Result& result) const {
  const check::Call& call = history_[operation.call];
  if (check::happens_each_time(call.action) && operation.maybe) return true;
  // News that got lost must be found out all the same, once a majority is well.
  if (result.outcome == client::Outcome::kNotYet) return newest(call.name) <= call.asked;
  return is_answer(result.outcome);
}

void SimClient::record(Operation& operation, const client::Result& result) {
  check::Call& call = history_[operation.call];
  const bool change = check::changes(call.action);
  world_.tell("client {} gets {} for {} {} as {}: version {} by {}-{}", index_ + 1,
              client::outcome_name(result.outcome), check::action_name(call.action), call.name,
              call.id.low, result.version, result.writer.high, result.writer.low);
  check::take_answer(call, result);
  const bool unclear = !is_answer(result.outcome) || check::may_be_its_own_doing(call);
  if (change && operation.maybe && unclear) call.outcome = check::Outcome::kUnknown;
  if (call.outcome == check::Outcome::kUnknown) return;
  call.return_ns = world_.now();
  if (!check::shows_state(call) || call.version == 0) return;
  uint64_t& newest = shared_.newest[call.name];
  newest = std::max(newest, call.version);
  const std::string by = with_article(check::action_name(call.action));
  if (change && call.outcome == check::Outcome::kDone) {
    oracle_.on_made(call.name, call.version, call.writer, by.c_str());
  } else {
    oracle_.on_shown(call.name, paxos::State{call.version, call.sealed, call.writer, call.result},
                     by.c_str());
  }
}

// What callbacks left behind: the session must not be called from within them.
void SimClient::settle() {
  while (!finished_.empty()) {
    std::vector<std::pair<size_t, client::Result>> finished;
    finished.swap(finished_);
    for (auto& [operation, result] : finished) on_result(operation, std::move(result));
  }
  const int64_t wake = session_.next_wake_ns();
  if (wake >= wake_at_ && wake_at_ > world_.now()) return;
  wake_at_ = wake;
  if (wake != INT64_MAX) world_.at(std::max(wake, world_.now()), this, kTick);
}

void SimClient::on_event(uint64_t what, uint64_t detail) {
  switch (what) {
    case kTick:
      if (world_.now() >= wake_at_) wake_at_ = INT64_MAX;
      session_.on_tick(world_.now());
      break;
    case kNext:
      if (!insists_) new_operation();
      break;
    default:
      if (ops_[detail].active) attempt(detail);
      break;
  }
  settle();
}

std::string SimClient::oldest_pending() const {
  for (const Operation& operation : ops_) {
    if (!operation.active) continue;
    const check::Call& call = history_[operation.call];
    return fmt::format("{} of {} by client {} as {}, called at {:.3f} s",
                       check::action_name(call.action), call.name, index_ + 1, call.id.low,
                       static_cast<double>(call.call_ns) / 1e9);
  }
  return "";
}

const check::Call* SimClient::call_of(uint64_t correlation) const {
  const auto sent = sent_.find(correlation);
  if (sent == sent_.end()) return nullptr;
  return &history_[calls_.at(sent->second.low)];
}

void SimClient::give_up() {
  for (Operation& operation : ops_) {
    if (!operation.active) continue;
    operation.active = false;
    history_[operation.call].outcome = check::Outcome::kUnknown;
  }
}

// --- the session's transport
// ----------------------------------------------------------------------

SimClient::Path* SimClient::find(uint64_t tag) {
  const auto path = static_cast<client::PathId>(tag);
  if (path >= paths_.size() || paths_[path] == nullptr) return nullptr;
  return paths_[path]->open && paths_[path]->generation == tag >> 32 ? paths_[path].get() : nullptr;
}

void SimClient::connect(client::PathId id, const std::string& address, uint16_t core) {
  if (id >= paths_.size()) paths_.resize(id + 1);
  if (paths_[id] == nullptr) paths_[id] = std::make_unique<Path>();
  Path& path = *paths_[id];
  ONCE_ASSERT(!path.open);
  path.open = true;
  path.core = core;
  const uint64_t tag = uint64_t{++path.generation} << 32 | id;
  const auto host = static_cast<HostId>(plan_.nodes + index_);
  path.end = Network::end_of(network_.connect(host, address, this, tag), 0);
}

bool SimClient::send(client::PathId id, uint64_t correlation, const paxos::ClientRequest& request) {
  if (id >= paths_.size() || paths_[id] == nullptr) return false;
  Path& path = *paths_[id];
  if (!path.open || !path.channel.ready()) return false;
  scratch_.clear();
  net::encode_request(correlation, request, scratch_);
  sent_[correlation] = request.id;
  network_.send(path.end, {scratch_.data(), scratch_.size()});
  return true;
}

void SimClient::close(client::PathId id) {
  if (id >= paths_.size() || paths_[id] == nullptr || !paths_[id]->open) return;
  paths_[id]->open = false;
  paths_[id]->channel.close();
  network_.close(paths_[id]->end);
}

void SimClient::plug_connected(uint64_t tag) {
  Path* path = find(tag);
  if (path == nullptr) return;
  net::ClientHello hello;
  hello.core = path->core;
  scratch_.clear();
  path->channel.open(hello, scratch_);
  network_.send(path->end, {scratch_.data(), scratch_.size()});
}

void SimClient::plug_bytes(uint64_t tag, std::string bytes) {
  Path* path = find(tag);
  if (path == nullptr) return;
  Arrival arrival(*this, static_cast<client::PathId>(tag));
  const std::string why = path->channel.feed(bytes, arrival);
  if (!why.empty()) {
    close(static_cast<client::PathId>(tag));
    session_.on_closed(static_cast<client::PathId>(tag), why, world_.now());
  }
  settle();
}

void SimClient::plug_closed(uint64_t tag, const char* why) {
  Path* path = find(tag);
  if (path == nullptr) return;
  path->open = false;
  path->channel.close();
  const std::string_view text = *why == '\0' ? "the node closed the connection" : why;
  session_.on_closed(static_cast<client::PathId>(tag), text, world_.now());
  settle();
}

}  // namespace once::sim

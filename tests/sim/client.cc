#include "tests/sim/client.h"

#include <algorithm>

#include "base/assert.h"
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

bool is_answer(client::Outcome outcome) {
  return outcome == client::Outcome::kDone || outcome == client::Outcome::kRefused ||
         outcome == client::Outcome::kEmpty;
}

}  // namespace

class SimClient::Arrival final : public net::ClientChannelHandler {
 public:
  Arrival(SimClient& client, client::LaneId lane) : client_(client), lane_(lane) {}
  void on_hello(const net::ServerHello& hello) override {
    client_.session_.on_ready(lane_, hello, client_.world_.now());
  }
  void on_reply(uint64_t correlation, const paxos::ClientReply& reply) override {
    client_.session_.on_reply(lane_, correlation, reply, client_.world_.now());
  }

 private:
  SimClient& client_;
  client::LaneId lane_;
};

SimClient::SimClient(World& world, Network& network, Oracle& oracle, const Plan& plan, size_t index,
                     check::History& history, uint64_t& cold_names)
    : world_(world),
      network_(network),
      oracle_(oracle),
      plan_(plan),
      index_(index),
      history_(history),
      cold_names_(cold_names),
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
  if (world_.chance(plan_.load.hot)) {
    return fmt::format("hot-{}", world_.below(plan_.load.hot_names));
  }
  if (cold_names_ == 0 || world_.chance(plan_.load.fresh)) {
    return fmt::format("cold-{}", ++cold_names_);
  }
  // Mostly what others are at, too: a name is fought over when it is new.
  const uint64_t window = world_.below(10) == 0 ? 500 : plan_.load.recent;
  return fmt::format("cold-{}", cold_names_ - world_.below(std::min(cold_names_, window)));
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

void SimClient::new_operation() {
  const bool write = world_.chance(plan_.load.writes);
  // Some reads come before the first write, and while it is under way.
  const bool ahead = !write && world_.below(5) == 0;
  const std::string name =
      ahead ? fmt::format("cold-{}", cold_names_ + 1 + world_.below(2)) : draw_name();
  start(name, write, write ? draw_value() : "");
}

void SimClient::probe(const std::string& name, bool write) {
  start(name, write, write ? draw_value() : "");
  settle();
}

void SimClient::start(const std::string& name, bool write, std::string value) {
  check::Call call;
  call.client = static_cast<uint32_t>(index_ + 1);
  call.name = name;
  call.action = write ? check::Action::kWrite : check::Action::kRead;
  call.id = request_id(index_ + 1, next_id_++);
  call.value = std::move(value);
  call.call_ns = world_.now();
  world_.tell("client {} calls {} {} as {}", index_ + 1, write ? "write" : "read", name,
              call.id.low);
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
  call.operation =
      saw.action == check::Action::kWrite ? paxos::Operation::kWrite : paxos::Operation::kRead;
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
  if (result.outcome == client::Outcome::kInvalid || result.outcome == client::Outcome::kError) {
    return world_.violation(fmt::format("a valid request on {} got {}: {}", call.name,
                                        client::outcome_name(result.outcome), result.message));
  }
  if (!is_answer(result.outcome)) {
    if (result.outcome == client::Outcome::kUnknown) operation.maybe = true;
    if (insists_ || world_.chance(plan_.load.retry)) {
      ++retries_;
      return world_.after(world_.between(kMs, 50 * kMs), this, kRetry, index);
    }
  }
  record(operation, result);
  operation.active = false;
  --pending_;
  if (insists_) return;
  world_.after(world_.between(0, 2 * plan_.load.think_ns), this, kNext);
}

void SimClient::record(Operation& operation, const client::Result& result) {
  check::Call& call = history_[operation.call];
  const bool write = call.action == check::Action::kWrite;
  world_.tell("client {} gets {} for {} {} as {}: version {} by {}-{}", index_ + 1,
              client::outcome_name(result.outcome), write ? "write" : "read", call.name,
              call.id.low, result.version, result.writer.high, result.writer.low);
  if (!is_answer(result.outcome)) {
    call.outcome = write && operation.maybe ? check::Outcome::kUnknown : check::Outcome::kNothing;
    if (call.outcome == check::Outcome::kNothing) call.return_ns = world_.now();
    return;
  }
  call.return_ns = world_.now();
  call.version = result.version;
  call.sealed = result.sealed;
  call.writer = result.writer;
  call.result = result.value;
  if (result.outcome == client::Outcome::kEmpty) {
    call.outcome = check::Outcome::kEmpty;
    return;
  }
  const bool done = result.outcome == client::Outcome::kDone;
  call.outcome = done ? check::Outcome::kDone : check::Outcome::kRefused;
  if (write && done) {
    call.result = call.value;
    return oracle_.on_made(call.name, result.version, result.writer, "a write done");
  }
  oracle_.on_shown(call.name,
                   paxos::State{result.version, result.sealed, result.writer, result.value},
                   write ? "a write refused" : "a read");
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
                       call.action == check::Action::kWrite ? "write" : "read", call.name,
                       index_ + 1, call.id.low, static_cast<double>(call.call_ns) / 1e9);
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

SimClient::Lane* SimClient::find(uint64_t tag) {
  const auto lane = static_cast<client::LaneId>(tag);
  if (lane >= lanes_.size() || lanes_[lane] == nullptr) return nullptr;
  return lanes_[lane]->open && lanes_[lane]->generation == tag >> 32 ? lanes_[lane].get() : nullptr;
}

void SimClient::connect(client::LaneId id, const std::string& address, uint16_t core) {
  if (id >= lanes_.size()) lanes_.resize(id + 1);
  if (lanes_[id] == nullptr) lanes_[id] = std::make_unique<Lane>();
  Lane& lane = *lanes_[id];
  ONCE_ASSERT(!lane.open);
  lane.open = true;
  lane.core = core;
  const uint64_t tag = uint64_t{++lane.generation} << 32 | id;
  const auto host = static_cast<HostId>(plan_.nodes + index_);
  lane.end = Network::end_of(network_.connect(host, address, this, tag), 0);
}

bool SimClient::send(client::LaneId id, uint64_t correlation, const paxos::ClientRequest& request) {
  if (id >= lanes_.size() || lanes_[id] == nullptr) return false;
  Lane& lane = *lanes_[id];
  if (!lane.open || !lane.channel.ready()) return false;
  scratch_.clear();
  net::encode_request(correlation, request, scratch_);
  sent_[correlation] = request.id;
  network_.send(lane.end, {scratch_.data(), scratch_.size()});
  return true;
}

void SimClient::close(client::LaneId id) {
  if (id >= lanes_.size() || lanes_[id] == nullptr || !lanes_[id]->open) return;
  lanes_[id]->open = false;
  lanes_[id]->channel.close();
  network_.close(lanes_[id]->end);
}

void SimClient::plug_connected(uint64_t tag) {
  Lane* lane = find(tag);
  if (lane == nullptr) return;
  net::ClientHello hello;
  hello.core = lane->core;
  scratch_.clear();
  lane->channel.open(hello, scratch_);
  network_.send(lane->end, {scratch_.data(), scratch_.size()});
}

void SimClient::plug_bytes(uint64_t tag, std::string bytes) {
  Lane* lane = find(tag);
  if (lane == nullptr) return;
  Arrival arrival(*this, static_cast<client::LaneId>(tag));
  const std::string why = lane->channel.feed(bytes, arrival);
  if (!why.empty()) {
    close(static_cast<client::LaneId>(tag));
    session_.on_closed(static_cast<client::LaneId>(tag), why, world_.now());
  }
  settle();
}

void SimClient::plug_closed(uint64_t tag, const char* why) {
  Lane* lane = find(tag);
  if (lane == nullptr) return;
  lane->open = false;
  lane->channel.close();
  const std::string_view text = *why == '\0' ? "the node closed the connection" : why;
  session_.on_closed(static_cast<client::LaneId>(tag), text, world_.now());
  settle();
}

}  // namespace once::sim

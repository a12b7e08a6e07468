#include "tests/sim/run.h"

#include <memory>
#include <vector>

#include "net/client_codec.h"
#include "tests/check/checks.h"
#include "tests/check/register_model.h"
#include "tests/sim/alone_phase.h"
#include "tests/sim/client.h"
#include "tests/sim/fair_phase.h"
#include "tests/sim/faults.h"
#include "tests/sim/lock_judge.h"
#include "tests/sim/locker.h"
#include "tests/sim/network.h"
#include "tests/sim/node.h"

namespace once::sim {
namespace {

constexpr int64_t kLivenessBoundNs = 20 * kSecond;
constexpr size_t kProbesPerClient = 6;
constexpr size_t kMaxSearchedCalls = 12;
constexpr size_t kMaxSearchedNames = 40;

size_t hosts_of(const Plan& plan) {
  return plan.nodes + plan.clients + plan.nodes * plan.patrons + plan.lockers + 1;
}

bool shows_state(paxos::Status status) {
  switch (status) {
    case paxos::Status::kDone:
    case paxos::Status::kAlreadySet:
    case paxos::Status::kConflict:
    case paxos::Status::kSealed:
    case paxos::Status::kIdReused:
      return true;
    default:
      return false;
  }
}

class Run final : public Wiretap {
 public:
  Run(const Options& options, Story* story, Listener* listener = nullptr)
      : options_(options),
        plan_(draw_plan(options.seed)),
        world_(options.seed, story),
        rare_(world_, options.seed),
        network_(world_, plan_.nodes, hosts_of(plan_), plan_.network),
        oracle_(world_, plan_.nodes, 1),
        faults_(world_, network_, plan_, nodes_),
        lock_judge_(world_),
        fair_(world_, network_, plan_, nodes_, history_, shared_),
        alone_(world_, network_, oracle_, nodes_, static_cast<HostId>(hosts_of(plan_) - 1)) {
    network_.set_wiretap(this);
    if (plan_.churn) rare_.churn();
    if (listener != nullptr) {
      listener->listen(world_, plan_.nodes);
      network_.set_observer(listener);
    }
    for (size_t i = 0; i < plan_.nodes; ++i) {
      nodes_.push_back(std::make_unique<SimNode>(world_, network_, oracle_, plan_, i));
    }
    for (size_t i = 0; i < plan_.clients; ++i) {
      clients_.push_back(
          std::make_unique<SimClient>(world_, network_, oracle_, plan_, i, history_, shared_));
    }
    const size_t others = plan_.clients + plan_.nodes * plan_.patrons;
    for (size_t i = 0; i < plan_.lockers; ++i) {
      lockers_.push_back(
          std::make_unique<Locker>(Locker::Around{world_, network_, history_, lock_judge_, plan_},
                                   static_cast<HostId>(plan_.nodes + others + i), others + 1 + i));
    }
  }

  RunResult run() {
    world_.tell("{}", describe(plan_));
    start_nodes();
    for (auto& client : clients_) client->begin();
    for (auto& locker : lockers_) locker->begin();
    faults_.begin();
    world_.run_until(options_.seconds * kSecond);
    for (auto& locker : lockers_) locker->end();
    if (world_.violated().empty()) let_all_meet();
    if (world_.violated().empty()) liveness();
    if (world_.violated().empty()) fairness();
    if (world_.violated().empty() && plan_.alone) alone();
    if (world_.violated().empty()) check_history();
    return result();
  }

 private:
  void on_node_sends(HostId client, std::string_view frames) override;
  void start_nodes();
  void let_all_meet();
  void liveness();
  void fairness();
  void alone();
  const check::Call* call_of(HostId client, uint64_t correlation) const;
  void probe_all();
  bool all_answered() const;
  void check_history();
  void second_opinion();
  RunResult result();

  const Options options_;
  const Plan plan_;
  World world_;
  RareBranches rare_;
  Network network_;
  Oracle oracle_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  Faults faults_;
  LockJudge lock_judge_;
  check::History history_;
  Shared shared_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::vector<std::unique_ptr<Locker>> lockers_;
  FairPhase fair_;
  AlonePhase alone_;
  int64_t healed_at_ = 0;
  int64_t healing_ns_ = 0;
};

const check::Call* Run::call_of(HostId client, uint64_t correlation) const {
  const size_t index = client - plan_.nodes;
  if (client == hosts_of(plan_) - 1) return alone_.call_of(correlation);
  if (index < clients_.size()) return clients_[index]->call_of(correlation);
  const size_t patron = index - clients_.size();
  const size_t patrons = plan_.nodes * plan_.patrons;
  return patron < patrons ? fair_.call_of(patron, correlation)
                          : lockers_[patron - patrons]->call_of(correlation);
}

// What a node tells a client must be true when it says so, not only when it arrives.
void Run::on_node_sends(HostId client, std::string_view frames) {
  net::Frame frame;
  for (auto taken = net::take_frame(frames, frame); taken && *taken;
       taken = net::take_frame(frames, frame)) {
    if (frame.type != net::FrameType::kReply) continue;
    const auto reply = net::decode_reply(frame.body);
    const check::Call* call = call_of(client, frame.correlation);
    if (!reply || call == nullptr) {
      return world_.violation("a node sent a reply that cannot be read, or that nobody asked for");
    }
    if (!shows_state(reply->status) || reply->state.version == 0) continue;
    if (check::changes(call->action) && reply->status == paxos::Status::kDone) {
      oracle_.on_made(call->name, reply->state.version, reply->state.writer, "an answer under way");
    } else {
      oracle_.on_shown(call->name, reply->state, "an answer under way");
    }
  }
}

void Run::start_nodes() {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const int64_t late_ns = plan_.met ? 0 : plan_.late_ns[i];
    late_ns > 0 ? nodes_[i]->start_late(late_ns) : nodes_[i]->start();
  }
}

// Before that nothing can be demanded: no node votes that not every other one has met.
void Run::let_all_meet() {
  faults_.let_all_meet();
  const int64_t bound = world_.now() + kLivenessBoundNs;
  while (faults_.without_vote() && world_.now() < bound && world_.violated().empty()) {
    world_.run_until(std::min(bound, world_.now() + 10 * kMs));
  }
  if (const auto node = faults_.without_vote()) {
    world_.violation(fmt::format("liveness: every node is up since {} s, and node {} may not vote",
                                 kLivenessBoundNs / kSecond, *node + 1));
  }
}

bool Run::all_answered() const {
  for (const auto& client : clients_) {
    if (client->pending() > 0) return false;
  }
  return true;
}

// Every kind of name: those that were fought over, some old ones, new ones.
void Run::probe_all() {
  for (auto& client : clients_) {
    for (size_t i = 0; i < kProbesPerClient; ++i) {
      const bool write = world_.below(2) == 0;
      const uint64_t kind = world_.below(3);
      std::string name = fmt::format("probe-{}", world_.below(1000));
      if (kind == 0) name = fmt::format("hot-{}", world_.below(plan_.load.hot_names));
      if (kind == 1 && shared_.cold_names > 0)
        name = fmt::format("cold-{}", 1 + world_.below(shared_.cold_names));
      if (world_.chance(plan_.load.open)) name = "var-" + name;
      client->probe(name, write);
    }
  }
}

void Run::liveness() {
  healed_at_ = world_.now();
  for (auto& client : clients_) client->insist();
  faults_.heal_majority();
  rare_.calm();
  probe_all();
  const int64_t bound = healed_at_ + kLivenessBoundNs;
  while (!(all_answered() && !faults_.without_claim()) && world_.now() < bound &&
         world_.violated().empty()) {
    world_.run_until(std::min(bound, world_.now() + 10 * kMs));
  }
  healing_ns_ = world_.now() - healed_at_;
  if (const auto node = faults_.without_claim()) {
    world_.violation(
        fmt::format("liveness: a majority is healthy since {} s, and node {} of it has "
                    "no first ballot for its names yet",
                    kLivenessBoundNs / kSecond, *node + 1));
  }
  for (auto& client : clients_) {
    if (client->pending() > 0) {
      world_.violation(fmt::format("liveness: a majority is healthy since {} s, and yet: {}",
                                   kLivenessBoundNs / kSecond, client->oldest_pending()));
    }
    client->give_up();
  }
}

void Run::fairness() {
  rare_.silence();
  fair_.begin(faults_.healthy(), healed_at_);
  while (!fair_.is_over() && world_.violated().empty()) {
    world_.run_until(world_.now() + 10 * kMs);
  }
}

void Run::alone() {
  fair_.end();
  alone_.begin(faults_.healthy());
  while (!alone_.is_over() && world_.violated().empty()) {
    world_.run_until(world_.now() + 10 * kMs);
  }
}

void Run::check_history() {
  for (const auto& bad : check::check_all(history_)) {
    world_.violation(fmt::format("history of {}: {}", bad.name, bad.text));
  }
  second_opinion();
}

// The general search shares no rule with the exact checks. A few short ones a run are enough.
void Run::second_opinion() {
  size_t looked_at = 0;
  for (const check::NameCalls& name : check::by_name(history_)) {
    if (name.calls.size() < 3 || name.calls.size() > kMaxSearchedCalls) continue;
    if (++looked_at > kMaxSearchedNames) return;
    if (check::is_linearizable_register(name)) continue;
    world_.violation(
        fmt::format("history of {}: no order of its calls explains every answer", name.name));
  }
}

RunResult Run::result() {
  RunResult result;
  result.seed = options_.seed;
  result.hash = world_.hash();
  result.simulated_ns = world_.now();
  result.healing_ns = healing_ns_;
  result.events = world_.events();
  result.records = oracle_.records();
  result.faults = world_.faults();
  result.decisions = oracle_.decisions();
  result.rare = rare_.fired();
  for (const auto& node : nodes_) result.cleaned += node->segments_cleaned();
  result.plan = describe(plan_);
  result.violation = world_.violated();
  for (auto& client : clients_) {
    result.operations += client->operations();
    result.retries += client->retries();
  }
  result.operations += fair_.operations();
  for (auto& locker : lockers_) result.operations += locker->operations();
  result.locks = lock_judge_.counts();
  result.waits = fair_.figures();
  for (const check::Call& call : history_) {
    if (call.outcome == check::Outcome::kUnknown || call.outcome == check::Outcome::kNothing) {
      continue;
    }
    ++result.answered;
    ++result.actions[static_cast<size_t>(call.action)];
  }
  for (auto& node : nodes_) {
    const paxos::ReplicaCounters& counters = node->counters();
    result.local_reads += counters.local_reads;
    result.quorum_reads += counters.quorum_reads;
    result.changes += counters.changes;
    result.composed += counters.composed;
    result.lingered += counters.lingered;
  }
  return result;
}

}  // namespace

RunResult run_seed(const Options& options, Story* story) { return Run(options, story).run(); }

RunResult run_seed(const Options& options, Listener& listener) {
  return Run(options, &listener, &listener).run();
}

}  // namespace once::sim

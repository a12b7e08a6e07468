#include "server/node_host.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "server/exit_codes.h"
#include "server/log_line.h"

namespace once::server {

NodeHost::NodeHost(DataDirectory& directory, uint16_t cores, std::string client_address,
                   Admission::Defer defer)
    : directory_(directory),
      configuration_(directory.configuration()),
      cores_(cores),
      client_address_(std::move(client_address)),
      defer_(std::move(defer)),
      admission_(
          directory, [this](std::string_view line) { log_line(line); }, defer_),
      watch_(configuration_, [this](PeerWatch::Kind kind, std::string_view line) {
        kind == PeerWatch::Kind::kGood ? log_line(line) : warn_line(line);
      }) {
  ONCE_ASSERT(cores >= 1 && cores <= kMaxCores);
  for (const auto& [node, address] : configuration_.members) {
    if (node == configuration_.node) report_.own_hosts().add_address(address);
  }
  report_.own_hosts().add_address(client_address_);
  left_to_adopt_ = cores;
}

void NodeHost::on_adopted(CoreId) {
  if (left_to_adopt_.fetch_sub(1) != 1 || directory_.streams() <= cores_) return;
  defer_([this] { forget_streams(); });
}

// All that is needed of them is durable in the others. First there need not be more: a stream of
// which a part is gone would be taken for a loss.
void NodeHost::forget_streams() {
  const uint32_t before = directory_.streams();
  const auto removed = directory_.remember_streams(cores_).and_then(
      [this] { return directory_.remove_other_streams(); });
  if (!removed) return warn_line(removed.error().message);
  log_line(
      fmt::format("log streams {} to {} are needed no longer, and removed", cores_, before - 1));
}

void NodeHost::set_doors(reactor::ListenHandler* clients, reactor::ListenHandler* peers) {
  clients_ = clients;
  peer_listener_ = peers;
}

std::vector<NodeId> NodeHost::peers() const {
  std::vector<NodeId> others;
  for (const auto& [node, address] : configuration_.members) {
    if (node != configuration_.node) others.push_back(node);
  }
  return others;
}

net::ServerHello NodeHost::server_hello(CoreId core) {
  net::ServerHello hello;
  hello.cluster = configuration_.cluster;
  hello.epoch = configuration_.epoch;
  hello.hash_seed = configuration_.hash_seed;
  hello.shard_count = configuration_.shard_count;
  hello.node = configuration_.node;
  hello.core = core;
  const std::lock_guard lock(mutex_);
  for (const auto& [node, address] : configuration_.members) {
    net::MapMember member;
    member.node = node;
    if (node == configuration_.node) {
      member.cores = cores_;
      member.client_address = client_address_;
    } else if (const auto known = known_.find(node); known != known_.end()) {
      member = known->second;
    }
    hello.members.push_back(member);
  }
  return hello;
}

void NodeHost::on_peer(const net::PeerHello& hello) {
  const std::lock_guard lock(mutex_);
  known_[hello.node] = {hello.node, hello.cores, hello.client_address};
}

// A node that is linked says nothing new of itself: whoever does may be a stranger, who would make
// it unreachable, send its clients to himself, or speak as a later run. It waits until the links of
// the run before are down. And how far a run is beyond the last that is known is believed by the
// clock, or its claims would shut the fast path of all that come; but it is approached, for a node
// may have restarted often.
std::optional<net::SeatRefusal> NodeHost::take_seat(const net::PeerHello& hello) {
  const std::lock_guard lock(mutex_);
  Seat& seat = seats_[hello.node.value];
  const bool same = seat.cores == hello.cores && seat.client_address == hello.client_address &&
                    seat.linked_incarnation == hello.incarnation;
  if (seat.links > 0 && !same) {
    return net::SeatRefusal{net::PeerRefusal::kOtherTerms,
                            "it says another run, number of cores or client address than the link "
                            "that is up"};
  }
  const Incarnation known = seat.incarnation;
  if (hello.incarnation > known) {
    seat.incarnation.value +=
        seat.runs.spend(hello.incarnation - known, kMaxIncarnationJump, kNsPerIncarnation, now_ns_);
  }
  if (hello.incarnation > seat.incarnation) {
    return net::SeatRefusal{
        net::PeerRefusal::kRunTooFar,
        fmt::format("it says that this is its run {}, which is too far from run {}",
                    hello.incarnation.value, known.value)};
  }
  seat.linked_incarnation = hello.incarnation;
  seat.cores = hello.cores;
  seat.client_address = hello.client_address;
  ++seat.links;
  return std::nullopt;
}

void NodeHost::leave_seat(NodeId node) {
  const std::lock_guard lock(mutex_);
  ONCE_ASSERT(seats_[node.value].links > 0);
  --seats_[node.value].links;
}

net::StatusReport NodeHost::status() {
  std::vector<uint16_t> others;
  for (NodeId peer : peers()) others.push_back(peer.value);
  net::StatusReport report;
  report.node = configuration_.node;
  report.pid = static_cast<uint64_t>(::getpid());
  report.counters = summarize(snapshots(), others);
  report.counters.emplace_back("admitted", admission_.may_vote() ? 1 : 0);
  report.counters.emplace_back("withdrawn", admission_.standing() == Standing::kWithdrawn ? 1 : 0);
  for (const NodeId peer : peers()) {
    report.counters.emplace_back(fmt::format("peer_{}_met", peer.value), admission_.met_by(peer));
  }
  const auto up = std::chrono::steady_clock::now() - began_;
  report.counters.emplace_back("incarnation", incarnation_.value);
  report.counters.emplace_back("cores", cores_);
  report.counters.emplace_back("uptime_s",
                               std::chrono::duration_cast<std::chrono::seconds>(up).count());
  return report;
}

std::vector<CoreSnapshot> NodeHost::snapshots() const {
  std::vector<CoreSnapshot> cores;
  for (uint16_t core = 0; core < cores_; ++core) cores.push_back(snapshots_[core].read());
  return cores;
}

int64_t NodeHost::now_ns() const {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

std::vector<int64_t> NodeHost::silent_ns() const {
  const int64_t until_ns = now_ns();
  const int64_t began_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(began_.time_since_epoch()).count();
  std::vector<int64_t> silent;
  for (uint16_t core = 0; core < cores_; ++core) {
    const int64_t turned_ns = turned_ns_[core].load(std::memory_order_relaxed);
    silent.push_back(std::max<int64_t>(0, until_ns - (turned_ns == 0 ? began_ns : turned_ns)));
  }
  return silent;
}

NodeFigures NodeHost::figures() {
  const std::vector<CoreSnapshot> cores = snapshots();
  NodeFigures figures;
  figures.node = configuration_.node;
  figures.incarnation = incarnation_;
  figures.log_read = log_read();
  figures.admitted = admission_.may_vote();
  figures.withdrawn = admission_.standing() == Standing::kWithdrawn;
  figures.stopping = stop_requested();
  figures.silent_ns = silent_ns();
  for (const NodeId peer : peers()) {
    const LinkFigures link = link_figures(cores, peer.value);
    figures.peers.push_back({peer, link.up, admission_.met_by(peer), link.round_trip_ns});
  }
  figures.all = of_all(cores);
  for (uint16_t core = 0; core < cores_; ++core) traffic_[core].add_to(figures.traffic);
  return figures;
}

void NodeHost::publish(CoreId core, const CoreSnapshot& snapshot) {
  snapshots_[core.value].publish(snapshot);
}

void NodeHost::on_started(CoreId core) {
  if (core.value != 0) return;
  started_ = true;
  client_door_.open(clients_);
  peer_door_.open(peer_listener_);
  admin_door_.open(admin_);
  log_line(fmt::format("node {} serves clients on {}, incarnation {}", configuration_.node.value,
                       client_address_, incarnation_.value));
}

void NodeHost::on_tick(CoreId core, int64_t now_ns) {
  turned_ns_[core.value].store(now_ns, std::memory_order_relaxed);
  if (core.value != 0) return;
  if (admin_ != nullptr) admin_->on_tick(now_ns);
  admission_.on_tick(now_ns);
  PeerWatch::Linked linked{};
  {
    const std::lock_guard lock(mutex_);
    now_ns_ = now_ns;
    for (size_t node = 0; node < seats_.size(); ++node) linked[node] = seats_[node].links > 0;
  }
  if (!stop_requested())
    watch_.on_tick(linked, now_ns);  // a node that stops leaves, and loses none
}

void NodeHost::set_full(CoreId core, bool full) {
  full_[core.value].store(full, std::memory_order_relaxed);
}

bool NodeHost::any_full() {
  return std::any_of(full_.begin(), full_.begin() + cores_,
                     [](const std::atomic<bool>& full) { return full.load(); });
}

void NodeHost::set_idle(CoreId core, bool idle) {
  idle_[core.value].store(idle, std::memory_order_relaxed);
}

bool NodeHost::all_idle() {
  return std::all_of(idle_.begin(), idle_.begin() + cores_,
                     [](const std::atomic<bool>& idle) { return idle.load(); });
}

void NodeHost::log_failed(std::string_view what) {
  // At once: after a failed sync the kernel may have dropped what it could not write (DESIGN 5).
  // Other cores go on meanwhile: their logs are not this one.
  log_last_error(fmt::format("the log failed, stopping: {}", what));
  ::_exit(kExitLogFailed);
}

// As a start that finds the same: none may go on from this log.
void NodeHost::log_corrupt(std::string_view what) {
  log_last_error(fmt::format("the log is damaged, stopping: {}", what));
  ::_exit(kExitCorrupt);
}

void NodeHost::log_line(std::string_view line) { log_info(line); }
void NodeHost::warn_line(std::string_view line) { log_warning(line); }

}  // namespace once::server

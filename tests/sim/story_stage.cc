// Plays a script with the nodes that ship, on clocks, links and disks without any chance in them:
// a message takes 1 ms, a log write 0.5 ms.
#include <memory>

#include "base/hash.h"
#include "net/client_channel.h"
#include "tests/sim/node.h"
#include "tests/sim/story_teller.h"

namespace once::sim {
namespace {

constexpr int64_t kBeginNs = 200 * kMs;  // by then all nodes and clients have met
constexpr uint32_t kTimeoutMs = 5000;

Plan plan_of(const Script& script) {
  Plan plan;
  plan.nodes = kStoryNodes;
  plan.clients = script.clients.size();
  plan.cores.assign(kStoryNodes, 1);
  plan.network.delay_ns = kMs;
  plan.network.jitter_ns = 0;
  plan.disk.latency_ns = kMs / 2;
  plan.disk.jitter_ns = 0;
  plan.round_delay_ns = 0;
  return plan;
}

// One connection to each node, and no library behind it: the script says whom it asks.
class StoryClient final : public Plug {
 public:
  StoryClient(World& world, Network& network, Teller& teller, const std::string& name, HostId host)
      : world_(world), network_(network), teller_(teller), name_(name), host_(host) {
    for (HostId node = 0; node < kStoryNodes; ++node) doors_.emplace_back(*this, node);
  }

  void connect(HostId node) {
    Door& door = doors_[node];
    door.end = Network::end_of(network_.connect(host_, client_address(node), this, node), 0);
    door.open = true;
  }

  void ask(const Order& order) {
    if (order.kind == Order::Kind::kAsk) {
      question_ = order;
      id_ = request_id(host_, ++asked_);
    }
    Door& door = doors_[order.to];
    door.wanted = true;
    if (!door.open) return connect(order.to);
    if (door.channel.ready()) send(door);
  }

  void plug_connected(uint64_t tag) override {
    net::ClientHello hello;
    scratch_.clear();
    doors_[tag].channel.open(hello, scratch_);
    network_.send(doors_[tag].end, {scratch_.data(), scratch_.size()});
  }
  void plug_bytes(uint64_t tag, std::string bytes) override {
    const std::string why = doors_[tag].channel.feed(bytes, doors_[tag]);
    if (!why.empty()) world_.violation("a node breaks the protocol of clients: " + why);
  }
  void plug_closed(uint64_t tag, const char*) override {
    Door& door = doors_[tag];
    door.open = false;
    door.channel.close();
    if (!door.waits) return;
    door.waits = false;
    teller_.note(host_, "loses its connection: it cannot know what became of its request",
                 "lost: unknown");
  }

 private:
  struct Door final : public net::ClientChannelHandler {
    Door(StoryClient& client, HostId node) : client(client), node(node) {}
    void on_hello(const net::ServerHello&) override {
      if (wanted) client.send(*this);
    }
    void on_reply(uint64_t, const paxos::ClientReply&) override { waits = false; }

    StoryClient& client;
    HostId node;
    uint64_t end = 0;
    bool open = false;
    bool wanted = false;
    bool waits = false;
    net::ClientChannel channel;
  };

  void send(Door& door) {
    door.wanted = false;
    door.waits = true;
    paxos::ClientRequest request;
    request.operation = question_.operation;
    if (paxos::changes(request.operation)) request.id = id_;
    request.timeout_ms = kTimeoutMs;
    request.name = name_;
    request.value = question_.value;
    request.version = question_.version;
    scratch_.clear();
    net::encode_request(uint64_t{host_} << 32 | ++sent_, request, scratch_);
    network_.send(door.end, {scratch_.data(), scratch_.size()});
  }

  World& world_;
  Network& network_;
  Teller& teller_;
  const std::string& name_;
  const HostId host_;
  std::deque<Door> doors_;
  Order question_;
  RequestId id_;
  uint64_t asked_ = 0;
  uint64_t sent_ = 0;
  std::vector<char> scratch_;
};

class Stage final : public Actor {
 public:
  explicit Stage(const Script& script)
      : script_(script),
        plan_(plan_of(script)),
        teller_(script),
        world_(script.seed, &teller_),
        network_(world_, kStoryNodes, kStoryNodes + script.clients.size(), plan_.network),
        oracle_(world_, kStoryNodes, kHashSeed) {
    teller_.listen(&world_);
    network_.set_observer(&teller_);
    for (size_t i = 0; i < kStoryNodes; ++i) {
      nodes_.push_back(std::make_unique<SimNode>(world_, network_, oracle_, plan_, i));
    }
    for (size_t i = 0; i < script.clients.size(); ++i) {
      clients_.push_back(std::make_unique<StoryClient>(world_, network_, teller_, script.name,
                                                       static_cast<HostId>(kStoryNodes + i)));
    }
  }

  Result<Tale> play() {
    for (auto& node : nodes_) node->start();
    for (auto& client : clients_) {
      for (HostId node = 0; node < kStoryNodes; ++node) client->connect(node);
    }
    world_.run_until(kBeginNs);
    teller_.begin();
    for (size_t i = 0; i < script_.orders.size(); ++i) {
      world_.at(kBeginNs + script_.orders[i].at_ns, this, i);
    }
    world_.run_until(kBeginNs + script_.until_ns);
    if (!world_.violated().empty()) return error("violation: " + world_.violated());
    return Tale{script_, std::move(teller_).moments()};
  }

  void on_event(uint64_t what, uint64_t) override {
    const Order& order = script_.orders[what];
    switch (order.kind) {
      case Order::Kind::kAsk:
      case Order::Kind::kAskAgain:
        return clients_[order.who - kStoryNodes]->ask(order);
      case Order::Kind::kCrash:
      case Order::Kind::kPowerOff:
        return nodes_[order.who]->crash(order.kind == Order::Kind::kPowerOff);
      case Order::Kind::kStart:
        return nodes_[order.who]->start();
      case Order::Kind::kPause:
      case Order::Kind::kGoOn:
        return nodes_[order.who]->set_paused(order.kind == Order::Kind::kPause);
      case Order::Kind::kHold:
        return network_.clog(order.who, order.to, kBeginNs + order.until_ns);
    }
  }

 private:
  const Script& script_;
  const Plan plan_;
  Teller teller_;
  World world_;
  Network network_;
  Oracle oracle_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  std::vector<std::unique_ptr<StoryClient>> clients_;
};

}  // namespace

Result<Tale> play(const Script& script) { return Stage(script).play(); }

std::string lane_name(const Script& script, HostId host) {
  if (host < kStoryNodes) return fmt::format("node {}", host + 1);
  return "client " + script.clients[host - kStoryNodes];
}

}  // namespace once::sim

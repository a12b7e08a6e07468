// A simulated client: the session of the client library over simulated connections, and a load that
// retries under the same request id. Writes down what it saw for the checkers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/session.h"
#include "net/client_channel.h"
#include "tests/check/history.h"
#include "tests/sim/network.h"
#include "tests/sim/oracle.h"
#include "tests/sim/plan.h"

namespace once::sim {

// Of all clients of a run together.
struct Shared {
  uint64_t cold_names = 0;                 // how many there are
  std::map<std::string, uint64_t> newest;  // the highest version that was shown, by name
};

class SimClient final : public client::Transport, public Plug, public Actor {
 public:
  SimClient(World& world, Network& network, Oracle& oracle, const Plan& plan, size_t index,
            check::History& history, Shared& shared);

  void begin();
  // No more new ones; from now on each operation is tried until it has an answer.
  void insist();
  void probe(const std::string& name, bool change);
  size_t pending() const { return pending_; }
  std::string oldest_pending() const;
  // What the request with this number was about; nullptr: none of ours.
  const check::Call* call_of(uint64_t correlation) const;
  void give_up();  // what has no answer at the end of a run has none
  uint64_t operations() const { return operations_; }
  uint64_t retries() const { return retries_; }

  void connect(client::PathId path, const std::string& address, uint16_t core) override;
  bool send(client::PathId path, uint64_t correlation,
            const paxos::ClientRequest& request) override;
  void close(client::PathId path) override;

  void plug_connected(uint64_t tag) override;
  void plug_bytes(uint64_t tag, std::string bytes) override;
  void plug_closed(uint64_t tag, const char* why) override;
  void on_event(uint64_t what, uint64_t detail) override;

 private:
  class Arrival;
  struct Path {
    uint32_t generation = 0;
    bool open = false;
    uint64_t end = 0;
    uint16_t core = 0;
    net::ClientChannel channel;
  };
  struct Operation {
    size_t call = 0;     // in the history
    bool maybe = false;  // a try may have happened
    bool active = false;
  };

  void new_operation();
  void start(const std::string& name, check::Action action);
  void attempt(size_t operation);
  void on_result(size_t operation, client::Result&& result);
  bool is_settled(const Operation& operation, const client::Result& result) const;
  void record(Operation& operation, const client::Result& result);
  void settle();
  std::string draw_name();
  std::string draw_value();
  check::Action draw_action(const std::string& name);
  uint64_t draw_version(const std::string& name);
  uint64_t newest(const std::string& name) const;
  Path* find(uint64_t tag);

  World& world_;
  Network& network_;
  Oracle& oracle_;
  const Plan& plan_;
  const size_t index_;
  check::History& history_;
  Shared& shared_;
  client::Session session_;
  std::vector<std::unique_ptr<Path>> paths_;
  std::vector<Operation> ops_;
  std::unordered_map<uint64_t, RequestId> sent_;  // by correlation; never walked
  std::map<uint64_t, size_t> calls_;              // in the history, by the low half of their id
  std::vector<std::pair<size_t, client::Result>> finished_;
  std::vector<char> scratch_;
  bool insists_ = false;
  size_t pending_ = 0;
  uint64_t operations_ = 0;
  uint64_t retries_ = 0;
  uint64_t next_id_ = 1;
  int64_t wake_at_ = INT64_MAX;
};

}  // namespace once::sim

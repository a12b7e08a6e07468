// The end of a run: the healed nodes have missed what was written while they were away. They catch
// up by themselves, within a bound; then one of them is cut off from all others, and must answer
// every read of a sealed name that was ever chosen, alone (DESIGN 3.6).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/client_channel.h"
#include "tests/check/history.h"
#include "tests/sim/network.h"
#include "tests/sim/node.h"
#include "tests/sim/oracle.h"
#include "tests/sim/world.h"

namespace once::sim {

class AlonePhase final : public Plug, public Actor, private net::ClientChannelHandler {
 public:
  AlonePhase(World& world, Network& network, const Oracle& oracle,
             std::vector<std::unique_ptr<SimNode>>& nodes, HostId host)
      : world_(world), network_(network), oracle_(oracle), nodes_(nodes), host_(host) {}

  // `healthy`: up for good, and no link among them is blocked.
  void begin(const std::vector<size_t>& healthy);
  // Looks how far it is; true at the end.
  bool is_over();
  int64_t took_ns() const { return took_ns_; }  // until all had caught up
  const check::Call* call_of(uint64_t correlation) const;

  void plug_connected(uint64_t tag) override;
  void plug_bytes(uint64_t tag, std::string bytes) override;
  void plug_closed(uint64_t tag, const char* why) override;
  void on_event(uint64_t, uint64_t) override {}

 private:
  void on_hello(const net::ServerHello& hello) override;
  void on_reply(uint64_t correlation, const paxos::ClientReply& reply) override;
  // What some node lacks still; nothing: they have caught up.
  std::optional<std::string> missing() const;
  void cut_off();
  void ask();

  World& world_;
  Network& network_;
  const Oracle& oracle_;
  std::vector<std::unique_ptr<SimNode>>& nodes_;
  const HostId host_;
  std::vector<size_t> healthy_;
  std::vector<std::string> names_;
  std::vector<check::Call> calls_;  // correlation n is number n - 1
  int64_t begun_ns_ = 0;
  int64_t took_ns_ = 0;
  int64_t look_at_ns_ = 0;
  bool cut_ = false;
  size_t alone_ = 0;
  size_t answered_ = 0;
  uint64_t end_ = 0;
  net::ClientChannel channel_;
  std::vector<char> scratch_;
};

}  // namespace once::sim

// Finds the cluster: asks one endpoint after the other until a node knows the address of every
// member. Single-threaded, on the Io of its owner, which outlives it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/connection.h"

namespace once::bench {

class Discovery final : public ConnectionOwner {
 public:
  // `expected`: the cluster that is meant; none: that of the first node that answers.
  Discovery(reactor::Io& io, const std::vector<std::string>& endpoints,
            std::optional<ClusterId> expected, int64_t now);

  // Every 50 ms or so, until done() or failed().
  void on_tick(int64_t now);
  // The map is complete; or, after 10 s, as complete as it gets.
  bool done() const { return mistake_.empty() && (complete_ || (late_ && !map_.members.empty())); }
  // No node has answered in 10 s, or one of another cluster has: why.
  std::string failure() const;
  const net::ServerHello& map() const { return map_; }

 private:
  void on_hello(Connection& connection, const net::ServerHello& hello) override;
  void on_reply(Connection&, uint64_t, const paxos::ClientReply&) override {}
  void on_protocol_error(Connection& connection, std::string what) override;
  void on_lost(Connection& connection, std::string_view why) override;

  const std::vector<std::string>& endpoints_;
  const std::optional<ClusterId> expected_;
  std::string asked_;  // the endpoint that is probed
  std::string mistake_;
  Connection probe_;
  int64_t end_ns_;
  int64_t next_probe_ns_;
  size_t next_endpoint_ = 0;
  bool complete_ = false;
  bool late_ = false;
  std::string last_trouble_ = "no answer";
  bool told_ = false;  // why, before the connection closed
  net::ServerHello map_;
};

}  // namespace once::bench

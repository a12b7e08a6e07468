// A client of one node: one connection, one question at a time, the next soon after the answer. No
// library stands between: what the node says, and when, is what the oracle of fairness sees. Writes
// down what it saw for the checkers.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/client_channel.h"
#include "tests/check/history.h"
#include "tests/sim/client.h"
#include "tests/sim/fairness.h"
#include "tests/sim/network.h"

namespace once::sim {

// What all patrons of a run ask for.
struct Custom {
  std::vector<std::string> hot;                       // registers that all of them share
  uint32_t cold = 0;                                  // per million: a name that nobody used yet
  uint64_t cold_names = 0;                            // how many there are
  std::array<uint32_t, check::kActions> weight = {};  // of each operation on a hot name
  int64_t think_ns = 0;                               // mean pause before the next
  int64_t timeout_ns = kSecond;                       // of all but waits
};

class Patron final : public Plug, public Actor, private net::ClientChannelHandler {
 public:
  struct Around {
    World& world;
    Network& network;
    check::History& history;
    Shared& shared;
    FairnessJudge& judge;
    Custom& custom;
  };
  Patron(const Around& around, HostId host, size_t node, uint64_t number)
      : around_(around), host_(host), node_(node), number_(number) {}

  void begin();
  void end() { ending_ = true; }  // nothing new
  // Has an answer to come that is judged; a violation if it is overdue.
  bool is_owed();
  // What the request with this number was about; nullptr: none of ours.
  const check::Call* call_of(uint64_t correlation) const;
  size_t node() const { return node_; }
  uint64_t operations() const { return operations_; }

  void plug_connected(uint64_t tag) override;
  void plug_bytes(uint64_t tag, std::string bytes) override;
  void plug_closed(uint64_t tag, const char* why) override;
  void on_event(uint64_t what, uint64_t detail) override;

 private:
  void on_hello(const net::ServerHello& hello) override;
  void on_reply(uint64_t correlation, const paxos::ClientReply& reply) override;
  void connect();
  void ask();
  check::Call draw_call();
  paxos::ClientRequest request_of(const check::Call& call) const;
  void next(int64_t pause_ns);

  const Around around_;
  const HostId host_;
  const size_t node_;
  const uint64_t number_;
  bool open_ = false;
  bool asking_ = false;
  bool ending_ = false;
  uint64_t tag_ = 0;  // of the connection that counts
  uint64_t end_ = 0;
  net::ClientChannel channel_;
  Question question_;
  size_t call_ = 0;  // in the history
  uint64_t correlation_ = 0;
  std::unordered_map<uint64_t, size_t> calls_;  // by correlation; never walked
  uint64_t next_id_ = 1;
  uint64_t operations_ = 0;
  std::vector<char> scratch_;
};

}  // namespace once::sim

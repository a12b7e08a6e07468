// One that takes a lock, renews and releases it: the lock machine of the client library over one
// connection of its own. Sometimes it stands still for longer than its lease, or ends without a
// word and comes back as somebody else. Its clock is up to a thousandth off. What it believes is
// told to the judge, what it asks is written down for the checkers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/lock_machine.h"
#include "net/client_channel.h"
#include "tests/check/history.h"
#include "tests/sim/lock_judge.h"
#include "tests/sim/network.h"
#include "tests/sim/plan.h"

namespace once::sim {

class Locker final : public Plug, public Actor, private net::ClientChannelHandler {
 public:
  struct Around {
    World& world;
    Network& network;
    check::History& history;
    LockJudge& judge;
    const Plan& plan;
  };
  Locker(const Around& around, HostId host, uint64_t number);

  void begin();
  void end();  // nothing more, and what it holds is left
  // What the request with this number was about; nullptr: none of ours.
  const check::Call* call_of(uint64_t correlation) const;
  uint64_t operations() const { return operations_; }

  void plug_connected(uint64_t tag) override;
  void plug_bytes(uint64_t tag, std::string bytes) override;
  void plug_closed(uint64_t tag, const char* why) override;
  void on_event(uint64_t what, uint64_t detail) override;

 private:
  void on_hello(const net::ServerHello& hello) override;
  void on_reply(uint64_t correlation, const paxos::ClientReply& reply) override;

  int64_t clock_ns() const;
  int64_t world_ns(int64_t clock_ns) const;  // when the clock has shown it for sure
  bool stands_still() const { return around_.world.now() < still_until_ns_; }

  void connect();
  void drop_connection();
  void new_machine();
  void turn();
  void turn_at(int64_t world_ns);
  void act(const client::LockStep& step);
  void choose_a_lock();
  void on_held();
  void ask(const client::LockStep& step);
  void note(client::Result result);
  void answer(const client::Result& result);
  void tell_judge();

  const Around around_;
  const HostId host_;
  const uint64_t number_;
  int64_t parts_per_million_ = 0;  // that the clock is fast
  bool ended_ = false;

  bool open_ = false;
  uint64_t tag_ = 0;  // of the connection that counts
  uint64_t end_ = 0;
  net::ClientChannel channel_;
  std::vector<std::string> unread_;  // while it stands still
  bool closed_unseen_ = false;

  std::unique_ptr<client::LockMachine> machine_;
  std::string lock_;
  int64_t release_at_ns_ = 0;   // on the clock
  int64_t still_until_ns_ = 0;  // in the world
  int64_t turn_at_ns_ = INT64_MAX;
  bool told_held_ = false;  // what the judge knows of it
  int64_t told_until_ns_ = 0;

  std::optional<client::LockStep> asking_;
  size_t call_ = 0;         // in the history, of what is asked
  RequestId change_;        // the last cas,
  size_t change_call_ = 0;  // and where it is
  bool maybe_ = false;      // an attempt of it may have happened
  uint64_t correlation_ = 0;
  std::unordered_map<uint64_t, size_t> calls_;  // by correlation; never walked
  uint64_t next_id_ = 1;
  uint64_t operations_ = 0;
  std::vector<char> scratch_;
};

}  // namespace once::sim

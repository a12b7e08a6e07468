// The load: finds the cluster, connects, prepares names, warms up, measures, drains. One object,
// one run, one thread, on one Io; the other loads of its team do the same beside it. At most
// Options::in_flight requests exist at any time.
//
// Latency counts for requests begun in the measured time, whenever they are answered; throughput
// counts answers within it. With a rate, a request begins when it was due, not when it was sent.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "bench/connection.h"
#include "bench/discovery.h"
#include "bench/load_result.h"
#include "bench/names.h"
#include "bench/options.h"
#include "bench/progress.h"
#include "bench/team.h"
#include "bench/versions.h"
#include "bench/zipf.h"
#include "reactor/io.h"

namespace once::bench {

class Load final : public ConnectionOwner, public reactor::BatchHandler {
 public:
  // `whole`: of the run, of which this load does its share. The team outlives it.
  Load(reactor::Io& io, const Options& whole, Place place);
  LoadResult run();

 private:
  enum class Phase { kDiscover, kConnect, kPrepare, kWarmup, kMeasure, kDrain, kOver };
  struct Slot {
    int64_t begun_ns = 0;
    uint32_t connection = 0;
    uint32_t generation = 0;
    uint32_t name = 0;  // of names_, where those are used
    paxos::Operation operation = paxos::Operation::kWrite;
    uint64_t floor = 0;     // the highest version of the name answered before it was sent
    uint64_t expected = 0;  // cas: the version that it asked for
    bool busy = false;
    // cas: what this caller knows of a name, and how often it has won
    uint32_t known_name = 0;
    uint64_t known_version = 0;
    uint64_t wins = 0;
  };

  void on_hello(Connection& connection, const net::ServerHello& hello) override;
  void on_reply(Connection& connection, uint64_t correlation,
                const paxos::ClientReply& reply) override;
  void on_protocol_error(Connection& connection, std::string what) override;
  void on_lost(Connection& connection, std::string_view why) override;
  void on_timer(uint64_t token) override;
  void on_wake() override {}
  void on_batch_end() override;

  int64_t round_ns();
  void enter(Phase phase, int64_t now);
  void advance(int64_t now);
  void interrupt(int64_t now);
  void fail(std::string why);
  void finish();
  void show_progress(int64_t now);

  void plan(int64_t now);
  const net::ServerHello& map() const { return discovery_->map(); }
  void make_names();
  size_t draw_of(size_t target);
  double until_next_ns();
  double first_due_ns() const;
  void reopen_lost(int64_t now);

  void pump(int64_t now);
  bool may_begin(int64_t now);
  bool send_next(Connection& connection, int64_t now);
  bool send_request(Connection& connection, int64_t begun_ns, paxos::Operation operation,
                    RequestId id, std::string_view name, uint32_t name_index);
  bool draw_id(RequestId& id);
  void release(uint32_t slot);
  void settle_prepared(uint32_t name, const paxos::ClientReply& reply);
  paxos::Operation draw_operation();
  void check_version(const Slot& slot, const paxos::ClientReply& reply);
  void learn(Slot& slot, const paxos::ClientReply& reply);
  void settle(const Slot& slot, const paxos::ClientReply& reply);
  void count(const Slot& slot, bool refused);
  void count_error(uint64_t Errors::*kind);
  void wrong(std::string what);

  reactor::Io& io_;
  const Place place_;
  const size_t connections_before_;  // of the other loads
  Options options_;
  LoadResult result_;
  Phase phase_ = Phase::kDiscover;
  int64_t phase_end_ns_ = 0;
  int64_t measure_start_ns_ = 0;
  bool begun_ = false;    // the load, be it of the warm-up
  bool ready_ = false;    // to begin it: what is left is to wait for the team
  int64_t round_ns_ = 0;  // when the first bytes of this round were seen; 0: none yet
  uint64_t run_;
  std::string value_;

  std::unique_ptr<Discovery> discovery_;
  std::string last_trouble_ = "no answer";
  std::vector<Target> targets_;  // connection i belongs to targets_[i % size]
  std::vector<std::unique_ptr<Connection>> connections_;
  size_t cursor_ = 0;

  std::unique_ptr<NameSource> source_;
  std::vector<std::string> names_;            // hot or prepared; empty: unique writes
  std::vector<std::vector<uint32_t>> pools_;  // by target: indexes into names_
  std::vector<size_t> pool_at_;
  std::vector<RequestId> prepare_ids_;  // by name: the same in each try
  std::deque<uint32_t> to_prepare_;
  size_t prepared_ = 0;

  std::vector<Versions> versions_;  // next and mix: by name
  Prng prng_;                       // of a mix, of popularity, of times
  std::optional<Zipf> zipf_;

  // Drawn in pump(), for what is about to be sent; none is kept.
  std::array<RequestId, 64> ids_;
  size_t ids_left_ = 0;

  std::vector<Slot> slots_;
  std::deque<uint32_t> free_slots_;  // who has waited longest comes first, as callers would
  double due_ns_ = 0;                // with a rate: when the next request begins
  int64_t due_timer_ns_ = 0;
  Progress progress_;
};

}  // namespace once::bench

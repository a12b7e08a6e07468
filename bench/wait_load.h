// The load of `--op wait`: waiters stand on one node, each for a name of its own, while others
// write these names at their homes, one after the other. Measured is the time from the answer that
// the writer got to the one that the waiter got. Whoever was told waits for another name. One
// object, one run, one thread, on one Io.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "bench/discovery.h"
#include "bench/load_result.h"
#include "bench/names.h"
#include "bench/options.h"
#include "bench/progress.h"
#include "reactor/io.h"

namespace once::bench {

class WaitLoad final : public ConnectionOwner, public reactor::BatchHandler {
 public:
  WaitLoad(reactor::Io& io, const Options& options);
  LoadResult run();

 private:
  enum class Phase { kDiscover, kConnect, kPlaces, kWarmup, kMeasure, kDrain, kOver };
  struct Waiter {
    std::string name;
    RequestId write_id;
    uint32_t generation = 0;  // of its name
    int64_t asked_ns = 0;
    int64_t written_ns = 0;  // when the writer was told; 0: not yet
    bool writing = false;    // its write is under way
    bool told = false;
  };
  struct Retry {
    uint32_t waiter = 0;
    int64_t at_ns = 0;
  };

  void on_hello(Connection& connection, const net::ServerHello& hello) override;
  void on_reply(Connection& connection, uint64_t correlation,
                const paxos::ClientReply& reply) override;
  void on_protocol_error(Connection& connection, std::string what) override;
  void on_lost(Connection& connection, std::string_view why) override;
  void on_timer(uint64_t token) override;
  void on_wake() override {}
  void on_batch_end() override;

  void enter(Phase phase, int64_t now);
  void advance(int64_t now);
  void interrupt(int64_t now);
  void connect();
  Connection& waiting_on(uint32_t waiter) { return *connections_[waiter % waiting_]; }
  Connection& home_of(std::string_view name);
  void take_place(uint32_t waiter, int64_t now);
  void wait(uint32_t waiter);
  void write_due(int64_t now);
  void retry_due(int64_t now);
  bool write(uint32_t waiter);
  void on_written(uint32_t waiter, const paxos::ClientReply& reply);
  void on_told(uint32_t waiter, const paxos::ClientReply& reply);
  void settle(uint32_t waiter, int64_t behind_ns);
  bool is_quiet() const { return writing_ == 0 && untold_ == 0; }
  void wrong(std::string what);
  void fail(std::string why);
  void finish();

  reactor::Io& io_;
  const Options& options_;
  LoadResult result_;
  Phase phase_ = Phase::kDiscover;
  int64_t phase_end_ns_ = 0;
  int64_t measure_start_ns_ = 0;
  const uint64_t run_;
  const std::string value_;
  std::unique_ptr<Discovery> discovery_;
  std::unique_ptr<NameSource> source_;
  std::vector<Target> targets_;  // cores of all members; waiters stand on the first one
  size_t waiting_ = 0;           // connections with waiters; behind them one for each target
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Waiter> waiters_;
  std::deque<uint32_t> to_write_;  // who has waited longest comes first
  std::deque<Retry> to_retry_;     // in the order of their times
  double due_ns_ = 0;              // when the next write begins
  Progress progress_;
  size_t writing_ = 0;  // writes under way
  size_t untold_ = 0;   // waiters whose name is written, and who were not told
};

}  // namespace once::bench

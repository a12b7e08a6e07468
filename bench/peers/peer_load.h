// The load on a peer: connects, writes the names that reads need, warms up, measures, drains. One
// object, one run, one thread, on one Io. As once-bench does it, latency counts for requests begun
// in the measured time, whenever they are answered, and throughput counts answers within it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/histogram.h"
#include "bench/peers/gaps.h"
#include "bench/peers/peer_connection.h"
#include "bench/peers/peer_options.h"

namespace once::bench::peers {

struct PeerResult {
  std::string failure;  // not empty: the run did not take place
  Histogram latency;    // ns
  uint64_t done = 0;
  uint64_t refused = 0;  // creates of names that existed, reads of names that did not
  uint64_t errors = 0;   // attempts that failed; each was made again
  std::string first_error;
  double seconds = 0;              // that were measured
  double cpu_seconds = 0;          // of this process meanwhile
  uint64_t written = 0;            // creates that were done, those before and after it included
  int64_t longest_gap_ns = 0;      // of one caller without a success
  int64_t longest_silence_ns = 0;  // of all
};

class PeerLoad final : public PeerConnectionOwner, public reactor::BatchHandler {
 public:
  PeerLoad(reactor::Io& io, const PeerOptions& options);
  PeerResult run();

 private:
  enum class Phase : uint8_t { kConnect, kPrepare, kWarmup, kMeasure, kDrain, kClose, kOver };
  struct Request {
    uint64_t name = 0;
    int64_t begun_ns = 0;  // its first attempt
    int64_t tried_ns = 0;  // its last one
    bool creates = true;
    bool busy = false;
    bool again = false;  // an earlier attempt may have been done
  };

  void on_ready(PeerConnection& connection) override;
  void on_lost(PeerConnection& connection, std::string_view why) override;
  void on_answer(Caller caller, Answer answer, std::string_view why) override;
  void on_timer(uint64_t token) override;
  void on_wake() override {}
  void on_batch_end() override;

  int64_t round_ns();
  void advance(int64_t now);
  void enter(Phase phase, int64_t now);
  void fail(std::string why);
  bool is_asking() const { return phase_ >= Phase::kPrepare && phase_ <= Phase::kMeasure; }

  PeerConnection& connection_of(Caller caller) {
    return *connections_[caller % connections_.size()];
  }
  std::string name_of(uint64_t number) const;
  bool take_name(Request& request);
  void pump(int64_t now);
  void ask(Caller caller, int64_t now);
  void settle(Caller caller, bool success, int64_t now);
  void count_failed(std::string_view why);
  void reopen(int64_t now);
  void leave_silent(int64_t now);

  reactor::Io& io_;
  const PeerOptions options_;
  const uint64_t run_;
  const std::string value_;
  Phase phase_ = Phase::kConnect;
  int64_t phase_end_ns_ = 0;
  int64_t measure_start_ns_ = 0;
  int64_t round_ns_ = 0;  // when the first bytes of this round were seen; 0: none yet
  double cpu_at_start_ = 0;

  std::vector<std::unique_ptr<PeerConnection>> connections_;
  std::vector<Request> requests_;  // by caller
  std::vector<Caller> idle_;       // begin at the end of the round
  std::vector<Caller> paused_;     // begin at the next tick
  size_t busy_ = 0;
  uint64_t next_name_ = 0;
  uint64_t prepared_ = 0;
  Gaps gaps_;
  PeerResult result_;
};

}  // namespace once::bench::peers

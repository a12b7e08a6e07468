// How one core learns what was decided without it (DESIGN 3.6). It compares its digest with those
// of the other members' cores, asks one of them at a time for the names that it lacks, page by
// page, and then for their states, at a bounded rate; what nobody says to be decided it asks a
// majority.
//
// Contract. It decides nothing and writes nothing: whoever runs it learns what it found, and tells
// it what came of that. An answer counts only for the question that it answers; a lost one is asked
// again, or the pass begins anew. Memory is bounded, and none is allocated while nothing is
// missing.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/fifo.h"
#include "paxos/acceptor.h"
#include "paxos/candidate_pool.h"
#include "paxos/catch_up_figures.h"
#include "paxos/catch_up_state.h"
#include "paxos/messages.h"
#include "paxos/outbox.h"
#include "paxos/own_ballots.h"
#include "paxos/pages.h"

namespace once::paxos {

class CatchUp {
 public:
  CatchUp(const Cluster& cluster, Acceptor& acceptor, Outbox& outbox, const StepContext& step,
          const CatchUpOptions& options);

  bool is_on() const { return options_.names_per_s != 0; }
  void start();  // the run begins
  void on_link_up(const Endpoint& peer, uint16_t cores);
  void on_link_down(const Endpoint& peer);
  // Every few milliseconds.
  void on_tick(Pace pace);
  // False: no honest peer answers so.
  bool on_digest(const Endpoint& from, const SyncDigest& m);
  bool on_page(const Endpoint& from, const SyncPage& m);
  // Whether this peer was asked that, and the question is open still. Else it teaches nothing.
  bool expects(const Endpoint& from, const SyncState& m);
  // What the state, if it was said to be decided, came to here: kLater if it was not said.
  Next on_state(const Endpoint& from, const SyncState& m, Taken taken);
  // What the state that a majority holds came to here.
  void on_chosen(const SyncState& m, Taken taken);

  // Entries whose state is decided: somebody said so, and it is what this acceptor holds.
  // Never on one peer's word what this run has proposed itself.
  const std::vector<EntryIndex>& decided() const { return decided_; }
  // Entries that a majority does not agree on, and nobody has worked on for some time.
  const std::vector<EntryIndex>& unfinished() const { return unfinished_; }
  // REQUIRES: they are in the log.
  void forget_found() {
    if (!decided_.empty()) learned_record_ = step_.last_waited_for();
    decided_.clear();
    unfinished_.clear();
  }
  const CatchUpFigures& figures() const { return figures_; }
  size_t bytes() const;  // allocated, beside the names of candidates, which are in the arena

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  // --- with whom to compare, and what
  bool shares(const Endpoint& teller, ShardId shard) const;
  Schedule& schedule_of(const Endpoint& teller);
  void choose_teller();
  void begin(const Endpoint& teller);
  void converse(Pace pace);
  void run_out_of_patience();
  void ask_digest();
  void end_look();
  void ask_names();
  void end_pass(bool compared);
  uint32_t next_asked_shard() const;
  bool is_suspect(size_t bucket) const {
    ONCE_ASSERT(bucket < surplus_.size());
    return (suspects_[bucket / 8] >> bucket % 8 & 1) != 0;
  }
  void clear(size_t bucket) {
    ONCE_ASSERT(is_suspect(bucket));
    suspects_[bucket / 8] &= static_cast<char>(~(1 << bucket % 8));
  }
  // --- names that may be missing: catch_up_names.cc
  enum class Standing : uint8_t { kKnown, kBusy, kMissing, kUnpaid };  // not to be written down now
  void release(CandidateId id);
  void answered(Candidate& candidate);
  void wait_again(CandidateId id);
  void look_later(CandidateId id);
  void give_up(CandidateId id);
  void consider(const ToldName& told);
  void scan_own();
  void look_again(Pace pace);
  Standing standing_of(Candidate& candidate, Pace pace);
  void ask_ready(Pace pace);
  void ask(CandidateId id);
  void expect_bytes(Candidate& candidate);
  void expire();
  void end_question(CandidateId id, Taken taken);
  void count_learned(const Candidate& candidate);
  void dispute(CandidateId id);
  // Whose question `op` is; none: it is not open, or was about another name.
  CandidateId asked_for(uint64_t op, std::string_view name);
  void refill(Pace pace);
  void renew_figures();
  bool is_in_sync() const;

  const Cluster& cluster_;
  Acceptor& acceptor_;
  Outbox& outbox_;
  const StepContext& step_;
  const OwnBallots own_;
  const CatchUpOptions options_;

  // The conversation under way.
  enum class Stage : uint8_t { kIdle, kLooking, kWalking, kEnding };
  Stage stage_ = Stage::kIdle;
  std::vector<std::vector<Schedule>> tellers_;  // by member index and core
  Endpoint teller_;
  uint64_t pass_ = 0;
  uint8_t looks_ = 0;
  bool waiting_ = false;  // for the answer to the last question
  uint8_t silences_ = 0;  // in a row
  uint16_t asked_shard_ = 0;
  uint16_t asked_shards_ = 0;
  uint32_t next_shard_ = 0;
  int64_t next_at_ = 0;  // the next question, or the end of patience with the last one
  uint64_t cursor_ = 0;
  uint64_t end_ = 0;            // of the walk: what came behind it is news, and was heard here too
  uint64_t found_ = 0;          // names that were learned in this pass
  bool given_up_ = false;       // a name that it told stayed missing
  std::vector<char> suspects_;  // one bit a bucket
  std::vector<uint32_t> surplus_;  // names that the teller has more in it, at the least
  uint64_t estimate_ = 0;          // of what is missing, by the digests

  // Names that may be missing.
  CandidatePool candidates_;
  Fifo<CandidateId> young_;  // by when they are looked at again
  Fifo<CandidateId> ready_;
  Fifo<Asked> asked_;  // by when patience ends; some are answered already
  size_t in_flight_ = 0;
  size_t in_flight_bytes_ = 0;
  size_t of_pass_ = 0;           // candidates that this conversation has brought
  RecordNumber learned_record_;  // the newest of what was learned
  size_t missing_ = 0;  // candidates that were still missing when they were looked at again
  std::vector<EntryIndex> decided_;
  std::vector<EntryIndex> unfinished_;
  int64_t names_left_ = 0;  // of this moment's budget, times the nanoseconds of a second
  int64_t bytes_left_ = 0;
  int64_t refilled_at_ = 0;

  uint64_t scan_cursor_ = 0;
  int64_t scan_at_ = 0;

  int64_t compared_at_ = 0;
  int64_t figures_at_ = 0;
  uint64_t learned_then_ = 0;
  CatchUpFigures figures_;
};

}  // namespace once::paxos

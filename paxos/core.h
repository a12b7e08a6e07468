// The state of one core and the steps on it, one file for each kind of event (core_home.cc: round
// 0, core_classic.cc: prepare and accept, core_compose.cc: those who wait on one name, ...).
#pragma once

#include <utility>

#include "base/limits.h"
#include "base/prng.h"
#include "base/rarely.h"
#include "paxos/acceptor.h"
#include "paxos/catch_up.h"
#include "paxos/claimant.h"
#include "paxos/classic_rounds.h"
#include "paxos/cluster.h"
#include "paxos/core_state.h"
#include "paxos/fast_path.h"
#include "paxos/forwarding.h"
#include "paxos/keeper.h"
#include "paxos/lanes.h"
#include "paxos/lingers.h"
#include "paxos/op_pool.h"
#include "paxos/outbox.h"
#include "paxos/own_ballots.h"
#include "paxos/own_votes.h"
#include "paxos/record.h"
#include "paxos/replay.h"
#include "paxos/replica.h"
#include "paxos/requests.h"
#include "paxos/responder.h"
#include "paxos/room.h"
#include "paxos/sequencer.h"
#include "paxos/settling.h"
#include "paxos/step_context.h"
#include "paxos/teller.h"
#include "paxos/trust.h"
#include "paxos/watchers.h"

namespace once::paxos {

class Core final : public Replica {
 public:
  explicit Core(const ReplicaOptions& options);
  using Replica::recover;
  bool recover(const Record& record, const NameHash& hash, RecordNumber number,
               std::vector<Needless>& needless) override;
  NameHash hash_of(std::string_view name) const override { return cluster_.hasher()(name); }
  void prefetch_segment(const NameHash& hash) const override {
    acceptor_.prefetch_segment(hash.key);
  }
  void prefetch(const NameHash& hash) const override { acceptor_.prefetch(hash.key); }
  void go_on_after(RecordNumber record) override { step_.go_on_after(record); }
  Incarnation recovered_incarnation() const override { return replay_.incarnation(); }
  Incarnation recovered_incarnation_of(NodeId node) const override;
  void start(Incarnation incarnation, int64_t now_ns, Output& out) override;
  void step(const Event* events, size_t count, int64_t now_ns, Output& out) override;
  void on_durable(RecordNumber record, int64_t now_ns, Output& out) override;
  void on_tick(int64_t now_ns, Output& out) override;
  void keep(const LoggedRecord* records, size_t count, int64_t now_ns, Output& out) override;
  void keep_facts(int64_t now_ns, Output& out) override;
  bool adopt(int64_t now_ns, Output& out) override;
  void forget_waits(const std::vector<uint64_t>& tokens) override {
    requests_.forget_waits(tokens);
  }
  void set_disk(Disk disk) override {
    room_.disk = disk;
    step_.log_news(disk == Disk::kEnough);
  }
  void set_memory(Memory memory) override { room_.memory = memory; }
  void set_log_waiting(size_t bytes) override { log_waiting_bytes_ = bytes; }
  void make_ready(size_t bytes) override { acceptor_.make_ready(bytes); }
  size_t memory_bytes() const override { return acceptor_.bytes() + catch_up_.bytes(); }
  CoreId core_of_name(std::string_view name) const override { return cluster_.core_of_name(name); }
  ListPage list(const ListQuery& query) override { return acceptor_.list(query); }
  Explanation explain(std::string_view name) override;  // explanation.cc
  const ReplicaCounters& counters() const override;

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  // core.cc
  void begin(int64_t now_ns, Output& out);
  void finish();
  void count_own_votes();
  void handle(const Event& event, NameHash hash);
  void on_message(const Endpoint& from, const Message& message, NameHash hash);
  bool is_running() const { return step_.incarnation() != Incarnation{}; }
  void on_link_up(const Endpoint& peer, const LinkUp& up);
  void on_link_down(const Endpoint& peer);
  void heed(bool honest, uint64_t ReplicaCounters::*why) {
    if (!honest) trust_.ignore(why);
  }
  // core_acceptor.cc
  void on_accept(const Endpoint& from, const Accept& m, NameHash hash);
  void on_chosen_range(const Endpoint& from, const ChosenRange& m);
  void on_decided(const Endpoint& from, const Decided& m, NameHash hash);
  void keep_proposed(const Entry& entry);
  void mark_chosen(const Lane& lane, const SequenceRange& range);
  void learn_decided(EntryIndex entry, InLog in_log, uint64_t place);
  void learn_decided(EntryIndex entry, InLog in_log) {
    learn_decided(entry, in_log, acceptor_.hash_of(acceptor_.at(entry)).place);
  }
  // core_home.cc
  void on_settle_query(const Endpoint& from, const SettleQuery& m, NameHash hash);
  void on_accepted_range(const Endpoint& from, const AcceptedRange& m);
  void vote_round_zero(RoundZero& slot, Votes vote);
  void round_zero_lost(RoundZero& slot, Round seen_round);
  void resend_round_zero();
  // core_classic.cc
  void on_promise(const Endpoint& from, const Promise& m);
  void on_accepted(const Endpoint& from, const Accepted& m);
  void on_rejected(const Endpoint& from, const Rejected& m);
  bool begin_classic(EntryIndex entry, WaitList& from, const Batch& batch, Round seen_round);
  void start_classic(EntryIndex entry, WaitList& from, Batch batch, Round seen_round);
  bool begin_chain(EntryIndex entry, const State& next, size_t made, WaitList& from, uint8_t tries);
  bool has_spare_tasks() const;
  void count_promise(RoundId id, Votes vote, const Ballot& accepted, const State& state);
  void propose(RoundId id);
  void answer_empty(RoundId id);
  void count_accept(RoundId id, Votes vote);
  void lose(RoundId id, NodeId winner, NodeId refuser);
  bool send_on(RoundId id, NodeId winner);  // false: he cannot be reached
  bool is_worked_on(const Entry& entry) const;
  WaitList* queue_of(Active active);
  void own_vote(RoundId id);
  void drive(RoundId id);
  void tick_tasks();
  // core_compose.cc
  void pursue(EntryIndex entry, WaitList& from, uint8_t attempts = 0);
  void settle_by_news(const Entry& entry);
  // core_linger.cc
  void go_on(EntryIndex entry, WaitList& from, size_t made, int64_t took_ns);
  void end_lingers();
  // core_wait.cc
  bool is_asked_for(NameHash hash, std::string_view name);
  void tell_waiters(NameHash, std::string_view name, uint64_t asked, uint64_t floor, const State*);
  bool tell_asker(ReadId id);
  void poll(OpIndex op);
  void wake(const Entry& entry);
  void ask_for_waiters(NameHash hash, std::string_view name, uint64_t version);
  void tick_waits();
  // core_read.cc
  void on_read_reply(const Endpoint& from, const ReadReply& m);
  bool begin_read(OpIndex op);
  void free_read(ReadId id);
  void own_reply(ReadId id);
  void ask(ReadId id);
  void ask_again(ReadId id);
  void count_read(ReadId id, Votes vote, bool decided, const Ballot&, const State&);
  void end_read(ReadId id, Ballot ballot, State state);
  bool may_finish(ReadId id);
  void finish_read(ReadId id);
  // core_client.cc
  void on_forward(const Endpoint& from, const Forward& m, NameHash hash);
  void on_forward_reply(const Endpoint& from, const ForwardReply& m);
  void on_request(const Endpoint& origin, const ClientRequest& request, NameHash hash);
  void dispatch(OpIndex op, NameHash hash, EntryIndex entry, const ClientRequest& request);
  void begin_round_zero(OpIndex op, EntryIndex entry, const ClientRequest& request);
  void offer(OpIndex op);
  void take_over(OpIndex op);
  void hand_back();
  void home_lost(OpIndex op);
  void wait_on(EntryIndex entry, OpIndex op);
  void tick_ops();
  // core_sync.cc
  Pace sync_pace() const;
  void tick_sync();
  void end_sync_step();
  void on_sync_fetch(const Endpoint& from, const SyncFetch& m, NameHash hash);
  void on_sync_state(const Endpoint& from, const SyncState& m, NameHash hash);
  Taken take_chosen(const Endpoint& from, const SyncState& m, NameHash hash, Word word);

  const size_t linger_from_;
  mutable ReplicaCounters counters_;
  Cluster cluster_;
  Prng prng_;
  std::vector<NameHash> hashes_;  // of the names in the batch of this step
  StepContext step_;
  const OwnBallots own_;
  Outbox outbox_;
  Acceptor acceptor_;
  Lanes lanes_;
  Room room_;
  size_t log_waiting_bytes_ = 0;
  Trust trust_;
  Responder responder_;
  Settling settling_;
  Claimant claimant_;
  Sequencer sequencer_;
  FastPath fast_path_;
  Teller teller_;
  CatchUp catch_up_;
  Replay replay_;
  Keeper keeper_;

  TaskNumbers task_numbers_;
  OwnVotes own_votes_;
  ClassicRounds rounds_;
  TaskPool<QuorumRead> reads_;
  Lingers lingers_;
  OpPool ops_;
  Forwarding forwarding_;
  WatchList watchers_;
  Requests requests_;
  int64_t next_slow_tick_ = 0;
};

}  // namespace once::paxos

// The state of one core and the steps on it, one file for each kind of event (core_home.cc: round
// 0, core_classic.cc: prepare and accept, core_compose.cc: those who wait on one name, ...).
#pragma once

#include <utility>

#include "base/fifo.h"
#include "base/limits.h"
#include "base/prng.h"
#include "base/rarely.h"
#include "paxos/acceptor.h"
#include "paxos/believed_rounds.h"
#include "paxos/catch_up.h"
#include "paxos/claim.h"
#include "paxos/cluster.h"
#include "paxos/core_state.h"
#include "paxos/lanes.h"
#include "paxos/op_pool.h"
#include "paxos/outbox.h"
#include "paxos/record.h"
#include "paxos/replica.h"
#include "paxos/sequencer.h"
#include "paxos/step_context.h"
#include "paxos/teller.h"
#include "paxos/watchers.h"

namespace once::paxos {

class Core final : public Replica {
 public:
  explicit Core(const ReplicaOptions& options);
  using Replica::recover;
  bool recover(const Record& record, uint64_t number, std::vector<Needless>& needless) override;
  void go_on_after(uint64_t record) override { step_.go_on_after(record); }
  uint32_t recovered_incarnation() const override { return recovered_incarnation_; }
  uint32_t recovered_incarnation_of(NodeId node) const override;
  void start(uint32_t incarnation, int64_t now_ns, Output& out) override;
  void step(const Event* events, size_t count, int64_t now_ns, Output& out) override;
  void on_durable(uint64_t record, int64_t now_ns, Output& out) override;
  void on_tick(int64_t now_ns, Output& out) override;
  void keep(const LoggedRecord* records, size_t count, int64_t now_ns, Output& out) override;
  void keep_facts(int64_t now_ns, Output& out) override;
  bool adopt(int64_t now_ns, Output& out) override;
  void forget_waits(const std::vector<uint64_t>& tokens) override;
  void set_disk_full(bool full) override { disk_full_ = full; }
  void set_memory(Memory memory) override { memory_ = memory; }
  size_t memory_bytes() const override { return acceptor_.bytes(); }
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
  NameHash look_ahead(const Event& event) const;
  void handle(const Event& event, NameHash hash);
  void on_message(const Endpoint& from, const Message& message, NameHash hash);
  bool no_room() const { return disk_full_ || memory_ != Memory::kEnough; }
  void send(const Endpoint& to, RestsOn rests_on, const Message& message) {
    outbox_.send(to, rests_on, message);
  }
  void broadcast(NameHash hash, RestsOn rests_on, const Message& message) {
    outbox_.broadcast(hash, rests_on, message);
  }
  void on_link_up(const Endpoint& peer, const LinkUp& up);
  void on_link_down(const Endpoint& peer);
  void ignore(uint64_t ReplicaCounters::*why);
  void offend(Offence offence, const Endpoint& from);
  void heed(bool honest) {
    if (!honest) ignore(&ReplicaCounters::ignored_numbers);
  }
  // core_acceptor.cc
  void on_prepare(const Endpoint& from, const Prepare& m, NameHash hash);
  void on_accept(const Endpoint& from, const Accept& m, NameHash hash);
  void on_read_state(const Endpoint& from, const ReadState& m, NameHash hash);
  void on_home_progress(const Endpoint& from, const HomeProgress& m);
  void on_chosen_range(const Endpoint& from, const ChosenRange& m);
  void on_decided(const Endpoint& from, const Decided& m, NameHash hash);
  template <class M>
  bool admit(const Endpoint& from, const M& m, NameHash hash, size_t room, uint32_t& index);
  void approach(uint32_t entry, const Ballot& ballot, uint32_t round);
  uint32_t believed(const Endpoint& from, NameHash hash, uint32_t known, uint32_t told);
  void acknowledge(const Endpoint& from, const Accept& m, uint64_t record);
  void keep_proposed(const Entry& entry);
  void mark_chosen(const Lane& lane, uint64_t first, uint64_t last);
  void learn_decided(uint32_t entry, InLog in_log);
  // core_home.cc
  void on_accepted_range(const Endpoint& from, const AcceptedRange& m);
  bool round_zero_open(const Entry* entry) const;
  void propose_round_zero(uint32_t entry, const State& next, size_t changes, WaitList& from);
  void vote_round_zero(RoundZero& slot, Votes vote);
  void round_zero_lost(RoundZero& slot, uint32_t seen_round);
  bool stands_in_the_way(const RoundZero& slot) const;
  void announce_progress();
  void resend_round_zero();
  Accept accept_of(const RoundZero& slot);
  // core_classic.cc
  void on_promise(const Endpoint& from, const Promise& m);
  void on_accepted(const Endpoint& from, const Accepted& m);
  void on_rejected(const Endpoint& from, const Rejected& m);
  bool begin_classic(uint32_t entry, WaitList& from, const Batch& batch, uint32_t seen_round);
  void start_classic(uint32_t entry, WaitList& from, Batch batch, uint32_t seen_round);
  bool begin_chain(uint32_t entry, const State& next, size_t made, WaitList& from, uint8_t tries);
  bool has_spare_tasks() const;
  void prepare(uint32_t task);
  void count_promise(uint32_t task, Votes vote, const Ballot& accepted, const State& state);
  void propose(uint32_t task);
  void send_accepts(uint32_t task);
  void answer_empty(uint32_t task);
  void count_accept(uint32_t task, Votes vote);
  void lose(uint32_t task, NodeId winner, NodeId refuser);
  bool send_on(uint32_t task, NodeId winner);  // false: he cannot be reached
  void back_off(uint32_t task);
  bool is_worked_on(const Entry& entry) const;
  void end_classic(uint32_t task);
  void keep_state(Task& task, const Ballot& ballot, const State& state);
  uint32_t take_task(TaskKind kind);
  void free_task(uint32_t task);
  uint64_t handle_of(uint32_t task) const { return make_handle(task, tasks_[task].generation); }
  uint64_t make_handle(uint32_t index, uint32_t generation) const;
  static uint32_t index_in(uint64_t handle) { return static_cast<uint32_t>(handle & 0xffff); }
  Task* task_of(uint64_t handle);
  void vote_when_durable(uint32_t task, uint64_t record);
  void own_vote(uint32_t task);
  void tick_tasks();
  // core_compose.cc
  bool keeps(const Entry& entry) const;
  State compose(const WaitList& waiters, const State& base, size_t& changes);
  void pursue(uint32_t entry, WaitList& from, uint8_t attempts = 0);
  void answer_chosen(WaitList& waiters, const State& chosen, uint64_t asked);
  void tell_chosen(uint32_t op, const State& chosen, uint64_t asked);
  void settle_by_news(const Entry& entry);
  void answer_own(WaitList& waiters, const State& decided);
  void answer_made(WaitList& waiters);
  void answer_made(uint32_t op, bool sealed);
  void give(uint32_t op, Status status, const State& state);
  void conclude(WaitList& waiters, Batch& batch, const Entry& entry);
  void settle_batch(WaitList& waiters, Batch& batch, const Ballot& best, const State* state);
  void doubt(uint32_t op);
  void put_off(uint32_t op);
  void count_changes(const Batch& batch);
  // core_linger.cc
  void go_on(uint32_t entry, WaitList& from, size_t made, int64_t took_ns);
  void end_lingers();
  void end_linger(uint32_t task);
  int64_t first_linger_end() const;
  // core_wait.cc
  Later later(uint32_t op) const;
  bool is_gone(const Later& next) const;
  void watch(uint32_t op);
  void set_next_poll(Op& op);
  bool is_asked_for(NameHash hash, std::string_view name);
  void tell_waiters(NameHash, std::string_view name, uint64_t asked, uint64_t floor, const State*);
  bool tell_asker(uint32_t task);
  void poll(uint32_t op);
  void wake(const Entry& entry);
  void ask_for_waiters(NameHash hash, std::string_view name, uint64_t version);
  void tick_waits();
  // core_read.cc
  void on_read_reply(const Endpoint& from, const ReadReply& m);
  bool begin_read(uint32_t op);
  void ask(uint32_t task);
  void ask_again(uint32_t task);
  void count_read(uint32_t task, Votes vote, bool decided, const Ballot&, const State&);
  void end_read(uint32_t task, Ballot ballot, State state);
  bool may_finish(uint32_t task);
  void finish_read(uint32_t task);
  // core_claim.cc
  void on_claim_home(const Endpoint& from, const ClaimHome& m);
  void on_claim_reply(const Endpoint& from, const ClaimReply& m);
  void on_settle_query(const Endpoint& from, const SettleQuery& m, NameHash hash);
  void on_settled(const Endpoint& from, const Settled& m, NameHash hash);
  void claim_from(const Endpoint& peer);
  void tick_claim();
  void query_unsettled();
  // core_client.cc
  void on_forward(const Endpoint& from, const Forward& m, NameHash hash);
  void on_forward_reply(const Endpoint& from, const ForwardReply& m);
  void on_request(const Endpoint& origin, const ClientRequest& request, NameHash hash);
  bool answer_known(const Entry& entry, const Endpoint& origin, const ClientRequest& request);
  void reply(const Endpoint& origin, uint64_t token, Status status, const State& state);
  void dispatch(uint32_t op, NameHash hash, uint32_t entry, const ClientRequest& request);
  void begin_round_zero(uint32_t op, uint32_t entry, const ClientRequest& request);
  Endpoint next_hop(uint32_t op, const Entry* entry) const;
  void forward(uint32_t op, const Endpoint& to);
  void take_over(uint32_t op);
  void hand_back();
  void home_lost(uint32_t op);
  void wait_on(uint32_t entry, uint32_t op);
  void answer(uint32_t op, Status status, const State& state);
  uint32_t take_op(const Endpoint& origin, uint64_t token, const ClientRequest& request);
  void keep_request(Op& op, std::string_view name, std::string_view value);
  void tick_ops();
  void expire(uint32_t op);
  // core_sync.cc
  Pace sync_pace() const;
  void tick_sync();
  void end_sync_step();
  void on_sync_fetch(const Endpoint& from, const SyncFetch& m, NameHash hash);
  void on_sync_state(const Endpoint& from, const SyncState& m, NameHash hash);
  Taken take_chosen(const Endpoint& from, const SyncState& m, NameHash hash, Word word);
  struct Recovery;  // core_recovery.cc
  void recover_accept(const AcceptRecord& r, NameHash hash, uint64_t number);
  void recover_kept(const KeptRecord& r, NameHash hash, uint64_t number);
  struct Keeper;  // core_keep.cc
  uint32_t active_round_zero(uint64_t sequence) const;
  static uint32_t active_task(uint32_t task) { return (task + 1) << 1; }

  const size_t linger_from_;
  mutable ReplicaCounters counters_;
  Cluster cluster_;
  Prng prng_;
  std::vector<NameHash> hashes_;  // of the names in the batch of this step
  StepContext step_;
  Outbox outbox_;
  Acceptor acceptor_;
  Lanes lanes_;
  Claim claim_;
  Sequencer sequencer_;
  Teller teller_;
  CatchUp catch_up_;
  uint32_t incarnation_ = 0, recovered_incarnation_ = 0;
  bool disk_full_ = false;
  Memory memory_ = Memory::kEnough;

  std::vector<Task> tasks_;
  std::vector<uint32_t> free_tasks_;
  Fifo<OwnVote> own_votes_;          // ascending records
  std::vector<uint32_t> lingering_;  // tasks
  LingerLuck linger_luck_;
  BelievedRounds believed_rounds_;
  OpPool ops_;
  WatchList watchers_;
  uint64_t forwards_ = 0;  // sent in this run
  int64_t next_slow_tick_ = 0;
  uint32_t adopted_ = 0;  // entries that adopt() has looked at
};

}  // namespace once::paxos

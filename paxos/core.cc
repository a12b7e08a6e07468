#include "paxos/core.h"

namespace once::paxos {
namespace {

constexpr size_t kQueriedAtOnce = 256;       // unsettled names of a home, by each slow tick
constexpr size_t kQueriedAtOnceIdle = 1024;  // the same while nobody waits

}  // namespace

std::unique_ptr<Replica> Replica::make(const ReplicaOptions& options) {
  return std::make_unique<Core>(options);
}

Core::Core(const ReplicaOptions& options)
    : linger_from_(options.linger_from),
      cluster_(options),
      prng_(options.random_seed),
      own_(cluster_, step_),
      outbox_(cluster_, step_),
      acceptor_(cluster_, step_),
      lanes_(acceptor_, outbox_, options.round_zero_window),
      trust_(cluster_, step_, counters_),
      responder_({cluster_, acceptor_, lanes_, step_, outbox_, trust_, room_, counters_}),
      settling_(cluster_, acceptor_, lanes_, step_, outbox_),
      claimant_(cluster_, acceptor_, step_, outbox_),
      sequencer_(options.round_zero_window),
      fast_path_(cluster_, acceptor_, step_, outbox_, claimant_, sequencer_),
      teller_(cluster_, acceptor_, outbox_),
      catch_up_(cluster_, acceptor_, outbox_, step_, options.catch_up),
      replay_(cluster_, acceptor_, lanes_),
      keeper_(cluster_, acceptor_, lanes_, step_),
      task_numbers_(options.max_tasks),
      own_votes_(step_),
      rounds_({cluster_, acceptor_, step_, outbox_, prng_, counters_, own_votes_}, task_numbers_),
      reads_(task_numbers_),
      lingers_(task_numbers_),
      ops_(options.max_operations),
      forwarding_({cluster_, step_, outbox_, prng_, counters_}, ops_),
      watchers_(ops_, options.max_operations / 2),
      requests_({cluster_, acceptor_, step_, outbox_, prng_, counters_}, ops_, watchers_) {
  ONCE_ASSERT(options.max_operations <= kMaxOperationsPerCore);
  ONCE_ASSERT(options.max_tasks <= kMaxTasksPerCore);
}

bool Core::recover(const Record& record, const NameHash& hash, RecordNumber number,
                   std::vector<Needless>& needless) {
  ONCE_ASSERT(step_.incarnation() == Incarnation{});
  acceptor_.arena().collect();
  step_.recover_into(&needless);
  if (is_news(record)) step_.drop(number, record_bytes(record));
  return replay_.take(record, hash, number);
}

Incarnation Core::recovered_incarnation_of(NodeId node) const {
  const size_t member = cluster_.index_of(node);
  const Incarnation promised =
      member < cluster_.size() ? acceptor_.range_promise(member) : Incarnation{};
  return std::max(promised, lanes_.latest_incarnation(node));
}

void Core::start(Incarnation incarnation, int64_t now_ns, Output& out) {
  ONCE_ASSERT(incarnation > replay_.incarnation());
  begin(now_ns, out);
  step_.start(incarnation);
  task_numbers_.begin_run(incarnation);
  step_.append_needless(IncarnationRecord{incarnation});
  // A fresh cluster's first incarnation has sent nothing that its disk could have lost.
  claimant_.begin(incarnation == Incarnation{1});
  catch_up_.start();
  ONCE_ASSERT(step_.has_begun());  // the record of the incarnation is the first
  finish();
}

void Core::begin(int64_t now_ns, Output& out) {
  ONCE_ASSERT(!step_.is_open());
  acceptor_.arena().collect();
  step_.begin(now_ns, out);
}

void Core::finish() {
  ONCE_ASSERT(step_.is_open());
  end_lingers();
  count_own_votes();
  sequencer_.advance();
  lanes_.flush();
  ONCE_ASSERT(step_.durable() <= step_.last_record());
  step_.end(lingers_.first_end());
}

namespace {

template <class M>
concept Named = requires(const M& m) {
  m.name;
};

// The hashes of the event's name; zero: it has none.
NameHash hash_of_name(const Event& event, const NameHasher& hasher) {
  NameHash hash;
  if (const auto* request = std::get_if<ClientRequest>(&event.body)) {
    hash = hasher(request->name);
  } else if (const auto* message = std::get_if<Message>(&event.body)) {
    std::visit(
        [&]<class M>(const M& m) {
          if constexpr (Named<M>) hash = hasher(m.name);
        },
        *message);
  }
  return hash;
}

}  // namespace

void Core::step(const Event* events, size_t count, int64_t now_ns, Output& out) {
  ONCE_ASSERT(is_running());
  begin(now_ns, out);
  constexpr size_t kAhead = Acceptor::kAhead;
  hashes_.clear();
  // What a name needs comes into the cache shortly before it: in a large batch, of all of them at
  // once, the first would be gone again.
  for (size_t i = 0; i < count + 2 * kAhead; ++i) {
    if (i < count) {
      hashes_.push_back(hash_of_name(events[i], cluster_.hasher()));
      if (hashes_[i] != NameHash{}) acceptor_.prefetch_segment(hashes_[i].key);
    }
    if (i >= kAhead && i < count + kAhead && hashes_[i - kAhead] != NameHash{}) {
      acceptor_.prefetch(hashes_[i - kAhead].key);
    }
    if (i >= 2 * kAhead) handle(events[i - 2 * kAhead], hashes_[i - 2 * kAhead]);
  }
  ONCE_ASSERT(hashes_.size() == count);
  finish();
}

void Core::handle(const Event& event, NameHash hash) {
  if (const auto* request = std::get_if<ClientRequest>(&event.body)) {
    on_request(Endpoint{}, *request, hash);
  } else if (!cluster_.has(event.from.node) || event.from.node == cluster_.self().node) {
    trust_.ignore(&ReplicaCounters::ignored_senders);
  } else if (const auto* message = std::get_if<Message>(&event.body)) {
    on_message(event.from, *message, hash);
  } else if (const auto* up = std::get_if<LinkUp>(&event.body)) {
    on_link_up(event.from, *up);
  } else {
    on_link_down(event.from);
  }
}

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;  // clang 14 does not deduce it

// `hash`: of the message's name, if it has one.
void Core::on_message(const Endpoint& from, const Message& message, NameHash hash) {
  constexpr auto kNames = &ReplicaCounters::ignored_names;
  constexpr auto kNumbers = &ReplicaCounters::ignored_numbers;
  std::visit(Overloaded{[&](const Prepare& m) { responder_.on_prepare(from, m, hash); },
                        [&](const Promise& m) { on_promise(from, m); },
                        [&](const Accept& m) { on_accept(from, m, hash); },
                        [&](const Accepted& m) { on_accepted(from, m); },
                        [&](const AcceptedRange& m) { on_accepted_range(from, m); },
                        [&](const Rejected& m) { on_rejected(from, m); },
                        [&](const ReadState& m) { responder_.on_read_state(from, m, hash); },
                        [&](const ReadReply& m) { on_read_reply(from, m); },
                        [&](const HomeProgress& m) { responder_.on_home_progress(from, m); },
                        [&](const ChosenRange& m) { on_chosen_range(from, m); },
                        [&](const Decided& m) { on_decided(from, m, hash); },
                        [&](const ClaimHome& m) {
                          if (!settling_.on_claim_home(from, m)) ++counters_.rejected;
                        },
                        [&](const ClaimReply& m) { heed(claimant_.on_reply(from, m), kNames); },
                        [&](const SettleQuery& m) { on_settle_query(from, m, hash); },
                        [&](const Settled& m) { settling_.on_settled(from, m, hash); },
                        [&](const Forward& m) { on_forward(from, m, hash); },
                        [&](const ForwardReply& m) { on_forward_reply(from, m); },
                        [&](const SyncCompare& m) { heed(teller_.on_compare(from, m), kNumbers); },
                        [&](const SyncDigest& m) { heed(catch_up_.on_digest(from, m), kNumbers); },
                        [&](const SyncNames& m) { heed(teller_.on_names(from, m), kNumbers); },
                        [&](const SyncPage& m) { heed(catch_up_.on_page(from, m), kNumbers); },
                        [&](const SyncFetch& m) { on_sync_fetch(from, m, hash); },
                        [&](const SyncState& m) { on_sync_state(from, m, hash); }},
             message);
}

void Core::on_durable(RecordNumber record, int64_t now_ns, Output& out) {
  ONCE_ASSERT(is_running());
  begin(now_ns, out);
  step_.set_durable(record);
  finish();
}

// Of this node's own acceptor: of records that are durable, and of what needed none.
void Core::count_own_votes() {
  const Votes self = cluster_.vote_of(cluster_.self().node);
  while (RoundZero* slot = sequencer_.next_durable(step_.durable())) {
    if (slot->open) vote_round_zero(*slot, self);
  }
  while (const auto vote = own_votes_.pop_durable()) {
    // Each may queue a vote again, on a later record.
    if (const ReadId read = reads_.find(vote->handle); read != kNil) own_reply(read);
    const RoundId round = rounds_.find(vote->handle);
    if (round == kNil) continue;
    const ClassicRound& task = rounds_[round];
    if (task.phase == vote->phase && task.ballot == vote->ballot) own_vote(round);
  }
  ONCE_ASSERT(sequencer_.durable() < sequencer_.next());
}

void Core::on_tick(int64_t now_ns, Output& out) {
  ONCE_ASSERT(is_running());
  begin(now_ns, out);
  if (!rarely(Rare::kProgressLate)) fast_path_.announce();
  resend_round_zero();
  tick_ops();
  tick_tasks();
  tick_sync();
  if (step_.now() >= next_slow_tick_) {
    next_slow_tick_ = step_.now() + 50 * kMs;
    tick_waits();
    claimant_.on_tick();
    settling_.query(sync_pace() == Pace::kFull ? kQueriedAtOnceIdle : kQueriedAtOnce);
  }
  finish();
}

void Core::on_link_up(const Endpoint& peer, const LinkUp& up) {
  if (!cluster_.set_up(peer, up.cores, step_.now())) {
    return trust_.ignore(&ReplicaCounters::ignored_senders);
  }
  ONCE_ASSERT(cluster_.link_up(peer));
  catch_up_.on_link_up(peer, up.cores);
  claimant_.on_link_up(peer, up.cores);
}

void Core::on_link_down(const Endpoint& peer) {
  cluster_.set_down(peer, step_.now());
  catch_up_.on_link_down(peer);
  ONCE_ASSERT(!cluster_.link_up(peer));
  for (OpIndex op = ops_.by_age(Operation::kRead).oldest; op != kNil;) {
    const OpIndex newer = ops_[op].newer;
    if (ops_[op].forwarded_to == peer) home_lost(op);
    op = newer;
  }
  hand_back();
}

void Core::keep(const LoggedRecord* records, size_t count, int64_t now_ns, Output& out) {
  begin(now_ns, out);
  for (size_t i = 0; i < count; ++i) {
    const std::optional<Record> record = decode_record(records[i].bytes);
    ONCE_ASSERT(record.has_value());  // the log's own checksum is over it
    keeper_.keep(*record, records[i].number);
  }
  finish();
}

void Core::keep_facts(int64_t now_ns, Output& out) {
  begin(now_ns, out);
  keeper_.write_facts();
  finish();
}

bool Core::adopt(int64_t now_ns, Output& out) {
  begin(now_ns, out);
  const bool more = keeper_.adopt(out.records);
  finish();
  return more;
}

const ReplicaCounters& Core::counters() const {
  counters_.names = acceptor_.size();
  counters_.claimed = claimant_.is_complete();
  counters_.waiting = ops_.waits();
  counters_.unsettled = acceptor_.unsettled();
  counters_.catch_up = catch_up_.figures();
  return counters_;
}

}  // namespace once::paxos

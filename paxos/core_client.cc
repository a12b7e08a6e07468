// Requests of clients, directly or forwarded: answered, queued on their name, proposed, sent to the
// home, or taken over. Whoever waits is in the list by age, and gets an answer by its deadline.
#include "paxos/core.h"
#include "paxos/next_hop.h"

namespace once::paxos {

void Core::on_forward(const Endpoint& from, const Forward& m, NameHash hash) {
  if (!forwarding_.takes(from, m)) return;
  on_request(from, ClientRequest{m.op, m.operation, m.id, m.timeout_ms, m.name, m.value, m.version},
             hash);
}

// REQUIRES: the token is where the answer goes: the client's, or the forwarding node's handle.
void Core::on_request(const Endpoint& origin, const ClientRequest& request, NameHash hash) {
  const uint64_t token = request.token;
  const bool waits = request.operation == Operation::kWait;
  if (request.name.empty() || request.name.size() > kMaxNameBytes || !cluster_.is_mine(hash) ||
      request.value.size() > kMaxValueBytes ||
      (changes(request.operation) && request.id == RequestId{}) ||  // of nobody, so of everybody
      (!request.value.empty() && !takes_value(request.operation))) {
    return requests_.reply(origin, token, Status::kInvalid, State{});
  }
  const EntryIndex found = acceptor_.find(hash.key, request.name);
  if (found != Table::kNone && requests_.answer_known(acceptor_.at(found), origin, request)) return;
  if (!cluster_.majority_up(hash) && !waits)
    return requests_.reply(origin, token, Status::kUnavailable, State{});
  const bool roomless =
      room_.lacks(request.operation, found == Table::kNone ? nullptr : &acceptor_.at(found));
  // What was forwarded goes no further; and what is kept meanwhile must not use up the reserve.
  const bool refused = roomless && (origin.node.value != 0 || room_.memory >= Memory::kLow);
  if (ops_.full() || refused || (waits && ops_.waits() >= ops_.size() / 2)) {
    return requests_.reply(origin, token, Status::kOverloaded, State{});
  }
  const OpIndex op = requests_.take(origin, token, request);
  ops_[op].hash = hash;
  if (!roomless) return dispatch(op, hash, found, request);
  requests_.keep(ops_[op], request.name, request.value);
  offer(op);
}

// The others are asked for room, one by one. When none is left, "overloaded" is said only if each
// of them has said that nothing happened (F1).
void Core::offer(OpIndex index) {
  Op& op = ops_[index];
  ONCE_ASSERT(op.made == 0 && op.block != nullptr && changes(op.operation));
  const Endpoint to = next_with_room(cluster_, op, step_.now());
  if (to != cluster_.self()) {
    op.offered.add(cluster_.vote_of(to.node));
    ++counters_.forwarded_full;
    return forwarding_.send(index, to);
  }
  if (!op.elsewhere) return requests_.answer(index, Status::kOverloaded, State{});
  // Whoever was asked last may answer yet; if not, there may be room again.
  const bool awaited = op.forwarded_to.node.value != 0 && op.forwarded_to != cluster_.self();
  if (!awaited) return requests_.put_off(index);
  op.hedge_at = std::min(op.deadline, step_.now() + kFullNs);
}

void Core::dispatch(OpIndex op, NameHash hash, EntryIndex found, const ClientRequest& request) {
  ONCE_ASSERT(ops_[op].list == nullptr && ops_[op].hash == hash && cluster_.is_mine(hash));
  const Entry* entry = found == Table::kNone ? nullptr : &acceptor_.at(found);
  const bool change = changes(request.operation);
  const bool refused_if_empty = judge(State{}, change_of(request)).has_value();
  const NodeId home = cluster_.home_of(hash);
  if (change && home == cluster_.self().node && !refused_if_empty && fast_path_.is_open(entry) &&
      !rarely(Rare::kFirstBallotAvoided)) {
    return begin_round_zero(op, found, request);
  }
  requests_.keep(ops_[op], request.name, request.value);
  if (request.operation == Operation::kWait) return poll(op);
  if (entry != nullptr && is_worked_on(*entry)) return wait_on(found, op);
  // This node has stepped aside: who sent it asks somebody else.
  const bool aside = entry != nullptr && !entry->is_idle();
  if (aside && change && ops_[op].origin.node.value != 0) {
    return requests_.answer(op, Status::kUnavailable, State{});
  }
  const Endpoint to = next_hop(cluster_, ops_[op], entry);
  const bool kept = entry != nullptr && own_.keeps(*entry);
  if (change && !kept && to != cluster_.self()) return forwarding_.send(op, to);
  // What is unknown here may be known elsewhere: a refusal needs a majority's word, and no round.
  const bool nothing = entry == nullptr || entry->accepted().is_null();
  if (!change || (nothing && refused_if_empty)) {
    if (!begin_read(op)) requests_.answer(op, Status::kOverloaded, State{});
    return;
  }
  if (!kept && task_numbers_.full()) return requests_.answer(op, Status::kOverloaded, State{});
  wait_on(acceptor_.find_or_insert(hash, request.name), op);
}

// The first state of a name at its home: the request itself need not be kept, the entry has all.
void Core::begin_round_zero(OpIndex op, EntryIndex found, const ClientRequest& request) {
  ONCE_ASSERT(ops_[op].made == 0 && changes(request.operation));
  if (sequencer_.full() || rarely(Rare::kWindowFull)) {
    return requests_.answer(op, Status::kOverloaded, State{});
  }
  const EntryIndex index =
      found != Table::kNone ? found
                            : acceptor_.insert(ops_[op].hash, request.name, request.value.size());
  ONCE_ASSERT(fast_path_.is_open(&acceptor_.at(index)));
  ops_[op].made = 1;
  WaitList one;
  ops_.push(one, op);
  RoundZero& slot = fast_path_.propose(index, apply(State{}, change_of(request)), 1);
  ops_.move_all(one, slot.waiters);
}

void Core::on_forward_reply(const Endpoint& from, const ForwardReply& m) {
  const OpIndex index = forwarding_.find(Handle{m.op});
  if (index == kNil) return;
  Op& op = ops_[index];
  const bool nothing = m.status == Status::kOverloaded || m.status == Status::kUnavailable;
  // A late answer tells how long it takes all the same.
  if (op.asked == from && !nothing)
    cluster_.peer(cluster_.index_of(from.node)).hedge.answered(step_.now() - op.asked_at);
  if (op.forwarded_to != from) return;  // taken over since, or free
  if (m.status == Status::kOverloaded && room_.none())
    cluster_.note_full(from, step_.now() + kFullNs);
  // Full, or its disk stands still, or it sees no majority: that must not stop its names while
  // there is room and a majority elsewhere.
  const bool room = m.status == Status::kUnavailable || has_spare_tasks() || room_.none();
  if (nothing && room && cluster_.majority_up(op.hash)) {
    op.elsewhere = op.doubtful;  // it certainly did not happen there
    op.forwarded_to = Endpoint{};
    return take_over(index);
  }
  // A refusal tells what this one made of it, not what the one before did.
  const bool refused = changes(op.operation) && m.status != Status::kDone;
  const bool certain = !nothing && is_certain(m.status, m.state, op.change());
  if (op.doubtful && refused && !certain) return requests_.answer(index, Status::kUnknown, State{});
  requests_.answer(index, m.status, m.state);
}

// Whoever was asked does not do it. What must not happen twice is left to him.
void Core::take_over(OpIndex index) {
  Op& op = ops_[index];
  ONCE_ASSERT(op.list == nullptr && op.block != nullptr && op.made == 0);
  if (op.elsewhere && !may_repeat(op.operation)) {
    op.hedge_at = op.deadline;
    return;
  }
  const EntryIndex found = acceptor_.find(op.hash.key, op.name());
  const Entry* entry = found == Table::kNone ? nullptr : &acceptor_.at(found);
  const bool final = entry != nullptr && entry->final();
  if (op.origin.node.value == 0 && !final && room_.lacks(op.operation, entry)) return offer(index);
  op.forwarded_to = Endpoint{};
  const Endpoint to = next_hop(cluster_, op, entry);
  const bool here = entry != nullptr && (is_worked_on(*entry) || final || own_.keeps(*entry));
  if (!here && to != cluster_.self()) return forwarding_.send(index, to);
  const bool nothing = entry == nullptr || entry->accepted().is_null();
  if (!here && nothing && judge(State{}, op.change())) {
    if (!begin_read(index)) requests_.put_off(index);
    return;
  }
  wait_on(acceptor_.find_or_insert(op.hash, op.name()), index);
}

// Its answer will not come.
void Core::home_lost(OpIndex index) {
  Op& op = ops_[index];
  ONCE_ASSERT(op.forwarded_to.node.value != 0);
  op.forwarded_to = Endpoint{};
  const bool lost = op.elsewhere && !may_repeat(op.operation);
  lost ? requests_.answer(index, Status::kUnknown, State{}) : take_over(index);
}

// What others sent to this node, which sees no majority any more: they may see one. Those who may
// ask elsewhere anyway, if it may have been made here, do so when their patience ends.
void Core::hand_back() {
  for (OpIndex index = ops_.by_age(Operation::kRead).oldest; index != kNil;) {
    const Op& op = ops_[index];
    const OpIndex newer = op.newer;
    if (op.origin.node.value != 0 && !cluster_.majority_up(op.hash)) {
      const bool maybe = op.may_have_happened();
      if (!maybe) requests_.answer(index, Status::kUnavailable, State{});
      if (maybe && !may_repeat(op.operation)) requests_.answer(index, Status::kUnknown, State{});
    }
    index = newer;
  }
}

// Joins what is going on with the name, or begins it. REQUIRES: the request is kept.
void Core::wait_on(EntryIndex entry, OpIndex op) {
  ONCE_ASSERT(ops_[op].block != nullptr);
  WaitList one;
  ops_.push(one, op);
  pursue(entry, one);
  ONCE_ASSERT(one.empty());
}

void Core::tick_ops() {
  for (OpIndex index = ops_.by_age(Operation::kRead).oldest; index != kNil;) {
    Op& op = ops_[index];
    if (step_.now() - op.arrival < 5 * kMs && op.deadline > step_.now()) return;
    const OpIndex newer = op.newer;
    if (op.deadline <= step_.now()) {
      requests_.expire(index);
    } else if (op.forwarded_to.node.value != 0 && op.hedge_at <= step_.now()) {
      if (op.forwarded_to != cluster_.self()) {
        cluster_.peer(cluster_.index_of(op.forwarded_to.node))
            .hedge.waited(step_.now() - op.asked_at);
      }
      take_over(index);
    }
    index = newer;
  }
}

}  // namespace once::paxos

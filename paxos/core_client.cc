// Requests of clients, directly or forwarded: answered, queued on their name, proposed, sent to the
// home, or taken over. Whoever waits is in the list by age, and gets an answer by its deadline.
#include "paxos/core.h"

namespace once::paxos {

void Core::on(const Endpoint& from, const Forward& m, uint64_t hash) {
  Peer& peer = peers_[index_of(from.node)];
  if (from.core.value >= peer.forwards.size()) return;
  if (!peer.forwards[from.core.value].take(m.incarnation, m.number)) return;
  on_request(from, ClientRequest{m.op, m.operation, m.id, m.timeout_ms, m.name, m.value}, hash);
}

void Core::reply(const Endpoint& origin, uint64_t token, Status status, const State& state) {
  switch (status) {
    case Status::kAlreadySet:
      ++counters_.refused;
      break;
    case Status::kUnknown:
      ++counters_.unknown;
      break;
    case Status::kUnavailable:
      ++counters_.unavailable;
      break;
    case Status::kOverloaded:
      ++counters_.overloaded;
      break;
    default:
      break;
  }
  if (origin.node.value == 0) {
    out_->replies.push_back(ClientReply{token, status, state});
  } else {
    send(origin, RestsOn{}, ForwardReply{token, status, state});
  }
}

bool Core::answer_decided(const Entry& entry, const Endpoint& origin,
                          const ClientRequest& request) {
  if (!entry.decided()) return false;
  if (request.operation == Operation::kRead) {
    ++counters_.local_reads;
    reply(origin, request.token, Status::kDone, entry.state());
  } else if (entry.writer() == request.id) {
    reply(origin, request.token, Status::kDone, entry.state());
  } else {
    reply(origin, request.token, Status::kAlreadySet, entry.state());
  }
  return true;
}

// REQUIRES: the token is where the answer goes: the client's, or the forwarding node's handle.
void Core::on_request(const Endpoint& origin, const ClientRequest& request, uint64_t hash) {
  const uint64_t token = request.token;
  const bool write = request.operation == Operation::kWrite;
  if (request.name.empty() || request.name.size() > kMaxNameBytes || !is_mine(hash) ||
      request.value.size() > kMaxValueBytes) {
    return reply(origin, token, Status::kInvalid, State{});
  }
  const uint32_t found = table_.find(hash, request.name);
  if (found != Table::kNone && answer_decided(table_.at(found), origin, request)) return;
  if (!majority_up(hash)) return reply(origin, token, Status::kUnavailable, State{});
  const bool full = free_ops_.empty() || (write && disk_full_ && found == Table::kNone);
  if (full) return reply(origin, token, Status::kOverloaded, State{});
  const uint32_t op = take_op(origin, token, request);
  ops_[op].hash = hash;
  dispatch(op, hash, found, request);
}

void Core::dispatch(uint32_t op, uint64_t hash, uint32_t found, const ClientRequest& request) {
  Entry* entry = found == Table::kNone ? nullptr : &table_.at(found);
  const bool write = request.operation == Operation::kWrite;
  const NodeId home = home_of(hash);
  if (write && home == options_.self.node && round_zero_open(entry) &&
      !rarely(Rare::kFirstBallotAvoided)) {
    if (next_sequence_ - oldest_open_ >= ring_.size() || rarely(Rare::kWindowFull)) {
      return answer(op, Status::kOverloaded, State{});
    }
    return propose_round_zero(op, found, request);
  }
  keep_request(ops_[op], request.name, request.value);
  if (entry != nullptr && entry->active != 0) return wait_on(found, op);
  if (!write) {
    if (!begin_read(op)) answer(op, Status::kOverloaded, State{});
    return;
  }
  const Endpoint to = peer_core(index_of(home), hash);
  const bool forwarded_here = ops_[op].origin.node.value != 0;
  if (home != options_.self.node && !forwarded_here && link_up(to)) return forward(op, to);
  if (free_tasks_.empty()) return answer(op, Status::kOverloaded, State{});
  wait_on(find_or_insert(hash, request.name), op);
}

void Core::forward(uint32_t index, const Endpoint& to) {
  Op& op = ops_[index];
  ++counters_.forwarded;
  op.forwarded_to = to;
  op.may_have_happened = true;
  // The home gets several times what it usually takes, so that load alone makes no takeovers.
  const Peer& peer = peers_[index_of(to.node)];
  const int64_t usual = peer.smoothed_ns * 2 + 4 * peer.variation_ns;
  const int64_t hedge =
      rarely(Rare::kTakeoverAtOnce) ? kMs : std::clamp<int64_t>(usual, 20 * kMs, 500 * kMs);
  op.hedge_at = now_ + hedge + static_cast<int64_t>(prng_.below(static_cast<uint64_t>(hedge / 4)));
  const auto left = static_cast<uint32_t>((op.deadline - now_) / kMs);
  send(to, RestsOn{},
       Forward{make_handle(index, op.generation), incarnation_, ++forwards_, op.operation, op.id,
               left, op.name(), op.value()});
}

void Core::on(const Endpoint& from, const ForwardReply& m) {
  const uint32_t index = index_in(m.op);
  if (index >= ops_.size() || m.op != make_handle(index, ops_[index].generation)) return;
  Op& op = ops_[index];
  if (op.forwarded_to != from) return;  // taken over since, or free
  Peer& peer = peers_[index_of(from.node)];
  const int64_t took = now_ - op.arrival;
  peer.variation_ns += (std::abs(took - peer.smoothed_ns) - peer.variation_ns) / 4;
  peer.smoothed_ns += (took - peer.smoothed_ns) / 8;
  // Full, or its disk stands still: that must not stop its names while there is room elsewhere.
  if (m.status == Status::kOverloaded && has_spare_tasks()) return take_over(index);
  answer(index, m.status, m.state);
}

void Core::take_over(uint32_t index) {
  Op& op = ops_[index];
  op.forwarded_to = Endpoint{};
  const uint32_t entry = find_or_insert(op.hash, op.name());
  wait_on(entry, index);
}

// Joins what is going on with the name, or begins a classic round. REQUIRES: the request is kept.
void Core::wait_on(uint32_t entry_index, uint32_t op) {
  Entry& entry = table_.at(entry_index);
  if (entry.decided()) {
    WaitList one;
    push(one, op);
    return answer_all(one, entry);
  }
  if (entry.active == 0) {
    if (begin_classic(entry_index, op) != kNil) return;
    if (ops_[op].may_have_happened) {  // tried again when it is looked at next
      ops_[op].hedge_at = now_ + 5 * kMs;
      ops_[op].forwarded_to = options_.self;
      return;
    }
    return answer(op, Status::kOverloaded, State{});
  }
  if (entry.active & 1) return push(ring_[entry.active >> 1].waiters, op);
  push(tasks_[(entry.active >> 1) - 1].waiters, op);
}

// The outcome of each waiter, once its name is decided.
void Core::answer_all(WaitList& waiters, const Entry& entry) {
  while (!waiters.empty()) {
    const Op& op = ops_[waiters.head];
    const bool lost = op.operation == Operation::kWrite && op.id != entry.writer();
    answer(waiters.head, lost ? Status::kAlreadySet : Status::kDone, entry.state());
  }
}

void Core::answer(uint32_t index, Status status, const State& state) {
  const Op& op = ops_[index];
  reply(op.origin, op.token, status, state);
  unlink(index);
  free_op(index);
}

uint32_t Core::take_op(const Endpoint& origin, uint64_t token, const ClientRequest& request) {
  const uint32_t index = free_ops_.back();
  free_ops_.pop_back();
  Op& op = ops_[index];
  const uint32_t generation = op.generation;
  op = Op{};
  op.generation = generation;
  op.origin = origin;
  op.token = token;
  op.id = request.id;
  op.operation = request.operation;
  op.arrival = now_;
  op.step = step_;
  op.deadline = now_ + std::clamp<int64_t>(request.timeout_ms, 1, 60'000) * kMs;
  op.older = newest_op_;
  (newest_op_ == kNil ? oldest_op_ : ops_[newest_op_].newer) = index;
  newest_op_ = index;
  return index;
}

void Core::keep_request(Op& op, std::string_view name, std::string_view value) {
  op.block = arena_.allocate(name.size() + value.size());
  std::copy(name.begin(), name.end(), op.block);
  std::copy(value.begin(), value.end(), op.block + name.size());
  op.name_size = static_cast<uint16_t>(name.size());
  op.value_size = static_cast<uint32_t>(value.size());
}

void Core::free_op(uint32_t index) {
  Op& op = ops_[index];
  ONCE_ASSERT(op.list == nullptr);
  (op.older == kNil ? oldest_op_ : ops_[op.older].newer) = op.newer;
  (op.newer == kNil ? newest_op_ : ops_[op.newer].older) = op.older;
  arena_.free(op.block, op.name_size + size_t{op.value_size});
  op.block = nullptr;
  op.forwarded_to = Endpoint{};
  ++op.generation;
  free_ops_.push_back(index);
}

void Core::push(WaitList& list, uint32_t index) {
  Op& op = ops_[index];
  ONCE_ASSERT(op.list == nullptr);
  op.list = &list;
  op.previous = list.tail;
  op.next = kNil;
  (list.tail == kNil ? list.head : ops_[list.tail].next) = index;
  list.tail = index;
}

void Core::unlink(uint32_t index) {
  Op& op = ops_[index];
  if (op.list == nullptr) return;
  (op.previous == kNil ? op.list->head : ops_[op.previous].next) = op.next;
  (op.next == kNil ? op.list->tail : ops_[op.next].previous) = op.previous;
  op.list = nullptr;
  op.next = op.previous = kNil;
}

void Core::tick_ops() {
  for (uint32_t index = oldest_op_; index != kNil;) {
    Op& op = ops_[index];
    if (now_ - op.arrival < 5 * kMs && op.deadline > now_) return;
    const uint32_t newer = op.newer;
    if (op.deadline <= now_) {
      expire(index);
    } else if (op.forwarded_to.node.value != 0 && op.hedge_at <= now_) {
      take_over(index);
    }
    index = newer;
  }
}

// A write that was proposed or sent on may still happen; any other certainly did not.
void Core::expire(uint32_t index) {
  const Op& op = ops_[index];
  const bool write = op.operation == Operation::kWrite;
  answer(index, write && op.may_have_happened ? Status::kUnknown : Status::kUnavailable, State{});
}

}  // namespace once::paxos

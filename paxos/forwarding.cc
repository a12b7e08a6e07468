#include "paxos/forwarding.h"

#include <algorithm>

#include "base/rarely.h"

namespace once::paxos {

bool Forwarding::takes(const Endpoint& from, const Forward& m) {
  Peer& peer = cluster_.peer(cluster_.index_of(from.node));
  if (from.core.value >= peer.forwards.size()) return false;
  return peer.forwards[from.core.value].take(m.incarnation, m.number);
}

void Forwarding::send(OpIndex index, const Endpoint& to) {
  Op& op = ops_[index];
  ONCE_ASSERT(op.block != nullptr && op.operation != Operation::kWait && op.list == nullptr);
  ONCE_ASSERT(op.origin.node.value == 0 && op.hops < kMostHops && to != cluster_.self());
  ONCE_ASSERT(!op.elsewhere || may_repeat(op.operation));
  ++counters_.forwarded;
  ++op.hops;
  op.forwarded_to = op.asked = to;
  op.asked_at = step_.now();
  op.doubtful = op.elsewhere;
  op.elsewhere = changes(op.operation);
  const int64_t usual = cluster_.peer(cluster_.index_of(to.node))
                            .hedge.delay_ns(op.deadline - step_.now(), step_.log_write_ns());
  const int64_t hedge = rarely(Rare::kTakeoverAtOnce) ? kMs : usual;
  op.hedge_at =
      step_.now() + hedge + static_cast<int64_t>(prng_.below(static_cast<uint64_t>(hedge / 4)));
  ++op.generation;  // an answer that the link repeats is not one to this question (F1)
  // 0 would leave the choice to the other.
  const auto left = static_cast<uint32_t>(std::max<int64_t>((op.deadline - step_.now()) / kMs, 1));
  outbox_.send(to, RestsOn{},
               Forward{handle_of(index).value, step_.incarnation(), ++sent_, op.operation, op.id,
                       left, op.name(), op.value(), op.version});
}

OpIndex Forwarding::find(Handle handle) const {
  const OpIndex index{handle.place()};
  return index.value < ops_.size() && handle == handle_of(index) ? index : OpIndex{};
}

Handle Forwarding::handle_of(OpIndex index) const {
  return Handle::of(step_.incarnation(), ops_[index].generation, index.value);
}

}  // namespace once::paxos

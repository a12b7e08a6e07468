// Requests are taken, kept and answered.
#include "paxos/requests.h"

#include <algorithm>

#include "base/assert.h"

namespace once::paxos {

void Requests::reply(const Endpoint& origin, uint64_t token, Status status, const State& state) {
  switch (status) {
    case Status::kAlreadySet:
    case Status::kConflict:
    case Status::kSealed:
    case Status::kIdReused:
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
    step_.reply(ClientReply{token, status, state});
  } else {
    outbox_.send(origin, RestsOn{}, ForwardReply{token, status, state});
  }
}

void Requests::answer(OpIndex index, Status status, const State& state) {
  const Op& op = ops_[index];
  ONCE_ASSERT(op.block != nullptr || (op.name_size == 0 && op.value_size == 0));
  reply(op.origin, op.token, status, state);
  acceptor_.arena().free(op.block, op.name_size + size_t{op.value_size});
  ops_.unlink(index);
  ops_.free(index);
}

// What can be told from what this node knows, with no quorum: anything about a register that will
// never change again. What may change may have done so while this node was paused or cut off.
bool Requests::answer_known(const Entry& entry, const Endpoint& origin,
                            const ClientRequest& request) {
  if (!entry.final()) return false;
  const State state = entry.state();
  const auto status = judge(state, change_of(request));
  ONCE_ASSERT(status);  // nothing happens to what is sealed
  if (!changes(request.operation)) ++counters_.local_reads;
  const bool show = !changes(request.operation) || *status != Status::kDone;
  reply(origin, request.token, *status,
        show ? state : State{state.version, state.sealed, state.writer, {}});
  return true;
}

OpIndex Requests::take(const Endpoint& origin, uint64_t token, const ClientRequest& request) {
  const OpIndex index = ops_.take(request.operation);
  Op& op = ops_[index];
  op.origin = origin;
  op.token = token;
  op.id = request.id;
  op.version = request.version;
  op.arrival = step_.now();
  op.step = step_.number();
  // A client may leave it to us; a node that forwards has chosen, and may have nothing left.
  const bool chosen = request.timeout_ms == 0 && origin.node.value == 0;
  const int64_t asked_ms = chosen ? kChosenTimeoutMs : request.timeout_ms;
  ONCE_ASSERT(op.list == nullptr && op.block == nullptr);
  op.deadline = step_.now() + std::clamp<int64_t>(asked_ms, 1, kLongestTimeoutMs) * kMs;
  return index;
}

void Requests::keep(Op& op, std::string_view name, std::string_view value) {
  ONCE_ASSERT(op.block == nullptr && !name.empty() && name.size() <= kMaxNameBytes);
  op.block = acceptor_.arena().allocate(name.size() + value.size());
  std::copy(name.begin(), name.end(), op.block);
  std::copy(value.begin(), value.end(), op.block + name.size());
  op.name_size = static_cast<uint16_t>(name.size());
  op.value_size = static_cast<uint32_t>(value.size());
}

// A change that was proposed or sent on may still happen; any other certainly did not.
void Requests::expire(OpIndex index) {
  ONCE_ASSERT(ops_[index].deadline <= step_.now());
  const bool maybe = ops_[index].may_have_happened();
  answer(index, maybe ? Status::kUnknown : Status::kUnavailable, State{});
}

// Nothing can be begun now: tried again when it is looked at next.
void Requests::put_off(OpIndex index) {
  ONCE_ASSERT(ops_[index].block != nullptr);
  Op& op = ops_[index];
  ops_.unlink(index);
  if (op.operation == Operation::kWait) return watch(index);
  if (!op.may_have_happened()) return answer(index, Status::kOverloaded, State{});
  op.hedge_at = step_.now() + 5 * kMs;
  op.forwarded_to = cluster_.self();
}

// Whether the change was made is not known any more.
void Requests::doubt(OpIndex index) {
  ONCE_ASSERT(changes(ops_[index].operation) && ops_[index].made == 0);
  ops_[index].elsewhere = true;
  if (!may_repeat(ops_[index].operation)) answer(index, Status::kUnknown, State{});
}

}  // namespace once::paxos

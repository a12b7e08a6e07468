#include "paxos/op_pool.h"

#include "base/assert.h"

namespace once::paxos {

OpPool::OpPool(size_t places) : ops_(places) {
  for (auto i = static_cast<uint32_t>(places); i-- > 0;) free_.push_back(i);
}

uint32_t OpPool::take(Operation operation) {
  ONCE_ASSERT(!full());
  const uint32_t index = free_.back();
  free_.pop_back();
  Op& op = ops_[index];
  const uint32_t generation = op.generation;
  op = Op{};
  op.generation = generation;
  op.operation = operation;
  AgeList& age = by_age(operation);
  op.older = age.newest;
  (age.newest == kNil ? age.oldest : ops_[age.newest].newer) = index;
  age.newest = index;
  if (operation == Operation::kWait) ++waits_;
  return index;
}

void OpPool::free(uint32_t index) {
  Op& op = ops_[index];
  ONCE_ASSERT(op.list == nullptr);
  AgeList& age = by_age(op.operation);
  (op.older == kNil ? age.oldest : ops_[op.older].newer) = op.newer;
  (op.newer == kNil ? age.newest : ops_[op.newer].older) = op.older;
  if (op.operation == Operation::kWait) --waits_;
  op.block = nullptr;
  op.forwarded_to = Endpoint{};
  ++op.generation;
  free_.push_back(index);
}

void OpPool::push(WaitList& list, uint32_t index) {
  Op& op = ops_[index];
  ONCE_ASSERT(op.list == nullptr);
  op.list = &list;
  op.previous = list.tail;
  op.next = kNil;
  (list.tail == kNil ? list.head : ops_[list.tail].next) = index;
  list.tail = index;
}

void OpPool::unlink(uint32_t index) {
  Op& op = ops_[index];
  if (op.list == nullptr) return;
  (op.previous == kNil ? op.list->head : ops_[op.previous].next) = op.next;
  (op.next == kNil ? op.list->tail : ops_[op.next].previous) = op.previous;
  op.list = nullptr;
  op.next = op.previous = kNil;
}

void OpPool::move_all(WaitList& from, WaitList& to) {
  if (&from == &to) return;
  while (!from.empty()) {
    const uint32_t index = from.head;
    unlink(index);
    push(to, index);
  }
}

}  // namespace once::paxos

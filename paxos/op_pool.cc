#include "paxos/op_pool.h"

#include "base/assert.h"

namespace once::paxos {

OpPool::OpPool(size_t places) : ops_(places) {
  ONCE_ASSERT(places <= kMaxOperationsPerCore);
  for (auto i = static_cast<uint32_t>(places); i-- > 0;) free_.push_back(OpIndex{i});
}

OpIndex OpPool::take(Operation operation) {
  ONCE_ASSERT(!full());
  const OpIndex index = free_.back();
  free_.pop_back();
  Op& op = (*this)[index];
  const uint32_t generation = op.generation;
  op = Op{};
  op.generation = generation;
  op.operation = operation;
  AgeList& age = by_age(operation);
  op.older = age.newest;
  (age.newest == kNil ? age.oldest : (*this)[age.newest].newer) = index;
  age.newest = index;
  if (operation == Operation::kWait) ++waits_;
  return index;
}

void OpPool::free(OpIndex index) {
  Op& op = (*this)[index];
  ONCE_ASSERT(op.list == nullptr);
  AgeList& age = by_age(op.operation);
  (op.older == kNil ? age.oldest : (*this)[op.older].newer) = op.newer;
  (op.newer == kNil ? age.newest : (*this)[op.newer].older) = op.older;
  ONCE_ASSERT(op.operation != Operation::kWait || waits_ > 0);
  if (op.operation == Operation::kWait) --waits_;
  op.block = nullptr;
  op.forwarded_to = Endpoint{};
  ++op.generation;
  free_.push_back(index);
  ONCE_ASSERT(free_.size() <= ops_.size());
}

void OpPool::push(WaitList& list, OpIndex index) {
  Op& op = (*this)[index];
  ONCE_ASSERT(op.list == nullptr);
  op.list = &list;
  op.previous = list.tail;
  op.next = kNil;
  (list.tail == kNil ? list.head : (*this)[list.tail].next) = index;
  list.tail = index;
}

void OpPool::unlink(OpIndex index) {
  Op& op = (*this)[index];
  if (op.list == nullptr) return;
  ONCE_ASSERT(!op.list->empty());
  (op.previous == kNil ? op.list->head : (*this)[op.previous].next) = op.next;
  (op.next == kNil ? op.list->tail : (*this)[op.next].previous) = op.previous;
  op.list = nullptr;
  op.next = op.previous = kNil;
}

void OpPool::move_all(WaitList& from, WaitList& to) {
  if (&from == &to) return;
  while (!from.empty()) {
    const OpIndex index = from.head;
    unlink(index);
    push(to, index);
  }
}

}  // namespace once::paxos

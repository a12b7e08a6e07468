#include "paxos/batch.h"

#include "base/assert.h"

namespace once::paxos {

bool is_ours(const Batch& batch, const Ballot& best, NodeId self, Incarnation incarnation) {
  ONCE_ASSERT(self.value != 0);  // the null ballot is nobody's
  return !batch.adopted && best.node == self && best.incarnation == incarnation &&
         best >= batch.first;
}

Fate fate_of(const Batch& batch, bool ours, const State* state) {
  ONCE_ASSERT(batch.size != 0 && batch.version != 0);
  if (state == nullptr) return Fate::kUnknown;
  if (state->version == batch.version && state->writer == batch.writer) {
    return batch.size == 1 || ours ? Fate::kHappened : Fate::kLastOnly;
  }
  // What is older, or of another writer, stands where the batch would be. Else it may be built on
  // it.
  return state->version <= batch.version ? Fate::kNever : Fate::kUnknown;
}

}  // namespace once::paxos

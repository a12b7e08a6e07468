// Writes anew, as it is held now, what must outlive a segment of the log, or the log of another
// core (DESIGN 5, C1).
//
// Contract: in an open step. What was in the record and is held still is in a later record of this
// core's log at the end of the step. News of decisions and what is of no name need nothing:
// write_facts() writes the latter.
#pragma once

#include <vector>

#include "paxos/acceptor.h"
#include "paxos/cluster.h"
#include "paxos/lanes.h"
#include "paxos/step_context.h"

namespace once::paxos {

class Keeper {
 public:
  Keeper(const Cluster& cluster, Acceptor& acceptor, Lanes& lanes, StepContext& step)
      : cluster_(cluster), acceptor_(acceptor), lanes_(lanes), step_(step) {}

  void keep(const Record& record, RecordNumber number);
  void write_facts();
  // The next entries that are in no record of this log, a bounded number of them; false: none is
  // left, and the facts are written. `records`: where the step's records go.
  bool adopt(const std::vector<char>& records);

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  template <class R>
  void write(const R&, RecordNumber) {}
  void write(const PromiseRecord& r, RecordNumber number);
  void write(const AcceptRecord& r, RecordNumber number);
  void write(const KeptRecord& r, RecordNumber number);
  template <class R>
  EntryIndex resting_on(const R& r, RecordNumber number) const;
  const Cluster& cluster_;
  Acceptor& acceptor_;
  Lanes& lanes_;
  StepContext& step_;
  uint32_t adopted_ = 0;  // entries that adopt() has looked at
};

}  // namespace once::paxos

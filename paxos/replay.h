// From the log back to what was true: the same lanes and lists as in a run, so that what is
// unsettled after a restart is what was unsettled before it, or more.
//
// Contract: before the run begins, each record of the log once, in the order in which it was
// written. Names of other cores are skipped. What no run of this node can have written changes
// nothing, and take() says so: the log is not ours then.
#pragma once

#include "paxos/acceptor.h"
#include "paxos/cluster.h"
#include "paxos/lanes.h"
#include "paxos/record.h"

namespace once::paxos {

class Replay {
 public:
  Replay(const Cluster& cluster, Acceptor& acceptor, Lanes& lanes)
      : cluster_(cluster), acceptor_(acceptor), lanes_(lanes) {}

  // `hash`: of its name, if it has one. `number`: as in Told. False: not of this log.
  bool take(const Record& record, const NameHash& hash, RecordNumber number);
  Incarnation incarnation() const {
    return incarnation_;
  }  // the highest of this node's earlier runs

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  bool read(const IncarnationRecord& r);
  bool read(const PromiseRecord& r);
  bool read(const AcceptRecord& r);
  bool read(const RangePromiseRecord& r);
  bool read(const ChosenRangeRecord& r);
  bool read(const HomeProgressRecord& r);
  bool read(const DecidedRecord& r);
  bool read(const KeptRecord& r);
  bool is_member(NodeId node) const;
  bool is_ballot(const Ballot& ballot) const;
  bool is_endpoint(const Endpoint& home) const;
  void replay(const AcceptRecord& r);
  void replay(const KeptRecord& r);
  void decide(const Lane& lane, const SequenceRange& range);
  const Cluster& cluster_;
  Acceptor& acceptor_;
  Lanes& lanes_;
  // Of the record that is taken.
  RecordNumber number_;
  NameHash hash_;
  Incarnation incarnation_;
};

}  // namespace once::paxos

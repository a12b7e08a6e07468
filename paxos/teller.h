// Tells other cores what this one knows to be decided (DESIGN 3.6): digests, names, states. It only
// reads, and a turn of its work is bounded: who asks for more is not answered, and asks again.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "paxos/acceptor.h"
#include "paxos/messages.h"
#include "paxos/outbox.h"

namespace once::paxos {

class Teller {
 public:
  Teller(const Cluster& cluster, Acceptor& acceptor, Outbox& outbox)
      : cluster_(cluster), acceptor_(acceptor), outbox_(outbox) {}

  void on_tick() { pages_left_ = kPagesATick; }
  // False: nobody asks that.
  bool on_compare(const Endpoint& from, const SyncCompare& m);
  bool on_names(const Endpoint& from, const SyncNames& m);
  void on_fetch(const Endpoint& from, const SyncFetch& m, NameHash hash);

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  static constexpr uint32_t kPagesATick = 8;
  // Readable until the next step.
  std::string_view kept();
  const Cluster& cluster_;
  Acceptor& acceptor_;
  Outbox& outbox_;
  uint32_t pages_left_ = kPagesATick;
  std::vector<char> scratch_;
};

}  // namespace once::paxos

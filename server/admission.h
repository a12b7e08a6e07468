// Whether this node may vote. A disk may be the second one under its node's number, the first of
// which voted and is lost: then it must never vote. So a disk votes only once every other member
// has said that it knows this very disk, on its own disk, and no other. Whoever voted is therefore
// known to every member, and as long as one of them keeps its disk, no second one gets that far.
// Any thread; none waits for the disk, which is written by whoever the jobs are given to.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/peer_links.h"
#include "server/data_directory.h"

namespace once::server {

class Admission {
 public:
  // Gets what writes to the disk: does it at once, or on a thread that may wait for it, one job
  // after the other. At most one job for each member and one more are not done yet.
  using Defer = std::function<void(std::function<void()> job)>;
  static void at_once(const std::function<void()>& job) { job(); }
  // `log`: for the operator.
  Admission(DataDirectory& directory, std::function<void(std::string_view)> log,
            Defer defer = at_once);

  // A cluster of one has nobody to ask. Error: this cannot be made durable. Before all else, and
  // it waits for the disk.
  Result<void> open();
  bool may_vote() const { return standing_.load(std::memory_order_relaxed) == Standing::kAdmitted; }
  Standing standing() const { return standing_.load(std::memory_order_relaxed); }
  bool met_by(NodeId node);  // that member has said that it knows this disk; once and for ever

  // Of every hello of this cluster id.
  void on_contact(const net::PeerHello& hello);
  // That member refused this node because of its disk.
  void on_other_disk(NodeId node);
  // Of one that fits this node in all but its disk.
  net::Meeting meet(const net::PeerHello& hello);
  // Every few milliseconds, from one thread: says now and then what is waited for.
  void on_tick(int64_t now_ns);

 private:
  void withdraw(const net::PeerHello& hello);
  bool remember(Standing standing, std::string_view what);
  void compare_tables(const net::PeerHello& hello, const net::DiskTable& mine);
  net::Meeting take_note(const net::PeerHello& hello);
  net::Meeting note_of(const net::PeerHello& hello);
  void remember_disk(NodeId node, DiskId disk);
  bool hear(const net::PeerHello& hello, net::Meeting& meeting);
  void admit();
  std::string waiting_line();
  void stay_out(NodeId who_knows_another);
  std::string name_of(NodeId node) const;

  DataDirectory& directory_;
  const Configuration& configuration_;
  const std::function<void(std::string_view)> log_;
  const Defer defer_;
  net::NodeSet others_;
  std::atomic<Standing> standing_;
  std::mutex mutex_;          // of what follows
  net::NodeSet met_by_;       // they know this disk
  net::NodeSet known_other_;  // they know another one under this number: for this whole run
  net::NodeSet being_noted_;  // their disks are being written down
  std::map<NodeId, std::string> not_noted_;          // why their disks could not be, not told yet
  bool standing_is_written_ = false;                 // just now
  bool remembered_ = true;                           // the standing is on the disk
  std::vector<std::pair<NodeId, NodeId>> disputes_;  // told: who contradicts, about whom
  std::string told_;
  int64_t told_ns_ = 0;
};

}  // namespace once::server

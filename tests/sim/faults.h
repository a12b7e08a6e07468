// Does to the cluster what the plan says, as long as the design promises to survive it: at most a
// minority of the nodes loses its disk. Then heals a majority for good and leaves the rest broken.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "tests/sim/network.h"
#include "tests/sim/node.h"
#include "tests/sim/plan.h"
#include "tests/sim/world.h"

namespace once::sim {

class Faults final : public Actor {
 public:
  Faults(World& world, Network& network, const Plan& plan,
         std::vector<std::unique_ptr<SimNode>>& nodes);
  void begin();
  // No fault begins any more, and every node is up until all that ever can may vote.
  void let_all_meet();
  // One that has its disk, and may not vote yet.
  std::optional<size_t> without_vote() const;
  // A majority that has its disks comes up and can reach each other and
  // every client; the rest is left as it is, or worse.
  void heal_majority();
  // One of the healed nodes, if any, that has not got its names' first ballot back (DESIGN 3.2).
  std::optional<size_t> without_claim() const;

  const std::vector<size_t>& healthy() const { return healthy_; }  // once healed

  void on_event(uint64_t what, uint64_t detail) override;

 private:
  struct Partition {
    std::vector<std::pair<HostId, HostId>> blocked;  // from, to
  };

  void plan_next(uint64_t what, int64_t mean);
  void strike(uint64_t what);
  void crash_one();
  void crash(size_t node);
  void restart(size_t node);
  bool lose_disk(size_t node);
  void wipe(size_t node);  // what it knows of others is gone too: see shut_out_
  void pause_one();
  void partition();
  void end_partition(size_t number);
  void clog();
  void fill_disk();
  void jump_clock();
  void cut_off(size_t node, bool outward, bool inward);
  void break_for_ever(size_t node);
  size_t draw_node() { return world_.below(nodes_.size()); }
  bool may_lose_another() const;
  bool is_out(size_t node) const;

  World& world_;
  Network& network_;
  const Plan& plan_;
  std::vector<std::unique_ptr<SimNode>>& nodes_;
  std::vector<Partition> partitions_;
  std::vector<bool> broken_;  // for ever
  // A fresh disk that a node refused which has lost its own since: nobody is left to take it back.
  std::vector<bool> shut_out_;
  bool healed_ = false;
  std::vector<size_t> healthy_;  // once healed
};

}  // namespace once::sim

// The last phase of a run: no message is lost any more and no disk fails, but the world may be wide
// and its disks slow, a minority may be away or go away, and the clients of all others go on asking
// for the same names, above all for those whose home is away. Nobody may starve (fairness.h).
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "tests/sim/fairness.h"
#include "tests/sim/network.h"
#include "tests/sim/node.h"
#include "tests/sim/patron.h"
#include "tests/sim/plan.h"
#include "tests/sim/world.h"

namespace once::sim {

class FairPhase final : public Actor {
 public:
  FairPhase(World& world, Network& network, const Plan& plan,
            std::vector<std::unique_ptr<SimNode>>& nodes, check::History& history, Shared& shared);

  // `healthy`: the nodes that are healed for good; the others went away at `healed_ns`.
  void begin(const std::vector<size_t>& healthy, int64_t healed_ns);
  // Looks after those who wait; true once all who are owed an answer have it.
  bool is_over();
  const WaitFigures& figures() const { return judge_.figures(); }
  uint64_t operations() const;
  const check::Call* call_of(size_t patron, uint64_t correlation) const {
    return patrons_[patron]->call_of(correlation);
  }

  // Whoever is away comes back.
  void end();

  void on_event(uint64_t what, uint64_t detail) override;

 private:
  Pace draw_pace(const std::vector<size_t>& healthy);
  void draw_custom(const std::vector<size_t>& away);
  std::optional<size_t> draw_victim(const std::vector<size_t>& healthy);
  void plan_events(int64_t from_ns);
  void go_away();
  void come_back();
  void block(size_t one, size_t other, bool out, bool in);

  World& world_;
  Network& network_;
  const Plan& plan_;
  std::vector<std::unique_ptr<SimNode>>& nodes_;
  FairnessJudge judge_;
  Custom custom_;
  std::vector<std::unique_ptr<Patron>> patrons_;
  Pace pace_;
  std::optional<size_t> victim_;
  std::vector<size_t> reachable_;  // healthy nodes to which the victim keeps its links
  uint64_t kind_ = 0;              // of its going away
  std::vector<std::pair<HostId, HostId>> blocked_;
  bool away_ = false;
  bool load_ended_ = false;
};

}  // namespace once::sim

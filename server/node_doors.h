// Which doors a node has beside its own protocol, and what they tell of it. Any thread.
#pragma once

#include <memory>

#include "doors/door.h"

namespace once::server {

class NodeDoors final : public doors::DoorMaker {
 public:
  // `node` outlives this.
  explicit NodeDoors(const doors::NodeView& node) : node_(node) {}
  std::unique_ptr<doors::Door> make(doors::Speaks who, doors::DoorHost& host) const override;
  const doors::NodeView& node() const override { return node_; }

 private:
  const doors::NodeView& node_;
};

// For the listener of --admin: HTTP that serves nothing but metrics, health and version.
std::unique_ptr<doors::Door> make_admin_door(doors::DoorHost& host);

}  // namespace once::server

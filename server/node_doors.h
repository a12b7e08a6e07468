// Which doors a node has beside its own protocol, and what they tell of it. Any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

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

// Of a node that has its release to tell, and no more.
class BareNodeView final : public doors::NodeView {
 public:
  std::string_view version() const override;
  bool reads_log() const override { return false; }  // no door is open as long
  std::string metrics() const override { return {}; }
  doors::Health live() const override { return {true, {}}; }
  doors::Health ready() const override { return {true, {}}; }
  bool is_own_host(std::string_view) const override { return false; }
};

}  // namespace once::server

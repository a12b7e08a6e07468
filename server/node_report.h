// What a node tells of itself through its doors: metrics, health, version. Any thread; waits for
// nobody but for another thread that makes the metrics just now.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "doors/node_view.h"
#include "server/node_figures.h"
#include "server/own_hosts.h"

namespace once::server {

// What it is told of. Any thread.
class NodeSource {
 public:
  virtual ~NodeSource() = default;
  virtual int64_t now_ns() const = 0;  // monotonic
  virtual NodeFigures figures() = 0;
  // As in the figures; this waits for no lock.
  virtual std::vector<int64_t> silent_ns() const = 0;
};

class NodeReport final : public doors::NodeView {
 public:
  static constexpr int64_t kKeptNs = 100'000'000;  // so long the same metrics are shown to all

  explicit NodeReport(NodeSource& source);  // which outlives this

  // Before anybody asks.
  OwnHosts& own_hosts() { return own_hosts_; }

  std::string_view version() const override;
  std::string metrics() const override;
  doors::Health live() const override;
  doors::Health ready() const override;
  bool is_own_host(std::string_view host) const override { return own_hosts_.has(host); }

 private:
  NodeSource& source_;
  const double start_time_seconds_;
  OwnHosts own_hosts_;
  mutable std::mutex mutex_;
  mutable std::string metrics_;           // guarded by mutex_
  mutable int64_t metrics_until_ns_ = 0;  // the same
};

}  // namespace once::server

// What a node knows of itself as a whole, at one moment: what its metrics and its health are made
// of. A value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/types.h"
#include "server/metrics.h"
#include "server/traffic.h"

namespace once::server {

struct PeerFigures {
  NodeId node;
  bool up = false;             // every core of this node has a link to it
  bool met = false;            // it has said that it knows this node's disk
  uint64_t round_trip_ns = 0;  // the slowest core's; 0: not known
};

struct NodeFigures {
  NodeId node;
  Incarnation incarnation;
  bool log_read = false;  // and the incarnation is durable: its doors are open
  bool admitted = false;
  bool withdrawn = false;
  bool stopping = false;
  std::vector<int64_t> silent_ns;  // of each core: since its loop turned
  std::vector<PeerFigures> peers;
  CoreSnapshot all;  // put together over the cores
  TrafficFigures traffic;

  size_t members() const { return peers.size() + 1; }
  // Those that it reaches, itself included.
  size_t reached() const {
    size_t count = 1;
    for (const PeerFigures& peer : peers) count += peer.up ? 1 : 0;
    return count;
  }
  bool has_quorum() const { return reached() > members() / 2; }
};

}  // namespace once::server

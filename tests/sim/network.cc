#include "tests/sim/network.h"

#include <algorithm>

#include "base/assert.h"
#include "base/bytes.h"

namespace once::sim {
namespace {

enum What : uint64_t { kConnect = 1, kPump = 2, kConnectTimeout = 3 };

constexpr int64_t kRetryBlocked = 20 * kMs;
constexpr int64_t kConnectTimeoutNs = 3 * kSecond;
constexpr size_t kFrameHeader = 12;  // of a frame between nodes: length, checksum

bool is_greeting(std::string_view frame) {
  return frame.substr(std::min(frame.size(), kFrameHeader)).starts_with("ONCEPEER");
}

}  // namespace

Network::Network(World& world, size_t nodes, size_t hosts, const NetworkRates& rates)
    : world_(world), rates_(rates), nodes_(nodes), hosts_(hosts), matrix_(hosts * hosts) {}

void Network::listen(HostId host, const std::string& address, Acceptor* acceptor) {
  doors_[address] = Door{host, acceptor};
}

void Network::kill_host(HostId host, bool silent) {
  hosts_[host].up = false;
  std::erase_if(doors_, [&](const auto& door) { return door.second.host == host; });
  std::vector<uint64_t> ids;
  for (const auto& [id, connection] : connections_) ids.push_back(id);
  for (uint64_t id : ids) {
    for (int side = 0; side < 2; ++side) {
      const auto found = connections_.find(id);  // closing may have ended it
      if (found == connections_.end()) break;
      Side& mine = found->second->side[side];
      if (mine.host != host || !mine.open) continue;
      if (silent) {
        mine.open = false;
      } else {
        close(end_of(id, side));
      }
    }
    forget(id);
  }
}

uint64_t Network::connect(HostId from, const std::string& address, Plug* plug, uint64_t tag) {
  const uint64_t id = next_connection_++;
  auto connection = std::make_unique<Connection>();
  connection->side[0].host = from;
  connection->side[0].plug = plug;
  connection->side[0].tag = tag;
  connection->side[0].open = true;
  const auto door = doors_.find(address);
  // An address that nobody listens on: its number tells whose it would be.
  const size_t at = address.find_first_of("0123456789");
  ONCE_ASSERT(at != std::string::npos);
  const HostId to = door != doors_.end() ? door->second.host
                                         : static_cast<HostId>(std::stoul(address.substr(at)) - 1);
  ONCE_ASSERT(to < nodes_);
  connection->side[1].host = to;
  connection->peers = from < nodes_;
  connection->reordering = connection->peers && world_.chance(rates_.reordering);
  connection->address = address;
  connections_.emplace(id, std::move(connection));
  world_.after(draw_delay() * 2, this, kConnect, id);
  world_.after(kConnectTimeoutNs, this, kConnectTimeout, id);
  return id;
}

void Network::plug(uint64_t end, Plug* plug, uint64_t tag) {
  const auto found = connections_.find(end >> 1);
  ONCE_ASSERT(found != connections_.end());
  Side& side = found->second->side[end & 1];
  side.plug = plug;
  side.tag = tag;
  side.open = true;
}

void Network::finish_connect(uint64_t id) {
  Connection& connection = *connections_[id];
  const HostId from = connection.side[0].host;
  const HostId to = connection.side[1].host;
  if (!connection.side[0].open) return forget(id);
  if (held_until(from, to) > world_.now() || held_until(to, from) > world_.now() ||
      !hosts_[to].up) {
    return world_.after(kRetryBlocked, this, kConnect, id);
  }
  const auto door = doors_.find(connection.address);
  if (door == doors_.end()) return end_side(id, 0, "connection refused");
  connection.established = true;
  door->second.acceptor->incoming(id, connection.address);
  connection.side[0].plug->plug_connected(connection.side[0].tag);
}

size_t Network::in_transit(uint64_t end) const {
  const auto found = connections_.find(end >> 1);
  return found == connections_.end() ? 0 : found->second->side[1 - (end & 1)].bytes_to;
}

int64_t Network::held_until(HostId from, HostId to) {
  const Direction& direction = at(from, to);
  if (direction.blocked > 0) return world_.now() + kRetryBlocked;
  return direction.clogged_until;
}

int64_t Network::draw_delay() {
  int64_t delay = rates_.delay_ns + world_.between(0, rates_.jitter_ns);
  if (world_.below(64) == 0) delay += world_.between(0, 8 * rates_.jitter_ns);
  return delay;
}

void Network::send(uint64_t end, std::string_view bytes) {
  const auto found = connections_.find(end >> 1);
  if (found == connections_.end() || bytes.empty() || found->second->dead) return;
  ONCE_ASSERT(found->second->established && found->second->side[end & 1].open);
  world_.mix(bytes);
  if (found->second->peers) return send_frames(end, bytes);
  const Side& sender = found->second->side[end & 1];
  const Side& receiver = found->second->side[1 - (end & 1)];
  if (wiretap_ != nullptr && receiver.host >= nodes_) {
    wiretap_->on_node_sends(receiver.host, bytes);
  }
  if (observer_ != nullptr) observer_->on_sent(sender.host, receiver.host, bytes);
  enqueue(end >> 1, 1 - static_cast<int>(end & 1), bytes, false);
}

void Network::send_frames(uint64_t end, std::string_view bytes) {
  const int to = 1 - static_cast<int>(end & 1);
  const HostId sender = connections_[end >> 1]->side[1 - to].host;
  const HostId receiver = connections_[end >> 1]->side[to].host;
  while (!bytes.empty()) {
    ONCE_ASSERT(bytes.size() >= kFrameHeader);
    const size_t size = 4 + size_t{load<uint32_t>(bytes.data())};
    ONCE_ASSERT(size <= bytes.size());  // a round ends with whole frames
    const std::string_view frame = bytes.substr(0, size);
    bytes.remove_prefix(size);
    const bool greeting = is_greeting(frame);  // TCP's own business is never lost or doubled
    if (!greeting && observer_ != nullptr && observer_->on_sent(sender, receiver, frame)) continue;
    if (!greeting && world_.chance(rates_.loss)) {
      world_.count(Fault::kLoss);
      continue;
    }
    enqueue(end >> 1, to, frame, !greeting);
    if (!greeting && world_.chance(rates_.duplicate)) {
      world_.count(Fault::kDuplicate);
      enqueue(end >> 1, to, frame, true);
    }
  }
}

// In order behind what is under way; on a reordering connection each frame for itself.
void Network::enqueue(uint64_t id, int to, std::string_view bytes, bool overtakes) {
  Connection& connection = *connections_[id];
  Side& side = connection.side[to];
  Piece piece;
  piece.bytes = bytes;
  piece.due = world_.now() + draw_delay();
  if (connection.reordering && overtakes) {
    if (world_.chance(rates_.reorder)) {
      world_.count(Fault::kReorder);
      piece.due += world_.between(0, rates_.late_ns);
    }
  } else {
    piece.due = std::max(piece.due, side.last_due);
  }
  side.last_due = std::max(side.last_due, piece.due);
  side.bytes_to += bytes.size();
  wake(id, to, piece.due);
  side.to.push_back(std::move(piece));
}

void Network::close(uint64_t end) {
  const auto found = connections_.find(end >> 1);
  if (found == connections_.end()) return;
  Connection& connection = *found->second;
  const int mine = static_cast<int>(end & 1);
  connection.side[mine].open = false;
  Side& other = connection.side[1 - mine];
  if (connection.dead || !connection.established) return forget(end >> 1);
  Piece piece;
  piece.end = true;
  piece.due = std::max(world_.now() + draw_delay(), other.last_due);
  other.last_due = piece.due;
  wake(end >> 1, 1 - mine, piece.due);
  other.to.push_back(std::move(piece));
}

void Network::wake(uint64_t id, int to, int64_t when) {
  Side& side = connections_[id]->side[to];
  if (side.pump_at != 0 && side.pump_at <= when) return;
  side.pump_at = std::max(when, world_.now());
  world_.at(side.pump_at, this, kPump, end_of(id, to));
}

void Network::on_event(uint64_t what, uint64_t detail) {
  if (what == kPump) return pump(detail >> 1, static_cast<int>(detail & 1));
  const auto found = connections_.find(detail);
  if (found == connections_.end() || found->second->established) return;
  if (what == kConnect) return finish_connect(detail);
  end_side(detail, 0, "connecting timed out");
}

void Network::pump(uint64_t id, int to) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = *found->second;
  Side& side = connection.side[to];
  if (side.pump_at != world_.now()) return;  // an earlier one came first
  side.pump_at = 0;
  const int64_t held = held_until(connection.side[1 - to].host, side.host);
  if (held > world_.now()) return wake(id, to, held);
  for (size_t i = 0; i < side.to.size();) {
    if (side.to[i].due > world_.now() || (side.to[i].end && i > 0)) {
      if (!connection.reordering) break;
      ++i;
      continue;
    }
    Piece piece = std::move(side.to[i]);
    side.to.erase(side.to.begin() + static_cast<ptrdiff_t>(i));
    side.bytes_to -= piece.bytes.size();
    if (piece.bytes.size() > 1 && world_.chance(rates_.split)) {
      const size_t cut = 1 + world_.below(piece.bytes.size() - 1);
      Piece first;
      first.bytes = piece.bytes.substr(0, cut);
      piece.bytes.erase(0, cut);
      deliver(id, to, std::move(first));
      if (connections_.find(id) == connections_.end()) return;
      if (!connection.reordering) {  // the rest comes later, and all the others behind it
        piece.due = world_.now() + draw_delay();
        side.bytes_to += piece.bytes.size();
        side.to.push_front(std::move(piece));
        break;
      }
    }
    deliver(id, to, std::move(piece));
    if (connections_.find(id) == connections_.end()) return;
  }
  if (!side.to.empty()) {
    int64_t next = INT64_MAX;
    for (const Piece& piece : side.to) {
      next = std::min(next, piece.due);
      if (!connection.reordering) break;
    }
    wake(id, to, std::max(next, world_.now() + 1));
  }
  forget(id);
}

void Network::deliver(uint64_t id, int to, Piece piece) {
  Connection& connection = *connections_[id];
  Side& side = connection.side[to];
  if (side.open) {
    if (piece.end) return end_side(id, to, connection.dead ? "connection reset" : "");
    const bool told = connection.peers && is_greeting(piece.bytes);
    if (observer_ != nullptr && !told) {
      observer_->on_arrived(connection.side[1 - to].host, side.host, piece.bytes);
    }
    return side.plug->plug_bytes(side.tag, std::move(piece.bytes));
  }
  // Nobody there any more. A machine that runs says so.
  if (hosts_[side.host].up && connection.side[1 - to].open && !piece.end) {
    reset(id, "connection reset by peer");
  }
}

void Network::end_side(uint64_t id, int which, const char* why) {
  Side& side = connections_[id]->side[which];
  if (!side.open) return;
  side.open = false;
  Plug* plug = side.plug;
  const uint64_t tag = side.tag;
  forget(id);
  plug->plug_closed(tag, why);
}

// Both sides will hear of it, behind the pieces that are on their way.
void Network::reset(uint64_t id, const char*) {
  Connection& connection = *connections_[id];
  if (connection.dead) return;
  connection.dead = true;
  for (int side = 0; side < 2; ++side) {
    Side& end = connection.side[side];
    Piece piece;
    piece.end = true;
    piece.due = std::max(world_.now() + draw_delay(), end.last_due);
    wake(id, side, piece.due);
    end.to.push_back(std::move(piece));
  }
}

bool Network::cut_one() {
  std::vector<uint64_t> busy;
  for (const auto& [id, connection] : connections_) {
    if (!connection->established || connection->dead) continue;
    if (!connection->side[0].to.empty() || !connection->side[1].to.empty()) busy.push_back(id);
  }
  if (busy.empty()) return false;
  const uint64_t id = busy[world_.below(busy.size())];
  Connection& connection = *connections_[id];
  bool mid_frame = false;
  for (Side& side : connection.side) {
    if (side.to.empty()) continue;
    Piece first = std::move(side.to.front());
    side.to.clear();
    side.bytes_to = 0;
    if (first.bytes.size() < 2) continue;
    first.bytes.resize(1 + world_.below(first.bytes.size() - 1));
    mid_frame = true;
    side.bytes_to = first.bytes.size();
    side.last_due = first.due;
    side.to.push_back(std::move(first));
  }
  reset(id, "cut");
  return mid_frame;
}

void Network::calm() {
  rates_.loss = rates_.duplicate = rates_.reordering = rates_.reorder = 0;
  rates_.split = 0;  // the rest of a piece holds up all that is behind it, for one more way
  for (auto& [id, connection] : connections_) connection->reordering = false;
  for (Direction& direction : matrix_) direction.clogged_until = 0;
}

// Gone once nobody holds it and nothing is on its way to anybody.
void Network::forget(uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const Connection& connection = *found->second;
  if (connection.side[0].open || connection.side[1].open) return;
  connections_.erase(found);
}

}  // namespace once::sim

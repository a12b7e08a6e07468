#include "client/lanes.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/rarely.h"
#include "client/obstacles.h"

namespace once::client {
namespace {

constexpr size_t kRoutesPerMember = kMaxCores * kLaneCopies;

// Would two clients with these maps look for a name in the same place? Slot by slot: the order
// decides.
bool same_map(const net::ServerHello& a, const net::ServerHello& b) {
  return a.hash_seed == b.hash_seed && a.shard_count == b.shard_count &&
         std::equal(a.members.begin(), a.members.end(), b.members.begin(), b.members.end(),
                    [](const auto& one, const auto& other) { return one.node == other.node; });
}

}  // namespace

Lanes::Lanes(const std::vector<std::string>& endpoints, std::optional<ClusterId> expected,
             Transport* transport, Prng* prng)
    : transport_(transport),
      prng_(prng),
      expected_(expected),
      endpoint_count_(std::min(endpoints.size(), kMaxEndpoints)) {
  lanes_.resize(endpoint_count_);
  for (size_t i = 0; i < endpoint_count_; ++i) lanes_[i].address = endpoints[i];
}

std::string Lanes::on_ready(LaneId id, const net::ServerHello& hello, int64_t now_ns) {
  std::string reason;
  bool sane = !hello.members.empty() && hello.members.size() <= kMaxNodes && hello.shard_count > 0;
  for (const net::MapMember& member : hello.members) {
    sane = sane && member.cores > 0 && member.cores <= kMaxCores;
  }
  if (!sane) {
    reason = lanes_[id].address + " sent a cluster map that makes no sense";
  } else {
    reason = foreign(lanes_[id], hello);
    lanes_[id].foreign = !reason.empty();
    lanes_[id].stranger = false;
  }
  if (!reason.empty()) {
    if (lanes_[id].foreign) note_foreign(id, reason, now_ns);
    transport_->close(id);
    on_closed(id, now_ns, reason);
    return reason;
  }
  if (!has_map()) {
    met_first_ = lanes_[id].address;
    met_ns_ = now_ns;
    mistake_.clear();
  }
  learn(hello);
  Lane& lane = lanes_[id];
  if (id == scout_) {
    transport_->close(id);
    lane.state = Lane::State::kIdle;
    return {};
  }
  lane.state = Lane::State::kReady;
  lane.trouble.clear();
  ++news_;
  lane.node = hello.node;
  if (lane.core == kAnyCore) {
    lane.core = hello.core.value;
    std::fill(routes_.begin(), routes_.end(), kNoLane);  // it may serve a route now
  }
  lane.failures = 0;
  lane.in_flight = 0;
  lane.suspect_until_ns = 0;
  lane.silent_since_ns = 0;
  lane.last_reply_ns = now_ns;
  return {};
}

// Empty, or why its node is not one of the cluster that this client is of.
std::string Lanes::foreign(const Lane& lane, const net::ServerHello& hello) const {
  const std::string is = lane.address + " is a node of cluster " + hex_of(hello.cluster);
  if (expected_ && hello.cluster != *expected_) {
    return is + ", not of " + hex_of(*expected_) + ", which is expected; it is not used";
  }
  if (!has_map()) return {};
  if (hello.cluster != map_.cluster) {
    return is + ", and " + met_first_ + ", which answered first, of " + hex_of(map_.cluster) +
           "; it is not used: check the endpoints";
  }
  if (hello.epoch == map_.epoch && !same_map(hello, map_)) {
    return lane.address + " knows other members of the cluster, or in another order, than " +
           met_first_ +
           ", which answered first; it is not used: the nodes were formatted with different lists";
  }
  return {};
}

// Before anything was asked of anybody it is not known which cluster was meant: better none than
// the one that happened to be faster. Later it is only a node that is not used.
void Lanes::note_foreign(LaneId id, const std::string& reason, int64_t now_ns) {
  const bool nobody_else = all_endpoints(&Lane::foreign);
  const bool torn = has_map() && id < endpoint_count_ && !settled(now_ns);
  if (mistake_.empty() && ((nobody_else && !has_map()) || torn)) mistake_ = reason;
}

bool Lanes::all_endpoints(bool Lane::*are) const {
  const auto end = lanes_.begin() + static_cast<ptrdiff_t>(endpoint_count_);
  return std::all_of(lanes_.begin(), end, [are](const Lane& lane) { return lane.*are; });
}

// A wrong port beside right ones is only not used.
void Lanes::note_stranger(LaneId id) {
  lanes_[id].foreign = lanes_[id].stranger = true;
  if (mistake_.empty() && !has_map() && all_endpoints(&Lane::foreign)) mistake_ = trouble();
}

bool Lanes::no_nodes() const { return all_endpoints(&Lane::stranger); }

std::string Lanes::trouble() const {
  std::vector<Obstacle> obstacles;
  for (LaneId id = 0; id < lanes_.size(); ++id) {
    const Lane& lane = lanes_[id];
    if (lane.state == Lane::State::kReady) return {};
    if (id >= endpoint_count_) continue;
    std::string delay = transport_->delay(id);
    obstacles.push_back({lane.address, delay.empty() ? lane.trouble : std::move(delay)});
  }
  return words_about(obstacles);
}

std::string Lanes::unreached() const {
  std::vector<Obstacle> obstacles;
  for (LaneId id = 0; id < lanes_.size(); ++id) {
    const Lane& lane = lanes_[id];
    const bool elsewhere = std::any_of(lanes_.begin(), lanes_.end(), [&](const Lane& other) {
      return other.state == Lane::State::kReady && other.address == lane.address;
    });
    const bool told = std::any_of(obstacles.begin(), obstacles.end(), [&](const Obstacle& other) {
      return other.address == lane.address;
    });
    if (lane.trouble.empty() || elsewhere || told) continue;
    obstacles.push_back({lane.address, lane.trouble});
  }
  return words_about(obstacles);
}

bool Lanes::settled(int64_t now_ns) {
  if (settled_ || !has_map()) return settled_;
  const auto end = lanes_.begin() + static_cast<ptrdiff_t>(endpoint_count_);
  const bool awaited = std::any_of(lanes_.begin(), end, [](const Lane& lane) {
    return lane.state == Lane::State::kConnecting && lane.failures == 0;
  });
  settled_ = expected_ || !awaited || now_ns - met_ns_ >= kSettleNs;
  return settled_;
}

void Lanes::learn(const net::ServerHello& hello) {
  if (!has_map() || hello.epoch > map_.epoch) {
    map_ = hello;
    routes_.assign(map_.members.size() * kRoutesPerMember, kNoLane);
    return;
  }
  if (hello.epoch < map_.epoch || hello.members.size() != map_.members.size()) return;
  // A node learns its peers' client addresses over time, and they may move at a restart.
  for (size_t i = 0; i < map_.members.size(); ++i) {
    net::MapMember& known = map_.members[i];
    const net::MapMember& told = hello.members[i];
    if (told.node != known.node || told.client_address.empty()) continue;
    if (told.client_address == known.client_address && told.cores == known.cores) continue;
    known = told;
    std::fill_n(routes_.begin() + static_cast<ptrdiff_t>(i * kRoutesPerMember), kRoutesPerMember,
                kNoLane);
  }
}

void Lanes::on_closed(LaneId id, int64_t now_ns, std::string_view why) {
  Lane& lane = lanes_[id];
  ++news_;
  lane.trouble.assign(why);
  lane.state = Lane::State::kIdle;
  lane.in_flight = 0;
  lane.retry_at_ns = now_ns + jitter(*prng_, backoff_ns(lane.failures));
  ++lane.failures;
  if (id != scout_ && lane.failures >= kFailuresUntilScout) send_scout(now_ns);
}

void Lanes::on_dismissed(LaneId id) {
  Lane& lane = lanes_[id];
  ++news_;
  lane.state = Lane::State::kIdle;
  lane.in_flight = 0;
  lane.silent_since_ns = 0;
}

// A node that cannot be reached may have come back at another address, which its peers know: one of
// them is asked for the map again, by a connection that ends with it.
void Lanes::send_scout(int64_t now_ns) {
  if (now_ns < next_scout_ns_) return;
  const auto ready = std::find_if(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
    return lane.state == Lane::State::kReady;
  });
  if (ready == lanes_.end()) return;
  const std::string address = ready->address;
  if (scout_ == kNoLane) {
    scout_ = static_cast<LaneId>(lanes_.size());
    lanes_.emplace_back().copy = kLaneCopies;  // no route leads over it
  }
  if (lanes_[scout_].state != Lane::State::kIdle) return;
  next_scout_ns_ = now_ns + kScoutPauseNs;
  lanes_[scout_].address = address;
  lanes_[scout_].retry_at_ns = now_ns;
  try_connect(scout_, now_ns);
}

void Lanes::on_reply(LaneId id, int64_t now_ns) {
  Lane& lane = lanes_[id];
  if (lane.in_flight > 0) --lane.in_flight;
  lane.last_reply_ns = now_ns;
  lane.suspect_until_ns = 0;
  lane.silent_since_ns = 0;
}

bool Lanes::suspect(LaneId id, int64_t sent_ns, int64_t now_ns) {
  Lane& lane = lanes_[id];
  // A lane that answers others is not at fault: the operation itself is slow.
  if (lane.last_reply_ns > sent_ns) return false;
  const bool news = lane.suspect_until_ns <= now_ns;
  if (lane.silent_since_ns == 0) lane.silent_since_ns = now_ns;
  for (LaneId other = 0; other < lanes_.size(); ++other) {
    if (same_core(id, other)) lanes_[other].suspect_until_ns = now_ns + kSuspicionNs;
  }
  return news;
}

bool Lanes::somebody_answers() const {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
    return lane.state == Lane::State::kReady && lane.silent_since_ns == 0;
  });
}

LaneId Lanes::silent(int64_t now_ns) const {
  if (!somebody_answers()) return kNoLane;
  for (LaneId id = 0; id < lanes_.size(); ++id) {
    const Lane& lane = lanes_[id];
    const bool is = lane.state == Lane::State::kReady && lane.silent_since_ns != 0;
    if (is && now_ns - lane.silent_since_ns >= kSilenceNs) return id;
  }
  return kNoLane;
}

std::string Lanes::expire_connects(int64_t now_ns) {
  std::string trouble;
  for (LaneId id = 0; id < lanes_.size(); ++id) {
    Lane& lane = lanes_[id];
    if (lane.state != Lane::State::kConnecting || now_ns < lane.connect_deadline_ns) continue;
    if (std::string delay = delay_of(id); !delay.empty()) trouble = std::move(delay);
    const std::string why = transport_->delay(id);
    transport_->close(id);
    on_closed(id, now_ns, why.empty() ? "no answer in time" : why);
  }
  return trouble;
}

std::string Lanes::delay_of(LaneId id) const {
  std::string delay = transport_->delay(id);
  return delay.empty() ? delay : lanes_[id].address + ": " + delay;
}

std::string Lanes::delay() const {
  for (LaneId id = 0; id < lanes_.size(); ++id) {
    if (lanes_[id].state != Lane::State::kConnecting) continue;
    if (std::string delay = delay_of(id); !delay.empty()) return delay;
  }
  return {};
}

int64_t Lanes::next_wake_ns() const {
  int64_t wake = std::numeric_limits<int64_t>::max();
  const bool gives_up = somebody_answers();
  for (const Lane& lane : lanes_) {
    if (lane.state == Lane::State::kConnecting) wake = std::min(wake, lane.connect_deadline_ns);
    if (gives_up && lane.state == Lane::State::kReady && lane.silent_since_ns != 0) {
      wake = std::min(wake, lane.silent_since_ns + kSilenceNs);
    }
  }
  return wake;
}

void Lanes::try_connect(LaneId id, int64_t now_ns) {
  Lane& lane = lanes_[id];
  if (lane.state != Lane::State::kIdle || now_ns < lane.retry_at_ns || lane.address.empty()) return;
  lane.state = Lane::State::kConnecting;
  ++news_;
  lane.connect_deadline_ns = now_ns + kConnectTimeoutNs;
  transport_->connect(id, lane.address, lane.core);
}

LaneId Lanes::find_or_add(const net::MapMember& member, uint16_t core, size_t copy) {
  for (LaneId id = 0; id < lanes_.size(); ++id) {
    const Lane& lane = lanes_[id];
    if (lane.core != core || lane.copy != copy) continue;
    bool same_address = !member.client_address.empty() && lane.address == member.client_address;
    bool same_node = lane.node == member.node && lane.state == Lane::State::kReady;
    if (same_address || same_node) return id;
  }
  if (member.client_address.empty() || lanes_.size() + 1 >= kMaxLanes) return kNoLane;
  Lane& lane = lanes_.emplace_back();
  lane.address = member.client_address;
  lane.core = core;
  lane.copy = copy;
  lane.node = member.node;
  return static_cast<LaneId>(lanes_.size() - 1);
}

LaneId Lanes::lane_of(size_t member, uint16_t core, size_t copy) {
  LaneId& route = routes_[member * kRoutesPerMember + core * kLaneCopies + copy];
  if (route == kNoLane) route = find_or_add(map_.members[member], core, copy);
  return route;
}

// The first copy whose room is not taken, connected or not; the first of all when there is none.
LaneId Lanes::lane_with_room(size_t member, uint16_t core, bool long_lived) {
  const LaneId first = lane_of(member, core, 0);
  if (first == kNoLane || !long_lived) return first;
  for (size_t copy = 0; copy < kLaneCopies; ++copy) {
    const LaneId id = lane_of(member, core, copy);
    if (id != kNoLane && has_room(lanes_[id], long_lived)) return id;
  }
  return first;
}

bool Lanes::has_room(const Lane& lane, bool long_lived) const {
  const bool half = long_lived && lane.copy == 0;
  return lane.in_flight < (half ? kMaxInFlightPerConnection / 2 : kMaxInFlightPerConnection);
}

bool Lanes::usable(LaneId id, std::span<const LaneId> busy, bool long_lived) const {
  const Lane& lane = lanes_[id];
  if (lane.state != Lane::State::kReady || !has_room(lane, long_lived)) return false;
  return std::none_of(busy.begin(), busy.end(),
                      [&](LaneId other) { return lanes_[other].node == lane.node; });
}

LaneId Lanes::any_usable(std::span<const LaneId> busy, bool long_lived, bool suspects_too,
                         int64_t now_ns) const {
  for (LaneId id = 0; id < lanes_.size(); ++id) {
    if (!suspects_too && lanes_[id].suspect_until_ns > now_ns) continue;
    if (usable(id, busy, long_lived)) return id;
  }
  return kNoLane;
}

LaneId Lanes::pick(std::string_view name, uint32_t attempt, std::span<const LaneId> busy, Wish wish,
                   int64_t now_ns) {
  if (has_map() && !settled(now_ns)) return kNoLane;
  if (has_map()) {
    const auto members = static_cast<uint32_t>(map_.members.size());
    const uint64_t hash = name_hash(name, map_.hash_seed);
    uint32_t home = home_slot_of(hash, members).value;
    if (rarely(Rare::kHomeAvoided)) ++home;
    const ShardId shard = shard_of(hash, map_.shard_count);
    for (uint32_t i = 0; i < members; ++i) {
      const uint32_t member = (home + attempt + i) % members;
      const uint16_t core = core_of(shard, map_.members[member].cores).value;
      const LaneId id = lane_with_room(member, core, wish.long_lived);
      if (id == kNoLane) continue;
      if (usable(id, busy, wish.long_lived) && lanes_[id].suspect_until_ns <= now_ns) return id;
      try_connect(id, now_ns);
      const Lane& lane = lanes_[id];
      bool coming = lane.state == Lane::State::kConnecting && lane.failures == 0;
      if (i == 0 && wish.patient && coming) return kNoLane;
    }
    LaneId id = any_usable(busy, wish.long_lived, false, now_ns);
    if (id == kNoLane) id = any_usable(busy, wish.long_lived, true, now_ns);
    if (id != kNoLane) return id;
  }
  for (LaneId id = 0; id < endpoint_count_; ++id) try_connect(id, now_ns);
  return kNoLane;
}

}  // namespace once::client

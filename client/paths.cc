#include "client/paths.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/rarely.h"
#include "client/obstacles.h"

namespace once::client {
namespace {

constexpr size_t kRoutesPerMember = kMaxCores * kPathCopies;

// Would two clients with these maps look for a name in the same place? Slot by slot: the order
// decides.
bool same_map(const net::ServerHello& a, const net::ServerHello& b) {
  return a.hash_seed == b.hash_seed && a.shard_count == b.shard_count &&
         std::equal(a.members.begin(), a.members.end(), b.members.begin(), b.members.end(),
                    [](const auto& one, const auto& other) { return one.node == other.node; });
}

}  // namespace

Paths::Paths(const std::vector<std::string>& endpoints, std::optional<ClusterId> expected,
             Transport* transport, Prng* prng)
    : transport_(transport),
      prng_(prng),
      expected_(expected),
      endpoint_count_(std::min(endpoints.size(), kMaxEndpoints)) {
  paths_.resize(endpoint_count_);
  for (size_t i = 0; i < endpoint_count_; ++i) paths_[i].address = endpoints[i];
}

std::string Paths::on_ready(PathId id, const net::ServerHello& hello, int64_t now_ns) {
  std::string reason;
  bool sane = !hello.members.empty() && hello.members.size() <= kMaxNodes && hello.shard_count > 0;
  for (const net::MapMember& member : hello.members) {
    sane = sane && member.cores > 0 && member.cores <= kMaxCores;
  }
  if (!sane) {
    reason = paths_[id].address + " sent a cluster map that makes no sense";
  } else {
    reason = foreign(paths_[id], hello);
    paths_[id].foreign = !reason.empty();
    paths_[id].stranger = false;
  }
  if (!reason.empty()) {
    if (paths_[id].foreign) note_foreign(id, reason, now_ns);
    transport_->close(id);
    on_closed(id, now_ns, reason);
    return reason;
  }
  if (!has_map()) {
    met_first_ = paths_[id].address;
    met_ns_ = now_ns;
    mistake_.clear();
  }
  learn(hello);
  Path& path = paths_[id];
  if (id == scout_) {
    transport_->close(id);
    path.state = Path::State::kIdle;
    return {};
  }
  path.state = Path::State::kReady;
  path.trouble.clear();
  ++news_;
  path.node = hello.node;
  if (path.core == kAnyCore) {
    path.core = hello.core.value;
    std::fill(routes_.begin(), routes_.end(), kNoPath);  // it may serve a route now
  }
  path.failures = 0;
  path.in_flight = 0;
  path.suspect_until_ns = 0;
  path.silent_since_ns = 0;
  path.last_reply_ns = now_ns;
  return {};
}

// Empty, or why its node is not one of the cluster that this client is of.
std::string Paths::foreign(const Path& path, const net::ServerHello& hello) const {
  const std::string is = path.address + " is a node of cluster " + hex_of(hello.cluster);
  if (expected_ && hello.cluster != *expected_) {
    return is + ", not of " + hex_of(*expected_) + ", which is expected; it is not used";
  }
  if (!has_map()) return {};
  if (hello.cluster != map_.cluster) {
    return is + ", and " + met_first_ + ", which answered first, of " + hex_of(map_.cluster) +
           "; it is not used: check the endpoints";
  }
  if (hello.epoch == map_.epoch && !same_map(hello, map_)) {
    return path.address + " knows other members of the cluster, or in another order, than " +
           met_first_ +
           ", which answered first; it is not used: the nodes were formatted with different lists";
  }
  return {};
}

// Before anything was asked of anybody it is not known which cluster was meant: better none than
// the one that happened to be faster. Later it is only a node that is not used.
void Paths::note_foreign(PathId id, const std::string& reason, int64_t now_ns) {
  const bool nobody_else = all_endpoints(&Path::foreign);
  const bool torn = has_map() && id < endpoint_count_ && !settled(now_ns);
  if (mistake_.empty() && ((nobody_else && !has_map()) || torn)) mistake_ = reason;
}

bool Paths::all_endpoints(bool Path::*are) const {
  const auto end = paths_.begin() + static_cast<ptrdiff_t>(endpoint_count_);
  return std::all_of(paths_.begin(), end, [are](const Path& path) { return path.*are; });
}

// A wrong port beside right ones is only not used.
void Paths::note_stranger(PathId id) {
  paths_[id].foreign = paths_[id].stranger = true;
  if (mistake_.empty() && !has_map() && all_endpoints(&Path::foreign)) mistake_ = trouble();
}

bool Paths::no_nodes() const { return all_endpoints(&Path::stranger); }

std::string Paths::trouble() const {
  std::vector<Obstacle> obstacles;
  for (PathId id = 0; id < paths_.size(); ++id) {
    const Path& path = paths_[id];
    if (path.state == Path::State::kReady) return {};
    if (id >= endpoint_count_) continue;
    std::string delay = transport_->delay(id);
    obstacles.push_back({path.address, delay.empty() ? path.trouble : std::move(delay)});
  }
  return words_about(obstacles);
}

// Its node has moved, or was never there: no operation is sent to that address any more.
bool Paths::has_been_left(PathId id) const {
  return id >= endpoint_count_ &&
         std::none_of(map_.members.begin(), map_.members.end(), [&](const net::MapMember& member) {
           return member.client_address == paths_[id].address;
         });
}

std::string Paths::unreached() const {
  std::vector<Obstacle> obstacles;
  for (PathId id = 0; id < paths_.size(); ++id) {
    const Path& path = paths_[id];
    const bool elsewhere = std::any_of(paths_.begin(), paths_.end(), [&](const Path& other) {
      const bool same_node = path.node.value != 0 && other.node == path.node;
      return other.state == Path::State::kReady && (same_node || other.address == path.address);
    });
    const bool told = std::any_of(obstacles.begin(), obstacles.end(), [&](const Obstacle& other) {
      return other.address == path.address;
    });
    if (path.trouble.empty() || elsewhere || told || has_been_left(id)) continue;
    obstacles.push_back({path.address, path.trouble});
  }
  return words_about(obstacles);
}

bool Paths::settled(int64_t now_ns) {
  if (settled_ || !has_map()) return settled_;
  const auto end = paths_.begin() + static_cast<ptrdiff_t>(endpoint_count_);
  const bool awaited = std::any_of(paths_.begin(), end, [](const Path& path) {
    return path.state == Path::State::kConnecting && path.failures == 0;
  });
  settled_ = expected_ || !awaited || now_ns - met_ns_ >= kSettleNs;
  return settled_;
}

void Paths::learn(const net::ServerHello& hello) {
  if (!has_map() || hello.epoch > map_.epoch) {
    map_ = hello;
    routes_.assign(map_.members.size() * kRoutesPerMember, kNoPath);
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
                kNoPath);
  }
}

void Paths::on_closed(PathId id, int64_t now_ns, std::string_view why) {
  Path& path = paths_[id];
  ++news_;
  path.trouble.assign(why);
  path.state = Path::State::kIdle;
  path.in_flight = 0;
  path.retry_at_ns = now_ns + jitter(*prng_, backoff_ns(path.failures));
  ++path.failures;
  if (id != scout_ && path.failures >= kFailuresUntilScout) send_scout(now_ns);
}

void Paths::on_dismissed(PathId id) {
  Path& path = paths_[id];
  ++news_;
  path.state = Path::State::kIdle;
  path.in_flight = 0;
  path.silent_since_ns = 0;
}

// A node that cannot be reached may have come back at another address, which its peers know: one of
// them is asked for the map again, by a connection that ends with it.
void Paths::send_scout(int64_t now_ns) {
  if (now_ns < next_scout_ns_) return;
  const auto ready = std::find_if(paths_.begin(), paths_.end(), [](const Path& path) {
    return path.state == Path::State::kReady;
  });
  if (ready == paths_.end()) return;
  const std::string address = ready->address;
  if (scout_ == kNoPath) {
    scout_ = static_cast<PathId>(paths_.size());
    paths_.emplace_back().copy = kPathCopies;  // no route leads over it
  }
  if (paths_[scout_].state != Path::State::kIdle) return;
  next_scout_ns_ = now_ns + kScoutPauseNs;
  paths_[scout_].address = address;
  paths_[scout_].retry_at_ns = now_ns;
  try_connect(scout_, now_ns);
}

void Paths::on_reply(PathId id, int64_t now_ns) {
  Path& path = paths_[id];
  if (path.in_flight > 0) --path.in_flight;
  path.last_reply_ns = now_ns;
  path.suspect_until_ns = 0;
  path.silent_since_ns = 0;
}

bool Paths::suspect(PathId id, int64_t sent_ns, int64_t now_ns) {
  Path& path = paths_[id];
  // A path that answers others is not at fault: the operation itself is slow.
  if (path.last_reply_ns > sent_ns) return false;
  const bool news = path.suspect_until_ns <= now_ns;
  if (path.silent_since_ns == 0) path.silent_since_ns = now_ns;
  for (PathId other = 0; other < paths_.size(); ++other) {
    if (same_core(id, other)) paths_[other].suspect_until_ns = now_ns + kSuspicionNs;
  }
  return news;
}

bool Paths::somebody_answers() const {
  return std::any_of(paths_.begin(), paths_.end(), [](const Path& path) {
    return path.state == Path::State::kReady && path.silent_since_ns == 0;
  });
}

PathId Paths::silent(int64_t now_ns) const {
  if (!somebody_answers()) return kNoPath;
  for (PathId id = 0; id < paths_.size(); ++id) {
    const Path& path = paths_[id];
    const bool is = path.state == Path::State::kReady && path.silent_since_ns != 0;
    if (is && now_ns - path.silent_since_ns >= kSilenceNs) return id;
  }
  return kNoPath;
}

std::string Paths::expire_connects(int64_t now_ns) {
  std::string trouble;
  for (PathId id = 0; id < paths_.size(); ++id) {
    Path& path = paths_[id];
    if (path.state != Path::State::kConnecting || now_ns < path.connect_deadline_ns) continue;
    if (std::string delay = delay_of(id); !delay.empty()) trouble = std::move(delay);
    std::string why = transport_->delay(id);
    if (why.empty()) why = transport_->silence(id);
    transport_->close(id);
    on_closed(id, now_ns, why.empty() ? "no answer in time" : why);
  }
  return trouble;
}

std::string Paths::delay_of(PathId id) const {
  std::string delay = transport_->delay(id);
  return delay.empty() ? delay : paths_[id].address + ": " + delay;
}

std::string Paths::delay() const {
  for (PathId id = 0; id < paths_.size(); ++id) {
    if (paths_[id].state != Path::State::kConnecting) continue;
    if (std::string delay = delay_of(id); !delay.empty()) return delay;
  }
  return {};
}

int64_t Paths::next_wake_ns() const {
  int64_t wake = std::numeric_limits<int64_t>::max();
  const bool gives_up = somebody_answers();
  for (const Path& path : paths_) {
    if (path.state == Path::State::kConnecting) wake = std::min(wake, path.connect_deadline_ns);
    if (gives_up && path.state == Path::State::kReady && path.silent_since_ns != 0) {
      wake = std::min(wake, path.silent_since_ns + kSilenceNs);
    }
  }
  return wake;
}

void Paths::try_connect(PathId id, int64_t now_ns) {
  Path& path = paths_[id];
  if (path.state != Path::State::kIdle || now_ns < path.retry_at_ns || path.address.empty()) return;
  path.state = Path::State::kConnecting;
  ++news_;
  path.connect_deadline_ns = now_ns + kConnectTimeoutNs;
  transport_->connect(id, path.address, path.core);
}

PathId Paths::find_or_add(const net::MapMember& member, uint16_t core, size_t copy) {
  for (PathId id = 0; id < paths_.size(); ++id) {
    const Path& path = paths_[id];
    if (path.core != core || path.copy != copy) continue;
    bool same_address = !member.client_address.empty() && path.address == member.client_address;
    bool same_node = path.node == member.node && path.state == Path::State::kReady;
    if (same_address || same_node) return id;
  }
  if (member.client_address.empty() || paths_.size() + 1 >= kMaxPaths) return kNoPath;
  Path& path = paths_.emplace_back();
  path.address = member.client_address;
  path.core = core;
  path.copy = copy;
  path.node = member.node;
  return static_cast<PathId>(paths_.size() - 1);
}

PathId Paths::path_of(size_t member, uint16_t core, size_t copy) {
  PathId& route = routes_[member * kRoutesPerMember + core * kPathCopies + copy];
  if (route == kNoPath) route = find_or_add(map_.members[member], core, copy);
  return route;
}

// The first copy whose room is not taken, connected or not; the first of all when there is none.
PathId Paths::path_with_room(size_t member, uint16_t core, bool long_lived) {
  const PathId first = path_of(member, core, 0);
  if (first == kNoPath || !long_lived) return first;
  for (size_t copy = 0; copy < kPathCopies; ++copy) {
    const PathId id = path_of(member, core, copy);
    if (id != kNoPath && has_room(paths_[id], long_lived)) return id;
  }
  return first;
}

bool Paths::has_room(const Path& path, bool long_lived) const {
  const bool half = long_lived && path.copy == 0;
  return path.in_flight < (half ? kMaxInFlightPerConnection / 2 : kMaxInFlightPerConnection);
}

bool Paths::usable(PathId id, std::span<const PathId> busy, bool long_lived) const {
  const Path& path = paths_[id];
  if (path.state != Path::State::kReady || !has_room(path, long_lived)) return false;
  return std::none_of(busy.begin(), busy.end(),
                      [&](PathId other) { return paths_[other].node == path.node; });
}

PathId Paths::any_usable(std::span<const PathId> busy, bool long_lived, bool suspects_too,
                         int64_t now_ns) const {
  for (PathId id = 0; id < paths_.size(); ++id) {
    if (!suspects_too && paths_[id].suspect_until_ns > now_ns) continue;
    if (usable(id, busy, long_lived)) return id;
  }
  return kNoPath;
}

PathId Paths::pick(std::string_view name, uint32_t attempt, std::span<const PathId> busy, Wish wish,
                   int64_t now_ns) {
  if (has_map() && !settled(now_ns)) return kNoPath;
  if (has_map()) {
    const auto members = static_cast<uint32_t>(map_.members.size());
    const uint64_t hash = name_hash(name, map_.hash_seed);
    uint32_t home = home_slot_of(hash, members).value;
    if (rarely(Rare::kHomeAvoided)) ++home;
    const ShardId shard = shard_of(hash, map_.shard_count);
    for (uint32_t i = 0; i < members; ++i) {
      const uint32_t member = (home + attempt + i) % members;
      const uint16_t core = core_of(shard, map_.members[member].cores).value;
      const PathId id = path_with_room(member, core, wish.long_lived);
      if (id == kNoPath) continue;
      if (usable(id, busy, wish.long_lived) && paths_[id].suspect_until_ns <= now_ns) return id;
      try_connect(id, now_ns);
      const Path& path = paths_[id];
      bool coming = path.state == Path::State::kConnecting && path.failures == 0;
      if (i == 0 && wish.patient && coming) return kNoPath;
    }
    PathId id = any_usable(busy, wish.long_lived, false, now_ns);
    if (id == kNoPath) id = any_usable(busy, wish.long_lived, true, now_ns);
    if (id != kNoPath) return id;
  }
  for (PathId id = 0; id < endpoint_count_; ++id) try_connect(id, now_ns);
  return kNoPath;
}

}  // namespace once::client

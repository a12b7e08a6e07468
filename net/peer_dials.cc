#include "net/peer_dials.h"

#include <algorithm>
#include <array>

#include "base/limits.h"

namespace once::net {
namespace {

constexpr int64_t kFirstBackoffNs = 10'000'000;
constexpr int64_t kMaxBackoffNs = 500'000'000;
constexpr int64_t kAskAgainNs = 1'000'000'000;
constexpr size_t kMaxDials = 2 * kMaxNodes * kMaxCores;

}  // namespace

PeerDials::PeerDials(const PeerLinksOptions& options)
    : self_{options.self.node, options.self.core},
      cores_(options.self.cores),
      shard_count_(options.shard_count),
      peers_(options.peers),
      prng_(options.seed) {}

void PeerDials::start() {
  for (const auto& [node, address] : peers_) {
    if (dials_.size() >= kMaxDials) return;
    if (self_.node < node) {
      add(node, self_.core);
    } else if (self_.core.value == 0) {
      add(node, CoreId{0});
      dials_.back()->meets_only = true;
    }
  }
}

void PeerDials::add(NodeId node, CoreId target) {
  auto dial = std::make_unique<Dial>();
  dial->node = node;
  dial->address = *address_of(node);
  dial->target = target;
  dials_.push_back(std::move(dial));
}

const std::string* PeerDials::address_of(NodeId node) const {
  for (const auto& [id, address] : peers_) {
    if (id == node) return &address;
  }
  return nullptr;
}

Dial* PeerDials::next_due(int64_t now_ns, bool may_vote) {
  // One core is enough to ask who may vote.
  if (!may_vote && self_.core.value != 0) return nullptr;
  for (auto& dial : dials_) {
    if (!dial->link && dial->next_ns <= now_ns) return dial.get();
  }
  return nullptr;
}

// A core of this node needs each core of the peer with which it shares a shard.
std::vector<PeerLink*> PeerDials::plan(NodeId node, uint16_t cores) {
  std::array<bool, kMaxCores> wanted{};
  for (uint32_t shard = self_.core.value; shard < shard_count_; shard += cores_) {
    wanted[shard % cores] = true;
  }
  std::vector<PeerLink*> useless;
  for (size_t i = 0; i < dials_.size();) {
    Dial& dial = *dials_[i];
    if (dial.node == node && !dial.meets_only) {
      dial.target.value = static_cast<uint16_t>(dial.target.value % cores);
      if (!wanted[dial.target.value]) {
        if (dial.link) {
          dial.link->dial = nullptr;
          useless.push_back(dial.link);
        }
        dials_.erase(dials_.begin() + static_cast<long>(i));
        continue;
      }
      wanted[dial.target.value] = false;
    }
    ++i;
  }
  for (uint16_t core = 0; core < cores; ++core) {
    if (wanted[core]) add(node, CoreId{core});
  }
  return useless;
}

// At once after a link that worked, soon after a meeting that taught something; otherwise each wait
// is twice the one before, with jitter.
void PeerDials::schedule(Dial& dial, End end, int64_t now_ns, bool may_vote) {
  dial.link = nullptr;
  if (end == End::kWorked) {
    dial.backoff_ns = 0;
    dial.next_ns = now_ns;
    return;
  }
  if (end == End::kLearned) dial.backoff_ns = 0;
  dial.backoff_ns = std::clamp(dial.backoff_ns * 2, kFirstBackoffNs, kMaxBackoffNs);
  if (dial.meets_only && may_vote) dial.backoff_ns = kAskAgainNs;
  uint64_t half = static_cast<uint64_t>(dial.backoff_ns) / 2;
  dial.next_ns = now_ns + static_cast<int64_t>(half + prng_.below(half + 1));
}

void PeerDials::hurry(NodeId node, int64_t now_ns) {
  for (auto& dial : dials_) {
    if (dial->link || (node.value != 0 && dial->node != node)) continue;
    dial->backoff_ns = 0;
    dial->next_ns = now_ns;
  }
}

void PeerDials::linked(NodeId node, int64_t now_ns) {
  for (auto& dial : dials_) {
    if (dial->meets_only && dial->node == node) dial->next_ns = now_ns + kAskAgainNs;
  }
}

}  // namespace once::net

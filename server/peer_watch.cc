#include "server/peer_watch.h"

#include <fmt/format.h>

#include <utility>

namespace once::server {
namespace {

std::string seconds_text(int64_t ns) {
  return fmt::format("{:.1f} s", static_cast<double>(ns) / 1e9);
}

}  // namespace

PeerWatch::News PeerWatch::look(Watched& what, bool there, int64_t now_ns) {
  if (what.there && !there) what.lost_ns = now_ns;
  what.there = there;
  if (there) {
    if (!std::exchange(what.seen, true)) return News::kFirst;
    if (!std::exchange(what.told_lost, false)) return News::kNone;
    what.back_ns = now_ns;
    return News::kBack;
  }
  const int64_t patience = now_ns - what.back_ns < kMomentNs ? kLostAgainNs : kLostNs;
  if (!what.seen || what.told_lost || now_ns - what.lost_ns < patience) return News::kNone;
  what.told_lost = true;
  return News::kLost;
}

void PeerWatch::on_tick(const Linked& linked, int64_t now_ns) {
  const size_t all = configuration_.members.size();
  if (all < 2) return;
  if (began_ns_ == 0) began_ns_ = now_ns;
  up_ = 1;
  for (const auto& [node, address] : configuration_.members) {
    if (node != configuration_.node && linked[node.value]) ++up_;
  }
  for (const auto& [node, address] : configuration_.members) {
    if (node == configuration_.node) continue;
    Watched& peer = peers_[node.value];
    const int64_t away_ns = now_ns - peer.lost_ns;
    tell_of_peer(node, address, look(peer, linked[node.value], now_ns), away_ns);
  }
  const int64_t away_ns = now_ns - majority_.lost_ns;
  tell_of_majority(look(majority_, up_ > all / 2, now_ns), away_ns);
  if (majority_.seen || told_none_ || now_ns - began_ns_ < kPatienceNs) return;
  told_none_ = true;
  say_(Kind::kBad, fmt::format("no majority yet: {}, {} are needed; clients are told unavailable "
                               "until then",
                               count(), all / 2 + 1));
}

std::string PeerWatch::count() const {
  return fmt::format("{} of {} nodes are up", up_, configuration_.members.size());
}

void PeerWatch::tell_of_peer(NodeId node, const std::string& address, News news,
                             int64_t away_ns) const {
  if (news == News::kNone) return;
  const std::string name = fmt::format("node {} ({})", node.value, address);
  if (news == News::kFirst) say_(Kind::kGood, fmt::format("{} is up; {}", name, count()));
  if (news == News::kLost) say_(Kind::kBad, fmt::format("{} is lost; {}", name, count()));
  if (news == News::kBack) {
    say_(Kind::kGood, fmt::format("{} is back after {}; {}", name, seconds_text(away_ns), count()));
  }
}

void PeerWatch::tell_of_majority(News news, int64_t away_ns) const {
  const size_t needed = configuration_.members.size() / 2 + 1;
  if (news == News::kFirst && told_none_) {
    say_(Kind::kGood, fmt::format("the majority is there: {}", count()));
  }
  if (news == News::kLost) {
    say_(Kind::kBad, fmt::format("the majority is lost: {}, {} are needed; clients are told "
                                 "unavailable until it is back",
                                 count(), needed));
  }
  if (news == News::kBack) {
    say_(Kind::kGood,
         fmt::format("the majority is back after {}: {}", seconds_text(away_ns), count()));
  }
}

}  // namespace once::server

#include "net/log_limiter.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.h"

namespace once::net {
namespace {

std::string_view name_of(Complaint kind) {
  switch (kind) {
    case Complaint::kPeerTurnedAway:
      return "peer connections turned away";
    case Complaint::kNotAPeer:
      return "not a peer";
    case Complaint::kForeignPeer:
      return "not a peer of this cluster";
    case Complaint::kSameNumber:
      return "two nodes use one number";
    case Complaint::kOtherDisk:
      return "no link, another disk";
    case Complaint::kRefusedByPeer:
      return "refused by the peer";
    case Complaint::kUnreachable:
      return "cannot be reached";
    case Complaint::kSlowPeer:
      return "takes messages too slowly";
    case Complaint::kBrokenLink:
      return "link closed";
    case Complaint::kSecondLink:
      return "second links refused";
    case Complaint::kOtherTerms:
      return "other cores or addresses of a linked node";
    case Complaint::kRunTooFar:
      return "runs that are not believed";
    case Complaint::kOtherRun:
      return "messages of other runs";
    case Complaint::kSlowGreeting:
      return "greetings that took too long";
    case Complaint::kContradiction:
      return "contradictions";
    case Complaint::kFarBallot:
      return "far rounds";
    case Complaint::kClientTurnedAway:
      return "client connections turned away";
    case Complaint::kClientSilent:
      return "no client hello";
    case Complaint::kClientCrowd:
      return "client connections closed before their hello";
    case Complaint::kClientIdle:
      return "idle client connections closed";
    case Complaint::kClientClosed:
      return "client connections closed";
    case Complaint::kClientOfAnotherCluster:
      return "clients of another cluster";
    case Complaint::kClientDoesNotRead:
      return "clients that do not read";
  }
  return "complaints";
}

}  // namespace

LogLimiter::Window& LogLimiter::window(Complaint kind, NodeId node, int64_t now_ns) {
  const auto found = std::find_if(windows_.begin(), windows_.end(), [&](const Window& one) {
    return one.kind == kind && one.node == node;
  });
  if (found != windows_.end()) return *found;
  windows_.push_back({.kind = kind, .node = node, .began_ns = now_ns});
  return windows_.back();
}

void LogLimiter::complain(Complaint kind, NodeId node, std::string_view text, int64_t now_ns) {
  on_tick(now_ns);
  if (node.value > kMaxNodes) node = NodeId{};
  Window& now = window(kind, node, now_ns);
  const size_t hash = std::hash<std::string_view>{}(text);
  const auto end = now.hashes.begin() + now.said;
  const bool repeated = std::find(now.hashes.begin(), end, hash) != end;
  if (!repeated && now.said < kLines) {
    now.hashes[now.said++] = hash;
    return say_(text);
  }
  if (!repeated || node == NodeId{}) ++now.left_out;
}

void LogLimiter::on_tick(int64_t now_ns) {
  std::erase_if(windows_, [&](const Window& one) {
    if (now_ns - one.began_ns < kWindowNs) return false;
    if (one.left_out > 0) {
      const std::string about =
          one.node == NodeId{} ? "" : fmt::format(" (node {})", one.node.value);
      say_(fmt::format("{}{}: ... and {} more like this in {} s", name_of(one.kind), about,
                       one.left_out, kWindowNs / 1'000'000'000));
    }
    return true;
  });
}

}  // namespace once::net

#include "client/node_search.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/printable.h"
#include "client/paths.h"
#include "client/socket.h"

namespace once::client {
namespace {

constexpr int64_t kDialNs = kConnectTimeoutNs;  // for one endpoint, while there are others
constexpr int64_t kNsPerMs = 1'000'000;

}  // namespace

NodeSearch::NodeSearch(NameResolver& names, const std::optional<ClusterId>& expected,
                       int64_t deadline_ns, std::function<void(const std::string&)> on_trouble)
    : names_(names),
      expected_(expected),
      deadline_ns_(deadline_ns),
      on_trouble_(std::move(on_trouble)) {}

bool NodeSearch::find(const std::vector<std::string>& endpoints, NodeId wanted) {
  wanted_ = wanted;
  for (const std::string& endpoint : endpoints) add(asked_.size(), endpoint);
  on_trouble_(words());
  for (unsigned failures = 0;; ++failures) {
    if (go_round()) return true;
    const int64_t pause_ns = backoff_ns(failures);
    // Who answers and is not meant is somebody else the next time too.
    const bool hopeless =
        all([](const Asked& each) { return each.wrong != Conversation::Wrong::kNothing; });
    const bool late = now_ns() + pause_ns >= deadline_ns_;
    if (somebody_answers() || hopeless || late) return false;
    (void)::poll(nullptr, 0, static_cast<int>(pause_ns / kNsPerMs));
  }
}

void NodeSearch::add(size_t at, const std::string& address) {
  const bool known = std::any_of(asked_.begin(), asked_.end(), [&](const Asked& each) {
    return each.obstacle.address == address;
  });
  if (known) return;
  Asked one;
  one.obstacle.address = address;
  asked_.insert(asked_.begin() + static_cast<ptrdiff_t>(at), std::move(one));
}

bool NodeSearch::go_round() {
  for (size_t at = 0; at < asked_.size() && now_ns() < deadline_ns_; ++at) {
    const int64_t until_ns =
        asked_.size() == 1 ? deadline_ns_ : std::min(deadline_ns_, now_ns() + kDialNs);
    auto wrong = Conversation::Wrong::kNothing;
    const auto node = Conversation::open(names_, asked_[at].obstacle.address, expected_,
                                         net::kAnyCore, until_ns, &wrong);
    asked_[at].wrong = wrong;
    if (node && take(at, node->hello())) return true;
    if (!node) asked_[at].obstacle.why = printable(node.error().message);
    if (!somebody_answers()) on_trouble_(words());
  }
  return false;
}

// Is it the one?
bool NodeSearch::take(size_t at, const net::ServerHello& hello) {
  if (wanted_ != NodeId{} && hello.node != wanted_) {
    asked_[at].is_another = true;
    on_trouble_({});
    for (const net::MapMember& member : hello.members) {
      if (member.node == wanted_ && !member.client_address.empty()) {
        add(at + 1, member.client_address);
      }
    }
    return false;
  }
  if (cores_of(hello) == 0) {
    asked_[at].obstacle.why = "its map of the cluster makes no sense";
    return false;
  }
  on_trouble_({});
  address_ = asked_[at].obstacle.address;
  hello_ = hello;
  return true;
}

bool NodeSearch::somebody_answers() const {
  return std::any_of(asked_.begin(), asked_.end(),
                     [](const Asked& each) { return each.is_another; });
}

bool NodeSearch::all(bool (*are)(const Asked&)) const {
  return std::all_of(asked_.begin(), asked_.end(), are);
}

Outcome NodeSearch::outcome() const {
  if (all([](const Asked& each) { return each.wrong == Conversation::Wrong::kNoNode; })) {
    return Outcome::kInvalid;
  }
  const bool foreign =
      all([](const Asked& each) { return each.wrong != Conversation::Wrong::kNothing; });
  return foreign ? Outcome::kError : Outcome::kUnavailable;
}

std::string NodeSearch::message() const {
  const std::string why = words();
  const std::string node = "node " + std::to_string(wanted_.value);
  if (why.empty()) return node + " is not among the endpoints";
  if (somebody_answers()) return node + " was not found: " + why;
  return outcome() == Outcome::kUnavailable ? nobody_answers(why) : why;
}

std::string NodeSearch::words() const {
  std::vector<Obstacle> obstacles;
  for (const Asked& each : asked_) {
    if (!each.is_another) obstacles.push_back(each.obstacle);
  }
  return words_about(obstacles);
}

uint16_t cores_of(const net::ServerHello& hello) {
  for (const net::MapMember& member : hello.members) {
    if (member.node == hello.node) return member.cores <= kMaxCores ? member.cores : uint16_t{0};
  }
  return 0;
}

}  // namespace once::client

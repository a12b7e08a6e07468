// From the first frame of a connection to a link, or to its refusal. What is sent to a stranger
// names no secret: neither the cluster's id nor anybody's disk; this node's own log may.
#include <fmt/format.h>

#include <algorithm>

#include "net/peer_links_impl.h"

namespace once::net {
namespace {

using reactor::Handoff;
using reactor::StreamId;
using Phase = PeerLink::Phase;

constexpr int64_t kYoungNs = 200'000'000;  // a greeting that only began
constexpr int64_t kAnswerNs = 1'000'000'000;

}  // namespace

reactor::StreamHandler* Links::on_accept(StreamId stream) {
  if (!has_place()) return nullptr;
  links_.push_back(std::make_unique<PeerLink>(*this, nullptr));
  links_.back()->stream = stream;
  return links_.back().get();
}

void Links::accept(std::unique_ptr<Handoff> handoff) {
  if (!has_place()) return;
  links_.push_back(std::make_unique<PeerLink>(*this, nullptr));
  PeerLink& link = *links_.back();
  StreamId stream = io_.adopt(std::move(handoff), &link);
  link.stream = stream;
}

// When all places are taken, whoever has been greeting for longest makes room.
bool Links::has_place() {
  size_t taken = 0;
  PeerLink* oldest = nullptr;
  for (const auto& link : links_) {
    if (link->dial || link->phase == Phase::kUp) continue;
    ++taken;
    if (link->phase != Phase::kGreeting) continue;
    if (oldest == nullptr || link->began_ns < oldest->began_ns) oldest = link.get();
  }
  if (taken < max_greetings_) return true;
  const bool makes_room = oldest != nullptr && io_.now_ns() - oldest->began_ns >= kYoungNs;
  if (makes_room) kill(*oldest, "its place is needed");
  if (makes_room && taken < 2 * max_greetings_) return true;  // it is buried a little later
  log(Complaint::kPeerTurnedAway, {}, "a peer connection is turned away: too many connections");
  return false;
}

std::string Links::whose(const PeerLink& link) const {
  if (link.dial) return fmt::format("node {} at {}", link.dial->node.value, link.dial->address);
  if (link.peer.node.value) return fmt::format("node {}", link.peer.node.value);
  return "a connection to the peer port";
}

// All that fits is the number, which is this node's.
bool Links::takes_this_number(const PeerHello& hello) const {
  return hello.cluster == self_.cluster && hello.epoch == self_.epoch && hello.node == self_.node &&
         hello.target_node == self_.node && hello.disk != self_.disk;
}

// Whose number is not what a stranger says.
NodeId Links::known(const PeerLink& link) { return link.dial ? link.dial->node : link.peer.node; }

bool Links::greeted(PeerLink& link, std::string_view frame, std::string_view rest) {
  if (link.phase == Phase::kWaiting) {
    return refuse(link, PeerRefusal::kStranger, known(link),
                  fmt::format("{} does not wait for the answer to its hello", whose(link)),
                  "it did not wait for the answer to its hello");
  }
  auto greeting = decode_greeting(frame);
  if (!greeting) {
    std::string why = greeting.error().message;
    log(Complaint::kNotAPeer, known(link),
        fmt::format("not a peer of this cluster: {}: {}", whose(link), why));
    count(PeerRefusal::kStranger);
    return refuse(link, why);
  }
  if (greeting->refused) {
    log(Complaint::kRefusedByPeer, known(link),
        fmt::format("{} refuses this node: {}", whose(link), greeting->refusal));
    if (greeting->other_disk && link.dial) handler_->on_other_disk(link.dial->node);
    kill(link, "refused by the peer: " + greeting->refusal);
    return false;
  }
  const PeerHello& hello = greeting->hello;
  if (hello.cluster == self_.cluster) handler_->on_contact(hello);
  std::string why = reason_to_refuse(hello, self_, link.dial ? link.dial->node : NodeId{});
  std::string told = hello.cluster == self_.cluster ? why : "it belongs to another cluster";
  CoreId core{static_cast<uint16_t>(hello.target_core.value % self_.cores)};
  if (why.empty() && core != self_.core) {
    if (!link.dial) return hand_over(link, frame, rest, core);
    why = told = "the hello is addressed to another core";
  }
  Meeting meeting;
  if (why.empty()) {
    meeting = handler_->meet(hello);
    why = meeting.refusal;
    told = "its disk cannot be taken note of";
  }
  if (!why.empty()) {
    log(takes_this_number(hello) ? Complaint::kSameNumber : Complaint::kForeignPeer, known(link),
        fmt::format("not a peer of this cluster: {}: {}", whose(link), why));
    count(PeerRefusal::kStranger);
    return refuse(link, told);
  }
  link.learned = meeting.learned;
  return met(link, hello, meeting);
}

// A link needs that both hellos offered it: so both sides come to the same end, whatever changes
// meanwhile. A stranger gets no hello: it would tell him the disks that he must not know.
bool Links::met(PeerLink& link, const PeerHello& hello, const Meeting& meeting) {
  if (!meeting.stranger.empty()) {
    log(Complaint::kOtherDisk, hello.node,
        fmt::format("no link to {}: {}", whose(link), meeting.stranger));
    count(PeerRefusal::kOtherDisk);
    if (!meeting.other_disk) return refuse(link, "it knows another disk of this node");
    envelopes_.seal(link);
    auto told = fmt::format("another disk is known under number {}", hello.node.value);
    if (auto* out = io_.outbox(link.stream)) encode_peer_refusal(told, *out, true);
    kill(link, told);
    return false;
  }
  const bool offered = !meeting.later && (link.dial ? link.offered : handler_->may_vote());
  if (hello.link && offered) return take_place(link, hello);
  if (!link.dial) {
    greet(link, hello.node, hello.core, false);
    // It asks because it sees no link: this node, if it is to dial, need not wait any more.
    const bool could_link = hello.votes && handler_->may_vote() && !meeting.later;
    if (could_link) dials_.hurry(hello.node, io_.now_ns());
  }
  kill(link, "met");
  return false;
}

bool Links::hand_over(PeerLink& link, std::string_view frame, std::string_view rest, CoreId core) {
  std::string unread(frame);
  unread += rest;
  link.phase = Phase::kDead;
  auto handoff = io_.detach(link.stream, unread);
  bury(link);
  if (handoff) handler_->hand_over(core, std::move(handoff));
  return false;
}

// Whoever comes in the name of a node that has a link waits until that one was asked, and has not
// answered: it may be a stranger. A restarted node finds its old link closed, or soon silent.
bool Links::take_place(PeerLink& link, const PeerHello& hello) {
  link.peer = Endpoint{hello.node, hello.core};
  PeerLink* old = find(link.peer);
  if (link.dial || old == nullptr) return come_up(link, hello);
  if (old->newcomer) {
    return refuse(
        link, PeerRefusal::kSecondLink, hello.node,
        fmt::format("{} is asked whether its link lives: another is not taken", whose(link)),
        "that node has a link, which is being asked");
  }
  link.phase = Phase::kWaiting;
  link.hello = std::make_unique<PeerHello>(hello);
  old->newcomer = &link;
  old->asked_ns = io_.now_ns();
  old->answer_by_ns = old->asked_ns + kAnswerNs;
  envelopes_.put_own(*old, LinkMessage::kPing, old->asked_ns);
  return true;
}

void Links::answered(PeerLink& link) {
  PeerLink& newcomer = *std::exchange(link.newcomer, nullptr);
  refuse(newcomer, PeerRefusal::kSecondLink, link.peer.node,
         fmt::format("a second link of {} is refused: the one that it has answers", whose(link)),
         "that node has a live link");
}

// `link` was up and is not any more: whoever waits for its place gets it.
void Links::give_way(PeerLink& link) {
  if (!link.newcomer) return;
  PeerLink& newcomer = *std::exchange(link.newcomer, nullptr);
  const std::unique_ptr<PeerHello> hello = std::move(newcomer.hello);
  come_up(newcomer, *hello);
}

bool Links::come_up(PeerLink& link, const PeerHello& hello) {
  if (PeerLink* old = find(link.peer)) {
    if (old->newcomer) answered(*old);
    kill(*old, "replaced by a new connection");
  }
  if (const auto refusal = handler_->take_seat(hello)) {
    return refuse(link, refusal->kind, hello.node,
                  fmt::format("no link to {}: {}", whose(link), refusal->why), refusal->why);
  }
  link.seated = true;
  if (link.dial) {
    link.dial->target = hello.core;
    for (PeerLink* useless : dials_.plan(hello.node, hello.cores)) {
      kill(*useless, "this pair of cores shares no shard any more");
    }
    if (link.phase == Phase::kDead) return false;
  } else {
    greet(link, hello.node, hello.core, true);
    if (!link.offered) {
      kill(link, "met");
      return false;
    }
  }
  link.phase = Phase::kUp;
  link.incarnation = hello.incarnation;
  link.up_ns = io_.now_ns();
  link.pinged_ns = 0;
  up_[hello.node.value][hello.core.value] = &link;
  handler_->on_link_up(link.peer, hello);
  return link.phase == Phase::kUp;
}

// The peer is told why; one that does not speak the protocol will not understand, which is fine.
bool Links::refuse(PeerLink& link, std::string_view told) {
  envelopes_.seal(link);
  if (auto* out = io_.outbox(link.stream)) encode_peer_refusal(told, *out);
  kill(link, told);
  return false;
}

bool Links::refuse(PeerLink& link, PeerRefusal kind, NodeId about, std::string_view line,
                   std::string_view told) {
  count(kind);
  const bool run = kind == PeerRefusal::kRunTooFar;
  const bool terms = kind == PeerRefusal::kOtherTerms;
  log(run     ? Complaint::kRunTooFar
      : terms ? Complaint::kOtherTerms
              : Complaint::kSecondLink,
      about, line);
  return refuse(link, told);
}

}  // namespace once::net

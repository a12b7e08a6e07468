#include "net/peer_links.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "net/peer_codec.h"
#include "net/peer_links_impl.h"

namespace once::net {
namespace {

using Phase = PeerLink::Phase;

constexpr int64_t kWorkedNs = 500'000'000;  // so long a link must be up to count as one that works
constexpr int64_t kPingEveryNs = 200'000'000;
constexpr int64_t kSilenceNs = 2'000'000'000;
// Much less than such clients are remembered.
constexpr int64_t kTellModestEveryNs = 25'000'000;

template <class M>
concept OfOwnRun = std::is_same_v<M, paxos::HomeProgress> || std::is_same_v<M, paxos::ClaimHome> ||
    std::is_same_v<M, paxos::ChosenRange> || std::is_same_v<M, paxos::Forward>;
template <class M>
concept OfOwnBallot = std::is_same_v<M, paxos::Prepare> || std::is_same_v<M, paxos::Accept> ||
    std::is_same_v<M, paxos::Decided>;

// Whether what the message says of its sender's run is what its hello said. A later run would close
// the fast path of the real one for ever.
bool is_of_run(const paxos::Message& message, NodeId sender, Incarnation incarnation) {
  return std::visit(
      [&]<class M>(const M& m) {
        if constexpr (OfOwnRun<M>) return m.incarnation == incarnation;
        if constexpr (OfOwnBallot<M>) {
          return m.ballot.node != sender || m.ballot.incarnation == incarnation;
        }
        return true;
      },
      message);
}

}  // namespace

// --- dialling -----------------------------------------------------------------------------------

void Links::start() {
  dials_.start();
  dial_due(io_.now_ns());
}

void Links::dial_due(int64_t now_ns) {
  const bool may_vote = handler_->may_vote();
  if (may_vote && !voted_) dials_.hurry(NodeId{}, now_ns);
  voted_ = may_vote;
  while (Dial* dial = dials_.next_due(now_ns, may_vote)) {
    links_.push_back(std::make_unique<PeerLink>(*this, dial));
    PeerLink& link = *links_.back();
    dial->link = &link;
    link.stream = io_.connect(dial->address, &link);
  }
}

// What was met before is in it: an answer to a hello is made after that hello was taken in.
void Links::greet(PeerLink& link, NodeId node, CoreId core, bool wants_link) {
  PeerHello hello = self_;
  hello.target_node = node;
  hello.target_core = core;
  hello.known = handler_->known_disks();
  hello.votes = handler_->may_vote();
  hello.link = wants_link && hello.votes;
  link.offered = hello.link;
  if (auto* out = io_.outbox(link.stream)) encode_peer_hello(hello, *out);
}

void Links::connected(PeerLink& link) {
  link.phase = Phase::kGreeting;
  greet(link, link.dial->node, link.dial->target, !link.dial->meets_only);
}

// --- receiving ----------------------------------------------------------------------------------

void Links::report(NodeId offender, paxos::Offence offence) {
  if (offence == paxos::Offence::kFarBallot) {
    return log(Complaint::kFarBallot, offender,
               fmt::format("node {} names rounds of a name further ahead than is believed",
                           offender.value));
  }
  log(Complaint::kContradiction, offender,
      fmt::format("node {} denies what was accepted or decided: it is refused. It is out of its "
                  "mind, or somebody speaks in its name",
                  offender.value));
}

void Links::bad_length(PeerLink& link, size_t length) {
  std::string why = fmt::format("a frame of length {} is out of bounds", length);
  const bool up = link.phase == Phase::kUp;
  log(up ? Complaint::kBrokenLink : Complaint::kNotAPeer, known(link),
      fmt::format("{}{}: {}", up ? "" : "not a peer of this cluster: ", whose(link), why));
  refuse(link, why);
}

bool Links::received(PeerLink& link, std::string_view frame) {
  auto content = open_peer_frame(frame);
  std::string why;
  if (!content) {
    why = content.error().message;
  } else if (is_greeting(*content)) {
    auto greeting = decode_greeting(frame);
    bool refused = greeting && greeting->refused;
    why = refused ? "refused by the peer: " + greeting->refusal : "a second hello";
  }
  std::string_view messages = content ? *content : std::string_view{};
  while (why.empty() && !messages.empty()) {
    if (take_own(link, messages)) continue;
    auto message = take_message(messages);
    if (!message) {
      why = message.error().message;
      break;
    }
    if (!is_of_run(*message, link.peer.node, link.incarnation)) {
      count(PeerRefusal::kOtherRun);
      log(Complaint::kOtherRun, link.peer.node,
          fmt::format("{} sends messages of another run than its hello said: they are ignored",
                      whose(link)));
      continue;
    }
    handler_->on_message(link.peer, *message);
    if (link.phase != Phase::kUp) return false;
  }
  if (why.empty()) return true;
  log(Complaint::kBrokenLink, known(link),
      fmt::format("link to {} is closed: {}", whose(link), why));
  kill(link, why);
  return false;
}

bool Links::take_own(PeerLink& link, std::string_view& messages) {
  LinkMessage message;
  if (!net::take_own(messages, message)) return false;
  switch (message.type) {
    case LinkMessage::kPing:
      envelopes_.put_own(link, LinkMessage::kPong, message.time_ns);
      break;
    case LinkMessage::kPong:
      on_pong(link, message.time_ns);
      break;
    case LinkMessage::kModestHere:
      handler_->on_modest_elsewhere();
      break;
  }
  return true;
}

void Links::on_pong(PeerLink& link, int64_t asked_ns) {
  if (link.newcomer && asked_ns == link.asked_ns) answered(link);
  // Any number may come: none is reckoned with before it is known to be a time of the last seconds.
  const int64_t now_ns = io_.now_ns();
  if (asked_ns > now_ns || asked_ns < now_ns - kSilenceNs) return;
  const int64_t sample = now_ns - asked_ns;
  int64_t& smoothed = round_trip_ns_[link.peer.node.value];
  smoothed = smoothed == 0 ? std::max<int64_t>(sample, 1) : smoothed + (sample - smoothed) / 8;
}

// --- sending ------------------------------------------------------------------------------------

void Links::send(Endpoint peer, const paxos::Message& message) {
  if (PeerLink* link = find(peer)) envelopes_.put(*link, message);
}

void Links::send_encoded(Endpoint peer, std::string_view messages) {
  if (PeerLink* link = find(peer)) envelopes_.put_encoded(*link, messages);
}

void Links::on_slow(const PeerLink& link) {
  ++dropped_;
  log(Complaint::kSlowPeer, known(link),
      fmt::format("{} takes messages too slowly: some are dropped", whose(link)));
}

// A time of this node says nothing to its peers: they remember it from when they hear of it.
void Links::tell_modest() {
  if (modest_until_ns_ - modest_told_until_ns_ < kTellModestEveryNs) return;
  modest_told_until_ns_ = modest_until_ns_;
  for (const auto& link : links_) {
    if (link->phase == Phase::kUp) envelopes_.put_own(*link, LinkMessage::kModestHere, 0);
  }
}

void Links::flush() {
  tell_modest();
  envelopes_.seal_all();
  buried_.clear();
  memory_.end_round();
  dial_due(io_.now_ns());
}

// --- time and ends ------------------------------------------------------------------------------

void Links::on_tick(int64_t now_ns) {
  // A process that was stopped for a while has heard nobody, and should blame nobody for it.
  int64_t gap = last_tick_ns_ == 0 ? 0 : now_ns - last_tick_ns_;
  last_tick_ns_ = now_ns;
  bool was_stopped = gap > kSilenceNs / 2;
  log_limiter_.on_tick(now_ns);
  for (size_t i = links_.size(); i-- > 0;) {
    if (i >= links_.size()) continue;
    PeerLink& link = *links_[i];
    if (link.phase == Phase::kDead) continue;
    if (was_stopped) {
      link.heard_ns = link.began_ns = now_ns;
      link.answer_by_ns += gap;
    }
    if (link.newcomer && now_ns >= link.answer_by_ns) {
      kill(link, "replaced by a new connection: it did not answer");
      continue;
    }
    if (now_ns - link.heard_ns >= kSilenceNs) {
      kill(link, "nothing was heard for 2 s");
      continue;
    }
    if (link.phase != Phase::kUp && now_ns - link.began_ns >= kFirstFrameTimeoutNs) {
      count(PeerRefusal::kSlowGreeting);
      log(Complaint::kSlowGreeting, known(link),
          fmt::format("{} does not end its greeting within 5 s", whose(link)));
      kill(link, "the greeting took longer than 5 s");
      continue;
    }
    if (link.phase != Phase::kUp || now_ns - link.pinged_ns < kPingEveryNs) continue;
    link.pinged_ns = now_ns;
    dials_.linked(link.peer.node, now_ns);
    envelopes_.put_own(link, LinkMessage::kPing, now_ns);
  }
  dial_due(now_ns);
}

void Links::schedule(PeerLink& link, PeerDials::End end) {
  if (link.learned && end == PeerDials::End::kFailed) end = PeerDials::End::kLearned;
  dials_.schedule(*link.dial, end, io_.now_ns(), handler_->may_vote());
  link.dial = nullptr;
}

void Links::take_down(PeerLink& link, std::string_view why) {
  Phase phase = link.phase;
  link.phase = Phase::kDead;
  if (link.dial) {
    if (phase == Phase::kConnecting) {
      log(Complaint::kUnreachable, known(link),
          fmt::format("{} cannot be reached: {}", whose(link), why));
    }
    const bool worked = phase == Phase::kUp && io_.now_ns() - link.up_ns >= kWorkedNs;
    schedule(link, worked ? PeerDials::End::kWorked : PeerDials::End::kFailed);
  }
  if (std::exchange(link.seated, false)) handler_->leave_seat(link.peer.node);
  PeerLink*& slot = up_[link.peer.node.value][link.peer.core.value];
  if (phase == Phase::kWaiting && slot && slot->newcomer == &link) slot->newcomer = nullptr;
  if (phase != Phase::kUp) return;
  if (slot == &link) slot = nullptr;
  handler_->on_link_down(link.peer, why);
  give_way(link);
}

void Links::kill(PeerLink& link, std::string_view why) {
  if (link.phase == Phase::kDead) return;
  envelopes_.seal(link);
  take_down(link, why);
  io_.close(link.stream);
}

void Links::closed(PeerLink& link, std::string_view why) {
  link.envelope_at = PeerLink::kNoEnvelope;
  if (link.phase != Phase::kDead) take_down(link, why.empty() ? "closed by the peer" : why);
  bury(link);
}

void Links::bury(PeerLink& link) {
  if (link.dial) schedule(link, PeerDials::End::kFailed);
  auto at = std::find_if(links_.begin(), links_.end(),
                         [&](const auto& one) { return one.get() == &link; });
  ONCE_ASSERT(at != links_.end());
  buried_.push_back(std::move(*at));
  *at = std::move(links_.back());
  links_.pop_back();
}

std::unique_ptr<PeerLinks> make_peer_links(reactor::Io& io, const PeerLinksOptions& options,
                                           PeerLinksHandler* handler) {
  return std::make_unique<Links>(io, options, handler);
}

}  // namespace once::net

// All links of one core. Links that have ended stay allocated until flush(), because their own
// callbacks may still be on the stack; `up_` finds the live one of an endpoint without a search.
#include "net/peer_links.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/limits.h"
#include "base/rarely.h"
#include "net/log_limiter.h"
#include "net/peer_codec.h"
#include "net/peer_dials.h"
#include "net/peer_link.h"
#include "net/wire.h"

namespace once::net {
namespace {

using reactor::Handoff;
using reactor::StreamId;
using Phase = PeerLink::Phase;

constexpr int64_t kWorkedNs = 500'000'000;  // so long a link must be up to count as one that works
constexpr int64_t kPingEveryNs = 200'000'000;
constexpr int64_t kSilenceNs = 2'000'000'000;
constexpr size_t kMaxLinks = 2 * kMaxNodes * kMaxCores;
constexpr size_t kEnvelopeGoalBytes = kMaxEnvelopeBytes / 2;

// Messages of the links themselves; paxos numbers its own from 1.
constexpr uint8_t kPing = 200;
constexpr uint8_t kPong = 201;
constexpr size_t kPingBytes = 12;
static_assert(std::variant_size_v<paxos::Message> < kPing);

class Links final : public PeerLinks, public reactor::ListenHandler, public PeerLinkOwner {
 public:
  Links(reactor::Io& io, const PeerLinksOptions& options, PeerLinksHandler* handler)
      : io_(io),
        self_(options.self),
        handler_(handler),
        dials_(options) {
    ONCE_ASSERT(self_.cores > 0 && self_.cores <= kMaxCores && self_.core.value < self_.cores);
    ONCE_ASSERT(self_.node.value > 0 && self_.node.value <= kMaxNodes);
    ONCE_ASSERT(options.shard_count > 0);
    self_.shard_count = options.shard_count;
    self_.members.add(self_.node);
    for (const auto& [node, address] : options.peers) self_.members.add(node);
  }

  void start() override;
  void accept(std::unique_ptr<Handoff> handoff) override;
  reactor::ListenHandler* listen_handler() override { return this; }
  bool is_up(Endpoint peer) const override { return find(peer) != nullptr; }
  void send(Endpoint peer, const paxos::Message& message) override;
  void send_encoded(Endpoint peer, std::string_view messages) override;
  void flush() override;
  void on_tick(int64_t now_ns) override;
  int64_t round_trip_ns(NodeId peer) const override {
    return peer.value <= kMaxNodes ? round_trip_ns_[peer.value] : 0;
  }

 private:
  reactor::StreamHandler* on_accept(StreamId stream) override;
  void turn_away() {
    log(Complaint::kPeerTurnedAway, {}, "a peer connection is turned away: too many connections");
  }
  void connected(PeerLink& link) override;
  bool greeted(PeerLink& link, std::string_view frame, std::string_view rest) override;
  bool received(PeerLink& link, std::string_view frame) override;
  void bad_length(PeerLink& link, size_t length) override;
  void closed(PeerLink& link, std::string_view why) override;
  int64_t now_ns() const override { return io_.now_ns(); }
  RoundMemory& memory() override { return memory_; }

  PeerLink* find(Endpoint peer) const {
    if (peer.node.value > kMaxNodes || peer.core.value >= kMaxCores) return nullptr;
    return up_[peer.node.value][peer.core.value];
  }
  std::string whose(const PeerLink& link) const;
  bool takes_this_number(const PeerHello& hello) const;
  static NodeId known(const PeerLink& link);
  void greet(PeerLink& link, NodeId node, CoreId core, bool wants_link);
  bool met(PeerLink& link, const PeerHello& hello, const Meeting& meeting);
  bool hand_over(PeerLink& link, std::string_view frame, std::string_view rest, CoreId core);
  bool become_up(PeerLink& link, const PeerHello& hello);
  bool refuse(PeerLink& link, std::string_view why);
  bool take_ping(PeerLink& link, std::string_view& messages);
  void put_ping(PeerLink& link, uint8_t type, int64_t time_ns);
  std::vector<char>* open_envelope(PeerLink& link);
  void seal(PeerLink& link);
  void take_down(PeerLink& link, std::string_view why);
  void kill(PeerLink& link, std::string_view why);
  void bury(PeerLink& link);
  void dial_due(int64_t now_ns);
  void schedule(PeerLink& link, PeerDials::End end);
  void log(Complaint kind, NodeId about, std::string_view line) {
    log_limiter_.complain(kind, about, line, io_.now_ns());
  }

  reactor::Io& io_;
  PeerHello self_;
  PeerLinksHandler* handler_;
  PeerDials dials_;
  bool voted_ = false;
  LogLimiter log_limiter_{[this](std::string_view line) { handler_->log_line(line); }};
  RoundMemory memory_;
  std::vector<std::unique_ptr<PeerLink>> links_;
  std::vector<std::unique_ptr<PeerLink>> buried_;
  std::vector<PeerLink*> open_envelopes_;
  std::array<std::array<PeerLink*, kMaxCores>, kMaxNodes + 1> up_{};
  std::array<int64_t, kMaxNodes + 1> round_trip_ns_{};
  uint64_t dropped_ = 0;  // messages that a full outbox had no room for
  int64_t last_tick_ns_ = 0;
};

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

// --- greeting -----------------------------------------------------------------------------------

reactor::StreamHandler* Links::on_accept(StreamId stream) {
  if (links_.size() >= kMaxLinks) {
    turn_away();
    return nullptr;
  }
  links_.push_back(std::make_unique<PeerLink>(*this, nullptr));
  links_.back()->stream = stream;
  return links_.back().get();
}

void Links::accept(std::unique_ptr<Handoff> handoff) {
  if (links_.size() >= kMaxLinks) return turn_away();
  links_.push_back(std::make_unique<PeerLink>(*this, nullptr));
  PeerLink& link = *links_.back();
  StreamId stream = io_.adopt(std::move(handoff), &link);
  link.stream = stream;
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
  auto greeting = decode_greeting(frame);
  if (!greeting) {
    std::string why = greeting.error().message;
    log(Complaint::kNotAPeer, known(link),
        fmt::format("not a peer of this cluster: {}: {}", whose(link), why));
    return refuse(link, why);
  }
  if (greeting->refused) {
    log(Complaint::kRefusedByPeer, known(link),
        fmt::format("{} refuses this node: {}", whose(link), greeting->refusal));
    kill(link, "refused by the peer: " + greeting->refusal);
    return false;
  }
  const PeerHello& hello = greeting->hello;
  if (hello.cluster == self_.cluster) handler_->on_contact(hello);
  std::string why = reason_to_refuse(hello, self_, link.dial ? link.dial->node : NodeId{});
  CoreId core{static_cast<uint16_t>(hello.target_core.value % self_.cores)};
  if (why.empty() && core != self_.core) {
    if (!link.dial) return hand_over(link, frame, rest, core);
    why = "the hello is addressed to another core";
  }
  Meeting meeting;
  if (why.empty()) {
    meeting = handler_->meet(hello);
    why = meeting.refusal;
  }
  if (!why.empty()) {
    log(takes_this_number(hello) ? Complaint::kSameNumber : Complaint::kForeignPeer, known(link),
        fmt::format("not a peer of this cluster: {}: {}", whose(link), why));
    return refuse(link, why);
  }
  link.learned = meeting.learned;
  return met(link, hello, meeting);
}

// A link needs that both hellos offered it: so both sides come to the same end, whatever changes
// meanwhile.
bool Links::met(PeerLink& link, const PeerHello& hello, const Meeting& meeting) {
  const bool fits = meeting.stranger.empty();
  if (!fits) {
    log(Complaint::kOtherDisk, hello.node,
        fmt::format("no link to {}: {}", whose(link), meeting.stranger));
  }
  if (!link.dial) greet(link, hello.node, hello.core, hello.link && fits);
  if (hello.link && link.offered && fits) return become_up(link, hello);
  // It asks because it sees no link: this node, if it is to dial, need not wait any more.
  if (fits && !link.dial && hello.votes && handler_->may_vote()) {
    dials_.hurry(hello.node, io_.now_ns());
  }
  if (hello.link && link.offered) return refuse(link, meeting.stranger);
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

bool Links::become_up(PeerLink& link, const PeerHello& hello) {
  if (link.dial) {
    link.dial->target = hello.core;
    for (PeerLink* useless : dials_.plan(hello.node, hello.cores)) {
      kill(*useless, "this pair of cores shares no shard any more");
    }
    if (link.phase == Phase::kDead) return false;
  }
  link.peer = Endpoint{hello.node, hello.core};
  if (PeerLink* old = find(link.peer)) kill(*old, "replaced by a new connection");
  link.phase = Phase::kUp;
  link.up_ns = io_.now_ns();
  link.pinged_ns = 0;
  up_[hello.node.value][hello.core.value] = &link;
  handler_->on_link_up(link.peer, hello);
  return link.phase == Phase::kUp;
}

// The peer is told why; one that does not speak the protocol will not understand, which is fine.
bool Links::refuse(PeerLink& link, std::string_view why) {
  seal(link);
  if (auto* out = io_.outbox(link.stream)) encode_peer_refusal(why, *out);
  kill(link, why);
  return false;
}

// --- receiving ----------------------------------------------------------------------------------

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
    if (take_ping(link, messages)) continue;
    auto message = take_message(messages);
    if (!message) {
      why = message.error().message;
      break;
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

bool Links::take_ping(PeerLink& link, std::string_view& messages) {
  if (messages.size() < kPingBytes) return false;
  uint32_t header = load<uint32_t>(messages.data());
  int64_t time_ns = load<int64_t>(messages.data() + 4);
  if (header == (kPing | 8u << 8)) {
    put_ping(link, kPong, time_ns);
  } else if (header == (kPong | 8u << 8)) {
    int64_t sample = io_.now_ns() - time_ns;
    int64_t& smoothed = round_trip_ns_[link.peer.node.value];
    if (sample >= 0 && sample <= kSilenceNs) {
      smoothed = smoothed == 0 ? std::max<int64_t>(sample, 1) : smoothed + (sample - smoothed) / 8;
    }
  } else {
    return false;
  }
  messages.remove_prefix(kPingBytes);
  return true;
}

void Links::put_ping(PeerLink& link, uint8_t type, int64_t time_ns) {
  auto* out = open_envelope(link);
  if (!out) return;
  char* at = extend(*out, kPingBytes);
  store(at, type | 8u << 8);
  store(at + 4, time_ns);
}

// --- sending ------------------------------------------------------------------------------------

// The outbox, with an envelope begun in it that still has room; nullptr: drop the message.
std::vector<char>* Links::open_envelope(PeerLink& link) {
  std::vector<char>* out = io_.outbox(link.stream);
  if (!out) return nullptr;
  if (link.envelope_at != PeerLink::kNoEnvelope) {
    if (out->size() - link.envelope_at <= kEnvelopeGoalBytes) return out;
    seal(link);
  }
  if (io_.unsent_bytes(link.stream) > kMaxOutboxBytes / 2 || rarely(Rare::kPeerOutboxFull)) {
    ++dropped_;
    log(Complaint::kSlowPeer, known(link),
        fmt::format("{} takes messages too slowly: some are dropped", whose(link)));
    return nullptr;
  }
  link.envelope_at = out->size();
  extend(*out, kPeerHeaderBytes);
  open_envelopes_.push_back(&link);
  return out;
}

void Links::seal(PeerLink& link) {
  if (link.envelope_at == PeerLink::kNoEnvelope) return;
  if (auto* out = io_.outbox(link.stream)) seal_peer_frame(*out, link.envelope_at);
  link.envelope_at = PeerLink::kNoEnvelope;
}

void Links::send(Endpoint peer, const paxos::Message& message) {
  PeerLink* link = find(peer);
  if (!link) return;
  if (auto* out = open_envelope(*link)) encode_message(message, *out);
}

void Links::send_encoded(Endpoint peer, std::string_view messages) {
  PeerLink* link = find(peer);
  while (link && !messages.empty()) {
    size_t size = 0;  // of the longest run of whole messages that an envelope has room for
    while (size < messages.size()) {
      ONCE_ASSERT(messages.size() - size >= 4);
      size_t one = 4 + (load<uint32_t>(messages.data() + size) >> 8);
      ONCE_ASSERT(one <= messages.size() - size && one + kPeerHeaderBytes <= kEnvelopeGoalBytes);
      if (size + one + kPeerHeaderBytes > kEnvelopeGoalBytes) break;
      size += one;
    }
    auto* out = open_envelope(*link);
    if (!out) return;
    std::memcpy(extend(*out, size), messages.data(), size);
    messages.remove_prefix(size);
  }
}

void Links::flush() {
  for (PeerLink* link : open_envelopes_) seal(*link);
  open_envelopes_.clear();
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
    if (was_stopped) link.heard_ns = now_ns;
    if (now_ns - link.heard_ns >= kSilenceNs) {
      kill(link, "nothing was heard for 2 s");
      continue;
    }
    if (link.phase != Phase::kUp || now_ns - link.pinged_ns < kPingEveryNs) continue;
    link.pinged_ns = now_ns;
    dials_.linked(link.peer.node, now_ns);
    put_ping(link, kPing, now_ns);
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
  if (phase != Phase::kUp) return;
  PeerLink*& slot = up_[link.peer.node.value][link.peer.core.value];
  if (slot == &link) slot = nullptr;
  handler_->on_link_down(link.peer, why);
}

void Links::kill(PeerLink& link, std::string_view why) {
  if (link.phase == Phase::kDead) return;
  seal(link);
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

}  // namespace

std::unique_ptr<PeerLinks> make_peer_links(reactor::Io& io, const PeerLinksOptions& options,
                                           PeerLinksHandler* handler) {
  return std::make_unique<Links>(io, options, handler);
}

}  // namespace once::net

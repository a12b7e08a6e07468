// All links of one core. Links that have ended stay allocated until flush(), because their own
// callbacks may still be on the stack; `up_` finds the live one of an endpoint without a search.
#include "net/peer_links.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/limits.h"
#include "base/prng.h"
#include "base/rarely.h"
#include "net/log_limiter.h"
#include "net/peer_codec.h"
#include "net/peer_link.h"
#include "net/wire.h"

namespace once::net {
namespace {

using reactor::Handoff;
using reactor::StreamId;
using Phase = PeerLink::Phase;

constexpr int64_t kFirstBackoffNs = 10'000'000;
constexpr int64_t kMaxBackoffNs = 500'000'000;
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
        peers_(options.peers),
        shard_count_(options.shard_count),
        handler_(handler),
        prng_(options.seed) {
    ONCE_ASSERT(self_.cores > 0 && self_.cores <= kMaxCores && self_.core.value < self_.cores);
    ONCE_ASSERT(self_.node.value > 0 && self_.node.value <= kMaxNodes);
    ONCE_ASSERT(shard_count_ > 0);
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
  const std::string* address_of(NodeId node) const;
  std::string whose(const PeerLink& link) const;
  PeerHello hello_to(NodeId node, CoreId core) const;
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
  void plan_dials(NodeId node, uint16_t cores);
  void add_dial(NodeId node, CoreId target);
  void dial_due(int64_t now_ns);
  void schedule(Dial& dial, bool was_stable);
  void log(const std::string& line) {
    if (log_limiter_.allow(line, io_.now_ns())) handler_->log_line(line);
  }

  reactor::Io& io_;
  PeerHello self_;
  std::vector<std::pair<NodeId, std::string>> peers_;
  const uint16_t shard_count_;
  PeerLinksHandler* handler_;
  Prng prng_;
  LogLimiter log_limiter_;
  RoundMemory memory_;
  std::vector<std::unique_ptr<Dial>> dials_;
  std::vector<std::unique_ptr<PeerLink>> links_;
  std::vector<std::unique_ptr<PeerLink>> buried_;
  std::vector<PeerLink*> open_envelopes_;
  std::array<std::array<PeerLink*, kMaxCores>, kMaxNodes + 1> up_{};
  std::array<int64_t, kMaxNodes + 1> round_trip_ns_{};
  uint64_t dropped_ = 0;  // messages that a full outbox had no room for
  int64_t last_tick_ns_ = 0;
};

// --- dialling -----------------------------------------------------------------------------------

const std::string* Links::address_of(NodeId node) const {
  for (const auto& [id, address] : peers_) {
    if (id == node) return &address;
  }
  return nullptr;
}

void Links::start() {
  for (const auto& [node, address] : peers_) {
    if (self_.node < node && dials_.size() < kMaxLinks) add_dial(node, self_.core);
  }
  dial_due(io_.now_ns());
}

void Links::add_dial(NodeId node, CoreId target) {
  auto dial = std::make_unique<Dial>();
  dial->node = node;
  dial->address = *address_of(node);
  dial->target = target;
  dials_.push_back(std::move(dial));
}

// A core of this node needs each core of the peer with which it shares a shard.
void Links::plan_dials(NodeId node, uint16_t cores) {
  std::array<bool, kMaxCores> wanted{};
  for (uint32_t shard = self_.core.value; shard < shard_count_; shard += self_.cores) {
    wanted[shard % cores] = true;
  }
  std::vector<std::unique_ptr<Dial>> unwanted;
  for (size_t i = 0; i < dials_.size();) {
    Dial& dial = *dials_[i];
    if (dial.node == node) {
      dial.target.value = static_cast<uint16_t>(dial.target.value % cores);
      if (!wanted[dial.target.value]) {
        unwanted.push_back(std::move(dials_[i]));
        dials_.erase(dials_.begin() + static_cast<long>(i));
        continue;
      }
      wanted[dial.target.value] = false;
    }
    ++i;
  }
  for (auto& dial : unwanted) {
    if (!dial->link) continue;
    PeerLink& link = *dial->link;
    link.dial = nullptr;
    kill(link, "this pair of cores shares no shard any more");
  }
  for (uint16_t core = 0; core < cores; ++core) {
    if (wanted[core]) add_dial(node, CoreId{core});
  }
}

void Links::dial_due(int64_t now_ns) {
  for (auto& dial : dials_) {
    if (dial->link || dial->next_ns > now_ns) continue;
    links_.push_back(std::make_unique<PeerLink>(*this, dial.get()));
    PeerLink& link = *links_.back();
    dial->link = &link;
    link.stream = io_.connect(dial->address, &link);
  }
}

// At once after a link that worked; otherwise each wait is twice the one before, with jitter.
void Links::schedule(Dial& dial, bool was_stable) {
  dial.link = nullptr;
  if (was_stable) {
    dial.backoff_ns = 0;
    dial.next_ns = io_.now_ns();
    return;
  }
  dial.backoff_ns = std::clamp(dial.backoff_ns * 2, kFirstBackoffNs, kMaxBackoffNs);
  uint64_t half = static_cast<uint64_t>(dial.backoff_ns) / 2;
  dial.next_ns = io_.now_ns() + static_cast<int64_t>(half + prng_.below(half + 1));
}

PeerHello Links::hello_to(NodeId node, CoreId core) const {
  PeerHello hello = self_;
  hello.target_node = node;
  hello.target_core = core;
  return hello;
}

void Links::connected(PeerLink& link) {
  link.phase = Phase::kGreeting;
  auto* out = io_.outbox(link.stream);
  if (out) encode_peer_hello(hello_to(link.dial->node, link.dial->target), *out);
}

// --- greeting -----------------------------------------------------------------------------------

reactor::StreamHandler* Links::on_accept(StreamId stream) {
  if (links_.size() >= kMaxLinks) {
    log("a peer connection is turned away: too many connections");
    return nullptr;
  }
  links_.push_back(std::make_unique<PeerLink>(*this, nullptr));
  links_.back()->stream = stream;
  return links_.back().get();
}

void Links::accept(std::unique_ptr<Handoff> handoff) {
  if (links_.size() >= kMaxLinks)
    return log("a peer connection is turned away: too many connections");
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

bool Links::greeted(PeerLink& link, std::string_view frame, std::string_view rest) {
  auto greeting = decode_greeting(frame);
  if (!greeting) {
    std::string why = greeting.error().message;
    log(fmt::format("not a peer of this cluster: {}: {}", whose(link), why));
    return refuse(link, why);
  }
  if (greeting->refused) {
    log(fmt::format("{} refuses this node: {}", whose(link), greeting->refusal));
    kill(link, "refused by the peer: " + greeting->refusal);
    return false;
  }
  const PeerHello& hello = greeting->hello;
  std::string why = reason_to_refuse(hello, self_, link.dial ? link.dial->node : NodeId{});
  if (why.empty() && !address_of(hello.node)) {
    why = fmt::format("node {} is not a member", hello.node.value);
  }
  CoreId core{static_cast<uint16_t>(hello.target_core.value % self_.cores)};
  if (why.empty() && core != self_.core) {
    if (!link.dial) return hand_over(link, frame, rest, core);
    why = "the hello is addressed to another core";
  }
  if (why.empty()) why = handler_->check_identity(hello);
  if (!why.empty()) {
    log(fmt::format("not a peer of this cluster: {}: {}", whose(link), why));
    return refuse(link, why);
  }
  return become_up(link, hello);
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
    plan_dials(hello.node, hello.cores);
    if (link.phase == Phase::kDead) return false;
  } else if (auto* out = io_.outbox(link.stream)) {
    encode_peer_hello(hello_to(hello.node, hello.core), *out);
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
  log(fmt::format("{}{}: {}", link.phase == Phase::kUp ? "" : "not a peer of this cluster: ",
                  whose(link), why));
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
  log(fmt::format("link to {} is closed: {}", whose(link), why));
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
    log(fmt::format("{} takes messages too slowly: some are dropped", whose(link)));
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
    put_ping(link, kPing, now_ns);
  }
  dial_due(now_ns);
}

void Links::take_down(PeerLink& link, std::string_view why) {
  Phase phase = link.phase;
  link.phase = Phase::kDead;
  if (link.dial) {
    if (phase == Phase::kConnecting) {
      log(fmt::format("{} cannot be reached: {}", whose(link), why));
    }
    schedule(*link.dial, phase == Phase::kUp && io_.now_ns() - link.up_ns >= kMaxBackoffNs);
    link.dial = nullptr;
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
  if (link.dial) schedule(*link.dial, false);
  link.dial = nullptr;
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

// The class behind PeerLinks: all links of one core. Links that have ended stay allocated until
// flush(), because their own callbacks may still be on the stack; `up_` finds the live one of an
// endpoint without a search. peer_greetings.cc has what comes before a link is up. Private to net/.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "net/log_limiter.h"
#include "net/peer_dials.h"
#include "net/peer_envelopes.h"
#include "net/peer_link.h"
#include "net/peer_links.h"

namespace once::net {

class Links final : public PeerLinks, public reactor::ListenHandler, public PeerLinkOwner {
 public:
  Links(reactor::Io& io, const PeerLinksOptions& options, PeerLinksHandler* handler)
      : io_(io),
        self_(options.self),
        max_greetings_(options.max_greetings),
        handler_(handler),
        dials_(options) {
    ONCE_ASSERT(max_greetings_ > 0);
    ONCE_ASSERT(self_.cores > 0 && self_.cores <= kMaxCores && self_.core.value < self_.cores);
    ONCE_ASSERT(self_.node.value > 0 && self_.node.value <= kMaxNodes);
    ONCE_ASSERT(options.shard_count > 0);
    self_.shard_count = options.shard_count;
    ONCE_ASSERT(self_.members.has(self_.node) && self_.members.valid());
  }

  void start() override;
  void accept(std::unique_ptr<reactor::Handoff> handoff) override;
  reactor::ListenHandler* listen_handler() override { return this; }
  bool is_up(Endpoint peer) const override { return find(peer) != nullptr; }
  void send(Endpoint peer, const paxos::Message& message) override;
  void send_encoded(Endpoint peer, std::string_view messages) override;
  void tell_modest(int64_t until_ns) override { modest_until_ns_ = until_ns; }
  void flush() override;
  void on_tick(int64_t now_ns) override;
  int64_t round_trip_ns(NodeId peer) const override {
    return peer.value <= kMaxNodes ? round_trip_ns_[peer.value] : 0;
  }
  void report(NodeId offender, paxos::Offence offence) override;
  const PeerRefusals& refusals() const override { return refusals_; }

 private:
  reactor::StreamHandler* on_accept(reactor::StreamId stream) override;
  bool has_place();
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
  bool take_place(PeerLink& link, const PeerHello& hello);
  bool come_up(PeerLink& link, const PeerHello& hello);
  bool refuse(PeerLink& link, std::string_view told);
  bool refuse(PeerLink& link, PeerRefusal kind, NodeId about, std::string_view line,
              std::string_view told);
  void answered(PeerLink& link);
  void give_way(PeerLink& link);
  void count(PeerRefusal kind) { ++refusals_[static_cast<size_t>(kind)]; }
  bool take_own(PeerLink& link, std::string_view& messages);
  void on_pong(PeerLink& link, int64_t asked_ns);
  void tell_modest();
  void on_slow(const PeerLink& link);
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
  const size_t max_greetings_;
  PeerLinksHandler* handler_;
  PeerDials dials_;
  bool voted_ = false;
  LogLimiter log_limiter_{[this](std::string_view line) { handler_->log_line(line); }};
  RoundMemory memory_;
  std::vector<std::unique_ptr<PeerLink>> links_;
  std::vector<std::unique_ptr<PeerLink>> buried_;
  PeerEnvelopes envelopes_{io_, [this](const PeerLink& link) { on_slow(link); }};
  std::array<std::array<PeerLink*, kMaxCores>, kMaxNodes + 1> up_{};
  std::array<int64_t, kMaxNodes + 1> round_trip_ns_{};
  PeerRefusals refusals_{};
  uint64_t dropped_ = 0;  // messages that a full outbox had no room for
  int64_t last_tick_ns_ = 0;
  int64_t modest_until_ns_ = 0;       // as told by tell_modest()
  int64_t modest_told_until_ns_ = 0;  // as told to the peers
};

}  // namespace once::net

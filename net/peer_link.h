// One connection to a core of another node, from the first byte to the last. Who may be at the
// other end, and what to do when it ends, is decided by PeerLinkOwner. Private to net/.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "net/frame_assembler.h"
#include "net/peer_frame.h"
#include "reactor/io.h"

namespace once::net {

struct Dial;
class PeerLink;

class PeerLinkOwner {
 public:
  virtual ~PeerLinkOwner() = default;
  virtual void connected(PeerLink& link) = 0;
  // Both return false when nothing more may be taken from the link.
  virtual bool greeted(PeerLink& link, std::string_view frame, std::string_view rest) = 0;
  virtual bool received(PeerLink& link, std::string_view frame) = 0;
  virtual void bad_length(PeerLink& link, size_t length) = 0;
  virtual void closed(PeerLink& link, std::string_view why) = 0;
  virtual int64_t now_ns() const = 0;
  virtual RoundMemory& memory() = 0;
};

class PeerLink final : public reactor::StreamHandler {
 public:
  // kConnecting: dialled. kGreeting: the peer's hello is awaited. kWaiting: it has come, and the
  // link that has its place is asked whether it lives. kDead: only on_closed may come.
  enum class Phase : uint8_t { kConnecting, kGreeting, kWaiting, kUp, kDead };
  static constexpr size_t kNoEnvelope = SIZE_MAX;

  PeerLink(PeerLinkOwner& owner, Dial* dial_in)
      : dial(dial_in),
        phase(dial_in ? Phase::kConnecting : Phase::kGreeting),
        heard_ns(owner.now_ns()),
        began_ns(heard_ns),
        owner_(owner) {}

  void on_connected(reactor::StreamId from) override {
    stream = from;
    heard_ns = began_ns = owner_.now_ns();
    if (phase == Phase::kConnecting) owner_.connected(*this);
  }
  void on_bytes(reactor::StreamId from, std::string_view bytes) override;
  void on_closed(reactor::StreamId, std::string_view why) override { owner_.closed(*this, why); }

  Dial* dial;  // nullptr: the peer dialled
  Phase phase;
  int64_t heard_ns;
  int64_t began_ns;  // its greeting, which has so long in all
  int64_t pinged_ns = 0;
  int64_t up_ns = 0;
  reactor::StreamId stream;
  Endpoint peer;                     // once it was greeted, and may be linked to
  Incarnation incarnation;           // once up: what the hello said
  size_t envelope_at = kNoEnvelope;  // where the open envelope begins in the outbox
  bool offered = false;              // what was said of a link in the hello that was sent
  bool learned = false;              // the greeting taught something
  bool seated = false;               // the handler counts it among the links of its node
  std::unique_ptr<PeerHello> hello;  // of one that waits
  // Of one that is up: who waits for its place, when it was asked, and until when it may answer.
  PeerLink* newcomer = nullptr;
  int64_t asked_ns = 0;
  int64_t answer_by_ns = 0;

 private:
  PeerLinkOwner& owner_;
  FrameAssembler assembler_;
};

// A connection that this node makes, and makes again.
struct Dial {
  NodeId node;
  std::string address;
  CoreId target;
  bool meets_only = false;  // never for a link: the lower node number dials for that
  PeerLink* link = nullptr;
  int64_t next_ns = 0;
  int64_t backoff_ns = 0;
};

}  // namespace once::net

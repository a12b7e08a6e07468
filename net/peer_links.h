// Links between cores of nodes: one TCP connection a pair of cores, dialled by the lower node
// number, with reconnect and jittered back-off. Nodes that may not both vote exchange hellos only,
// again and again, until they may. Messages to one core leave in envelopes with one
// checksum each. Single-threaded, on its core's Io. Messages may be lost when a link breaks; never
// reordered within one link.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/types.h"
#include "net/hello.h"
#include "paxos/messages.h"
#include "reactor/io.h"

namespace once::net {

// The texts are for this node's log alone: they may name disks.
struct Meeting {
  std::string refusal;      // not empty: the reason
  std::string stranger;     // not empty: there can be no link, and why
  bool other_disk = false;  // and it is that another disk is known under its number
  bool learned = false;     // something is known now that was not
  bool later = false;       // its disk is being written down: no link yet
};

// What was refused on the peer port, each counted.
enum class PeerRefusal : uint8_t {
  kStranger,      // no greeting of a member
  kOtherDisk,     // under the number of a node that is known by another one
  kSecondLink,    // of a node that has one which lives
  kOtherTerms,    // other cores or another address of a node that is linked
  kRunTooFar,     // an incarnation further ahead than is believed
  kOtherRun,      // messages of another incarnation than the link's
  kSlowGreeting,  // it did not end in time
};
inline constexpr size_t kPeerRefusals = 7;
using PeerRefusals = std::array<uint64_t, kPeerRefusals>;

struct SeatRefusal {
  PeerRefusal kind;
  std::string why;  // logged here and told to the peer: no secrets
};

class PeerLinksHandler {
 public:
  virtual ~PeerLinksHandler() = default;
  virtual void on_link_up(Endpoint peer, const PeerHello& hello) = 0;
  virtual void on_link_down(Endpoint peer, std::string_view why) = 0;
  // Views live until the round ends.
  virtual void on_message(Endpoint from, const paxos::Message& message) = 0;
  // This node's disk is known to every member, and it may take part. Else links carry hellos only.
  virtual bool may_vote() = 0;
  // For the next hello: whatever is in it must be durable.
  virtual DiskTable known_disks() = 0;
  // Somebody of this cluster id is at the other end, be it welcome or not.
  virtual void on_contact(const PeerHello& hello) = 0;
  // Of a hello that fits this node. What it says is taken in, durably, before this returns.
  virtual Meeting meet(const PeerHello& hello) = 0;
  // Before a link comes up; nothing: it may, and counts among those of its node until leave_seat().
  virtual std::optional<SeatRefusal> take_seat(const PeerHello&) { return std::nullopt; }
  virtual void leave_seat(NodeId) {}
  // That member, which was called, knows another disk under this node's number.
  virtual void on_other_disk(NodeId) {}
  // The peer asked for another core of this node.
  virtual void hand_over(CoreId core, std::unique_ptr<reactor::Handoff> handoff) = 0;
  virtual void log_line(std::string_view line) = 0;  // for the operator; already rate-limited
  // The peer serves modest clients: what others have under way here is in their way, too.
  virtual void on_modest_elsewhere() {}
};

struct PeerLinksOptions {
  PeerHello self;  // node, core, cores, identity, client address, members
  std::vector<std::pair<NodeId, std::string>> peers;  // every other member with its HOST:PORT
  uint16_t shard_count = 0;                           // as formatted: decides which cores pair up
  uint64_t seed = 0;                                  // of the back-off's jitter
  // Connections that came in and have no link yet may be so many: for each is a descriptor. Links
  // that are up are those of members, however many cores these have.
  size_t max_greetings = kMaxNodes * kMaxCores;
};

class PeerLinks {
 public:
  virtual ~PeerLinks() = default;
  virtual void start() = 0;  // begins to dial; listening is the node's business (core 0)
  virtual void accept(std::unique_ptr<reactor::Handoff> handoff) = 0;  // from this node's core 0
  virtual reactor::ListenHandler* listen_handler() = 0;  // give it to Io::listen on core 0
  virtual bool is_up(Endpoint peer) const = 0;
  // Encodes into the envelope that leaves at flush(); dropped when the link is down.
  virtual void send(Endpoint peer, const paxos::Message& message) = 0;
  // The same for messages encoded earlier by encode_message (held until something was durable).
  virtual void send_encoded(Endpoint peer, std::string_view messages) = 0;
  // Modest clients are served here, and remembered until then; the peers learn of it at flush().
  virtual void tell_modest(int64_t until_ns) { static_cast<void>(until_ns); }
  virtual void flush() = 0;                  // seals the envelopes; call at the end of each round
  virtual void on_tick(int64_t now_ns) = 0;  // re-dials, pings, time-outs of silent links
  virtual int64_t round_trip_ns(NodeId peer) const = 0;  // smoothed, of pings; 0 when unknown
  virtual void report(NodeId offender, paxos::Offence offence) = 0;  // for the log
  virtual const PeerRefusals& refusals() const = 0;
};

std::unique_ptr<PeerLinks> make_peer_links(reactor::Io& io, const PeerLinksOptions& options,
                                           PeerLinksHandler* handler);

}  // namespace once::net

// The mail of one core: what it writes to the other cores of its node, and what it reads of theirs.
// A core that got mail is woken at the end of the round, once. Single-threaded, on its core; only
// PostOffice is shared.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "paxos/messages.h"
#include "server/letter.h"
#include "server/post_office.h"

namespace once::server {

// Of answers that found their box full. Beyond it, none with a value waits but for a change's.
inline constexpr size_t kMostLateBytes = 4 * 1024 * 1024;

class CoreMail {
 public:
  class Reader {
   public:
    virtual ~Reader() = default;
    // Asked by another core, whose the token is. True: its bytes are used until end_of_step().
    virtual bool on_mailed_request(CoreId from, const paxos::ClientRequest& request) = 0;
    // To a request of this core, whose the token is.
    virtual void on_mailed_reply(const paxos::ClientReply& reply) = 0;
    // Nobody waits any more for these requests of that core; ascending.
    virtual void on_mailed_forget(CoreId from, const std::vector<uint64_t>& tokens) = 0;
    virtual void on_mailed_client(std::unique_ptr<reactor::Handoff> handoff) = 0;
    virtual void on_mailed_peer(std::unique_ptr<reactor::Handoff> handoff) = 0;
  };

  // `office` may be null when the node has one core.
  CoreMail(CoreId self, PostOffice* office)
      : self_(self), office_(office), to_wake_(office == nullptr ? 0 : office->cores(), false) {}

  bool has_others() const { return office_ != nullptr; }
  // False: the box is full, and nothing was sent.
  bool request(CoreId to, uint64_t token, const paxos::ClientRequest& request);
  // `reply`, to that operation, gets the token of the core that asked. If its box is full,
  // post_late() sends it; and where too much waits so, what changed nothing becomes `overloaded`.
  void reply(CoreId to, uint64_t token, paxos::Operation operation,
             const paxos::ClientReply& reply);
  void post_late();
  // To every other core. One whose box is full does not hear of it: its waits end by themselves.
  void forget(const std::vector<uint64_t>& tokens);
  // A full box closes the connection: the other side dials again.
  void hand_over_client(CoreId to, std::unique_ptr<reactor::Handoff> handoff) {
    hand_over(Letter::Kind::kClientHandoff, to, std::move(handoff));
  }
  void hand_over_peer(CoreId to, std::unique_ptr<reactor::Handoff> handoff) {
    hand_over(Letter::Kind::kPeerHandoff, to, std::move(handoff));
  }

  void read_all(Reader& reader);
  void end_of_step();   // what was read is not used any more
  void end_of_round();  // wakes who got mail
  // Written and not read yet. The others' share of it is theirs to count.
  size_t waiting_bytes() const;
  void give_back(size_t kept_bytes);  // after a burst; nothing is in use

 private:
  void hand_over(Letter::Kind kind, CoreId to, std::unique_ptr<reactor::Handoff> handoff);
  bool post(CoreId to, LetterPtr& letter);
  void open(LetterPtr letter, Reader& reader);

  const CoreId self_;
  PostOffice* const office_;
  LetterPool letters_;
  std::vector<LetterPtr> opened_;  // whose bytes this round's events point into
  std::vector<std::pair<CoreId, LetterPtr>> late_replies_;  // the box was full; bounded by tokens
  size_t late_bytes_ = 0;
  std::vector<bool> to_wake_;  // cores that got mail this round
};

}  // namespace once::server

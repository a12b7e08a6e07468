// The client protocol of ZooKeeper 3.4 and later, as its jute records have it: frames of big-endian
// fields behind their length. A name is a path; its parent is made when the session opens. A
// linearizable read is what its programmer's guide says: sync, then getData, of one session.
#pragma once

#include "base/fifo.h"
#include "bench/peers/session.h"

namespace once::bench::peers {

class ZookeeperSession final : public Session {
 public:
  explicit ZookeeperSession(std::string parent) : parent_(std::move(parent)) {}

  void open(Outbox& out) override;
  bool ready() const override { return ready_; }
  void create(Caller caller, std::string_view name, std::string_view value, Outbox& out) override;
  void read(Caller caller, std::string_view name, Outbox& out) override;
  std::string receive(std::string_view bytes, Outbox& out, AnswerHandler& handler) override;
  void close(Outbox& out) override;

 private:
  // The syncs of reads and what opens and closes a session have no caller.
  enum class Kind : uint8_t { kParent, kSync, kRequest, kClose };
  struct Asked {
    Kind kind = Kind::kRequest;
    Caller caller = 0;
    int32_t number = 0;
  };

  int32_t push(Kind kind, Caller caller);
  std::string on_frame(std::string_view frame, Outbox& out, AnswerHandler& handler);
  std::string on_reply(std::string_view frame, AnswerHandler& handler);

  const std::string parent_;
  std::string unread_;
  Fifo<Asked> asked_;  // answers come in the order of the requests
  int32_t last_number_ = 0;
  bool connected_ = false;
  bool ready_ = false;
};

}  // namespace once::bench::peers

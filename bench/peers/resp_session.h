// RESP2, for Redis and for the door of our own nodes: `SET name value NX` and `GET name`, as many
// as wanted before the first answer.
#pragma once

#include "base/fifo.h"
#include "bench/peers/session.h"

namespace once::bench::peers {

class RespSession final : public Session {
 public:
  void open(Outbox&) override {}
  bool ready() const override { return true; }
  void create(Caller caller, std::string_view name, std::string_view value, Outbox& out) override;
  void read(Caller caller, std::string_view name, Outbox& out) override;
  std::string receive(std::string_view bytes, Outbox& out, AnswerHandler& handler) override;

 private:
  std::string unread_;
  Fifo<Caller> asked_;  // answers come in the order of the requests
};

}  // namespace once::bench::peers

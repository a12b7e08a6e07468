// The door for HTTP/1.1: docs/http.md says what it speaks. Single-threaded, as every door.
//
// Reads that follow each other on one connection are asked at once. A change is asked alone: what
// came before it is answered then, and what comes after it sees it (RFC 9112, 9.3.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "doors/door.h"
#include "doors/http/order.h"
#include "doors/http/outcomes.h"
#include "doors/http/request_head.h"

namespace once::doors::http {

class HttpDoor final : public Door {
 public:
  explicit HttpDoor(DoorHost& host, Serves serves = Serves::kAll) : host_(host), serves_(serves) {}

  Taken take(std::string_view bytes) override;
  void on_reply(uint64_t ticket, paxos::Operation operation,
                const paxos::ClientReply& reply) override;
  size_t unanswered() const override { return queue_.size(); }
  size_t waiting() const override { return parked_; }
  void say_farewell(Farewell why) override;
  // Health and figures are asked for just then.
  bool serves_while_stopping() const override { return true; }
  size_t kept_bytes() const override { return kept_ + reader_.kept_bytes(); }

 private:
  struct Pending {
    Asked asked;
    bool ready = false;
    bool continues = false;   // its body was asked for with "100 Continue", which goes before it
    std::vector<char> bytes;  // the answer, once it is ready
    bool parked = false;      // it is not asked yet: the next two say what
    paxos::ClientRequest request;
    std::vector<char> held;  // its name and its value
    size_t cost = 0;         // of this, as far as it is counted
  };

  Order order_of_a_part() const;
  Taken take_last(const Objection& objection, const Order& order, size_t bytes);
  void ask_for_body();
  void serve(const Order& order, Asked asked, std::string_view body);
  void serve_node(const Order& order, const Answer& begun);
  void serve_health(const Health& health, const Order& order, Answer answer);
  void ask(const Order& order, Asked asked, std::string_view body);
  bool may_ask(paxos::Operation operation) const;
  void ask_now(uint64_t ticket, const paxos::ClientRequest& request);
  void park(Pending& pending, const paxos::ClientRequest& request);
  void ask_what_is_parked();
  // `put` appends an answer to what it is given: now, or when its turn comes.
  template <class Put>
  void answer_at_once(Put put);
  void answer_text(Answer answer, std::string_view text, bool problem);
  void push(Pending pending);
  void count(Pending& pending);
  void pop();
  void send_what_is_ready();

  DoorHost& host_;
  const Serves serves_;
  HeadReader reader_;
  bool body_asked_for_ = false;
  bool continue_due_ = false;  // "100 Continue" waits until all before it is answered
  std::deque<Pending> queue_;  // in the order of the requests; tickets count on from the first one
  uint64_t first_ticket_ = 0;
  size_t under_way_ = 0;  // asked, and not answered
  bool changes_ = false;  // one of these is a change, and then it is the only one
  size_t parked_ = 0;
  uint64_t next_parked_ = 0;  // none that is parked has a lower ticket
  size_t kept_ = 0;
};

}  // namespace once::doors::http

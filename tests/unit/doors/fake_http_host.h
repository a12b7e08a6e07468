// What stands in for a node behind a door: keeps what was asked, and what the door said.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "doors/door.h"

namespace once::doors {

struct FakeNode final : NodeView {
  std::string_view version() const override { return "1.2.3"; }
  std::string metrics() const override { return "once_up 1\n"; }
  Health live() const override { return {alive, "loops turn: ok\n"}; }
  Health ready() const override { return {is_ready, "majority: no\n"}; }
  bool is_own_host(std::string_view host) const override {
    return host == "localhost" || host == "127.0.0.1" || host == "::1";
  }
  bool alive = true;
  bool is_ready = true;
};

struct FakeHost final : DoorHost {
  struct Asked {
    uint64_t ticket = 0;
    paxos::ClientRequest request;  // its views point into the two strings
    std::string name;
    std::string value;
  };
  void ask(uint64_t ticket, const paxos::ClientRequest& request) override {
    Asked& one = asked.emplace_back();
    one.ticket = ticket;
    one.request = request;
    one.name = request.name;
    one.value = request.value;
    one.request.name = one.name;
    one.request.value = one.value;
  }
  std::string_view keep(std::vector<char>&& bytes) override {
    const std::vector<char>& kept = kept_.emplace_back(std::move(bytes));
    return {kept.data(), kept.size()};
  }
  RequestId draw_id() override { return ids ? request_id(7, ++drawn) : RequestId{}; }
  std::vector<char>* out() override { return gone ? nullptr : &out_; }
  const NodeView& node() override { return view; }
  CoreId core() const override { return CoreId{0}; }
  bool is_stopping() const override { return stops; }

  std::string said() {  // since the last time
    std::string text(out_.begin(), out_.end());
    out_.clear();
    return text;
  }

  FakeNode view;
  std::deque<Asked> asked;
  uint64_t drawn = 0;
  bool ids = true;  // false: the system gives no random bits
  bool gone = false;
  bool stops = false;

 private:
  std::vector<char> out_;
  std::deque<std::vector<char>> kept_;
};

inline paxos::ClientReply reply_of(paxos::Status status, uint64_t version = 0,
                                   std::string_view value = {}, bool sealed = false) {
  paxos::ClientReply reply;
  reply.status = status;
  reply.state.version = version;
  reply.state.value = value;
  reply.state.sealed = sealed;
  if (version != 0) reply.state.writer = request_id(0xab, 0xcd);
  return reply;
}

}  // namespace once::doors

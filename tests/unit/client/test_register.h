// One register in memory, with the rules of the real one.
#pragma once

#include <optional>
#include <string>

#include "client/retry_rules.h"
#include "paxos/change.h"

namespace once::client {

class TestRegister {
 public:
  paxos::ClientReply answer(const paxos::ClientRequest& request) {
    const paxos::Change change{request.operation, request.id, request.version, request.value};
    paxos::ClientReply reply;
    if (const auto status = paxos::judge(state(), change)) {
      reply.status = *status;
    } else {
      const paxos::State next = paxos::apply(state(), change);
      value_ = std::string(next.value);
      state_ = next;
    }
    reply.state = state();
    return reply;
  }

  // As the client library tells it, when it asks once.
  Result ask(paxos::Operation operation, uint64_t version, std::string_view value, RequestId id) {
    paxos::ClientRequest request;
    request.operation = operation;
    request.version = version;
    request.value = value;
    request.id = id;
    const paxos::ClientReply reply = answer(request);
    if (reply.status == paxos::Status::kNotYet) {
      Result result;
      result.outcome = Outcome::kNotYet;
      return result;
    }
    return result_of(request, reply);
  }

  paxos::State state() const {
    paxos::State state = state_;
    state.value = value_;
    return state;
  }

 private:
  paxos::State state_;
  std::string value_;
};

}  // namespace once::client

// What a node may tell of the name "door": the example of docs/protocol.md.
#pragma once

#include "net/client_listener.h"

namespace once::net {

inline ExplainReply some_explanation() {
  ExplainReply reply;
  reply.core = CoreId{1};
  paxos::Explanation& told = reply.explanation;
  told.known = true;
  told.sealed = true;
  told.home = NodeId{3};
  told.promised = {Round{1}, NodeId{2}, Incarnation{5}};
  told.accepted = {Round{0}, NodeId{3}, Incarnation{4}};
  told.version = 1;
  told.value_bytes = 4;
  told.writer = request_id(0x0011223344556677, 0x8899aabbccddeeff);
  told.under_way = {
      paxos::Work::kAccept, 2, 0x000c, 1, 1, {Round{1}, NodeId{2}, Incarnation{5}}, 1500};
  told.queues = {1, 2, 3, 4, NodeId{1}};
  return reply;
}

}  // namespace once::net

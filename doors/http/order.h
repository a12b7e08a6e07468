// What a request asks for, judged by its head alone: before a byte of its body has come.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/ids.h"
#include "doors/http/field_values.h"
#include "doors/http/request_head.h"
#include "doors/http/routes.h"
#include "doors/node_view.h"
#include "paxos/messages.h"

namespace once::doors::http {

enum class Serves : uint8_t {
  kAll,
  kAdministration,  // figures, health and version alone
};

struct Order {
  Method method = Method::kGet;
  Route route;
  bool json = false;      // what goes back, where there is a choice
  bool problems = false;  // likewise, of what is wrong
  bool verbose = false;   // /livez, /readyz
  // Of a name:
  paxos::Operation operation = paxos::Operation::kRead;
  uint64_t version = 0;      // as paxos::ClientRequest
  bool conditional = false;  // a field says when it may happen: a refusal is then 412, else 409
  Tags known;                // of a read: states that need not be sent
  uint32_t wait_s = 0;       // at most so long; 0: the node chooses
  bool has_id = false;
  RequestId id;
};

// Status 0: nothing is wrong with it. `order` is filled in as far as it goes; its views point into
// `bytes`.
Objection judge(const Head& head, std::string_view bytes, const NodeView& node, Serves serves,
                Order& order);

}  // namespace once::doors::http

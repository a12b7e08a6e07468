// What a node answers to an operation, as an answer of HTTP. docs/http.md has the table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "doors/http/answer.h"
#include "doors/http/field_values.h"
#include "paxos/messages.h"

namespace once::doors::http {

// What must be known of a request when its answer comes.
struct Asked {
  paxos::Operation operation = paxos::Operation::kRead;
  RequestId id;  // of a change
  bool head_only = false;
  bool json = false;      // values
  bool problems = false;  // what is wrong; also where values are no JSON
  bool conditional = false;
  Closing closing = Closing::kSaysNothing;
  uint32_t wait_s = 0;
  Tags known;
  std::string name;  // for these two alone
};

void put_outcome(const Asked& asked, const paxos::ClientReply& reply, std::vector<char>& out);

// A text with any status: for people, or as application/problem+json, whose type is the outcome;
// without one it is none beyond the status. `asked` was an operation, or says nothing.
void put_text(Answer answer, std::string_view text, const Asked& asked, bool problem,
              std::vector<char>& out);

}  // namespace once::doors::http

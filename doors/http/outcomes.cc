#include "doors/http/outcomes.h"

#include <algorithm>

#include "base/hex.h"
#include "doors/http/json.h"
#include "paxos/words.h"

namespace once::doors::http {
namespace {

using paxos::ClientReply;
using paxos::Operation;
using paxos::State;
using paxos::Status;

// Something stands there already; the rest of the outcome says what.
bool is_refusal(Status status) {
  return status == Status::kAlreadySet || status == Status::kConflict ||
         status == Status::kSealed || status == Status::kIdReused;
}

std::string_view refusal_of(Status status) {
  return is_refusal(status) ? paxos::word_of(status) : std::string_view();
}

std::string_view outcome_of(Status status) {
  return is_refusal(status) ? "refused" : paxos::word_of(status);
}

bool knows(const Asked& asked, uint64_t version) {
  const auto& versions = asked.known.versions;
  return asked.known.any || std::find(versions.begin(), versions.end(), version) != versions.end();
}

uint16_t status_of_done(const Asked& asked, const State& state) {
  if (asked.operation == Operation::kWrite) return 201;
  return asked.operation == Operation::kRead && knows(asked, state.version) ? 304 : 200;
}

uint16_t status_of(const Asked& asked, const ClientReply& reply) {
  switch (reply.status) {
    case Status::kDone:
      return status_of_done(asked, reply.state);
    case Status::kEmpty:
      return 404;
    case Status::kAlreadySet:
    case Status::kConflict:
    case Status::kSealed:
      if (asked.operation == Operation::kWait) return 304;  // nothing newer will ever come
      return asked.conditional ? 412 : 409;
    case Status::kIdReused:
      return 422;
    case Status::kUnknown:
      return 504;
    case Status::kUnavailable:
    case Status::kOverloaded:
      return 503;
    case Status::kNotYet:
      return 304;
    case Status::kRetired:
      return 410;
    case Status::kDenied:
      return 403;
    case Status::kInvalid:
      return 400;
  }
  return 504;
}

std::string_view advice_of(Operation operation) {
  if (!paxos::changes(operation)) return "unknown: nobody can tell just now; ask again";
  switch (operation) {
    case Operation::kSet:
      return "unknown: it may have happened, or may still happen. Do not send it again blindly, it "
             "would undo what others did since: read, and decide";
    case Operation::kNext:
      return "unknown: it may have happened, or may still happen. Ask again without "
             "Idempotency-Key for a number of your own; the lost one is a gap";
    case Operation::kCas:
      // Had it happened and others gone on from there, its version would be past all the same.
      return "unknown: it may have happened, or may still happen. Send it again with the "
             "Idempotency-Key that Once-Request-Id has, and everything else the same: if that is "
             "refused, others have changed the name meanwhile, and nothing tells whether this one "
             "happened before them";
    default:
      return "unknown: it may have happened, or may still happen. Send it again with the "
             "Idempotency-Key that Once-Request-Id has, and everything else the same";
  }
}

std::string_view text_of(Operation operation, Status status) {
  switch (status) {
    case Status::kEmpty:
      return "empty: nobody wrote this name";
    case Status::kIdReused:
      return "refused: this Idempotency-Key has made another change of this name; nothing happened";
    case Status::kUnknown:
      return advice_of(operation);
    case Status::kUnavailable:
      return "unavailable: this node reaches no majority of the nodes, has no vote yet, or stops; "
             "nothing happened";
    case Status::kOverloaded:
      return "overloaded: a limit of this node was met (requests, memory, disk); nothing happened";
    case Status::kRetired:
      return "retired: the name is out of use for good; nothing happened";
    case Status::kDenied:
      return "denied: you may not do that; nothing happened";
    case Status::kInvalid:
      return "invalid: a limit is broken, or the name begins with _, which are the system's; "
             "nothing happened";
    default:
      return {};
  }
}

// The state goes with it: there is one, and it is what the answer is about.
bool shows_value(const Asked& asked, Status status) {
  if (status == Status::kDone) {
    return asked.operation == Operation::kRead || asked.operation == Operation::kWait;
  }
  return status == Status::kAlreadySet || status == Status::kConflict || status == Status::kSealed;
}

// The members that `once --json` prints. A change that is done has its value from who sent it.
std::string json_of(const Asked& asked, const ClientReply& reply, const Answer& answer) {
  const bool made = reply.status == Status::kDone && paxos::changes(asked.operation);
  JsonObject json;
  json.put("outcome", answer.outcome);
  if (!answer.refusal.empty()) json.put("refusal", answer.refusal);
  json.put_bytes("name", asked.name);
  json.put("version", answer.version);
  json.put_flag("sealed", answer.sealed);
  json.put("writer", hex_of(answer.writer));
  json.put("request_id", hex_of(asked.id));
  json.put_bytes("value", made ? std::string_view() : reply.state.value);
  return json.done();
}

void take_state(const Asked& asked, const ClientReply& reply, Answer& answer) {
  answer.shows_state = reply.state.version != 0;
  answer.version = reply.state.version;
  answer.sealed = reply.state.sealed;
  answer.writer = reply.state.writer;
  if (reply.status == Status::kDone && paxos::changes(asked.operation)) answer.writer = asked.id;
}

// Short texts of what happened to a change: the number that was drawn, or nothing.
void put_done_change(const Asked& asked, Answer& answer, std::vector<char>& out) {
  const std::string number =
      asked.operation == Operation::kNext ? std::to_string(answer.version) + "\n" : std::string();
  answer.type = kText;
  answer.body = number;
  put_answer(answer, out);
}

}  // namespace

void put_text(Answer answer, std::string_view text, const Asked& asked, bool problem,
              std::vector<char>& out) {
  std::string body;
  if (problem) {
    JsonObject json;
    json.put("type", answer.outcome.empty() ? "about:blank" : answer.outcome);
    json.put("title", reason_of(answer.status));
    json.put("status", answer.status);
    json.put("detail", text);
    if (!answer.outcome.empty()) json.put("outcome", answer.outcome);
    if (!answer.refusal.empty()) json.put("refusal", answer.refusal);
    if (!asked.name.empty()) json.put_bytes("name", asked.name);
    if (asked.id != RequestId{}) json.put("request_id", hex_of(asked.id));
    body = json.done();
    answer.type = kProblem;
  } else {
    body = text;
    body += '\n';
    answer.type = kText;
  }
  answer.body = body;
  put_answer(answer, out);
}

void put_outcome(const Asked& asked, const ClientReply& told, std::vector<char>& out) {
  ClientReply reply = told;
  // Nothing newer will ever come, and he knows another version: that is news to him all the same.
  const bool sealed = reply.status == Status::kSealed && asked.operation == Operation::kWait;
  if (sealed && !knows(asked, reply.state.version)) reply.status = Status::kDone;
  Answer answer;
  answer.status = status_of(asked, reply);
  answer.head_only = asked.head_only;
  answer.closing = asked.closing;
  answer.outcome = outcome_of(reply.status);
  answer.refusal = refusal_of(reply.status);
  answer.applied_wait_s = asked.wait_s;
  answer.try_again = answer.status == 503;
  take_state(asked, reply, answer);
  if (reply.status == Status::kUnknown && paxos::changes(asked.operation)) {
    answer.has_request_id = true;
    answer.request_id = asked.id;
  }
  const std::string_view text = text_of(asked.operation, reply.status);
  if (!text.empty()) {
    const bool unknown = reply.status == Status::kUnknown;
    return put_text(answer, text, asked, asked.problems || unknown, out);
  }
  if (asked.json && answer.status != 304) {
    const std::string body = json_of(asked, reply, answer);
    answer.type = kJson;
    answer.body = body;
    return put_answer(answer, out);
  }
  if (reply.status == Status::kDone && paxos::changes(asked.operation)) {
    return put_done_change(asked, answer, out);
  }
  answer.type = kOctets;
  if (shows_value(asked, reply.status)) answer.body = reply.state.value;
  put_answer(answer, out);
}

}  // namespace once::doors::http

// What clients ask of a node without deciding anything: how it is, which names it knows, what it
// holds of one. Each is counted like a request, and has its share of a round.
#include "net/client_listener_impl.h"

namespace once::net {

using paxos::Status;

// Counted like a request. `read`: it is answered soon.
template <class Ask, class Refuse>
bool Listener::take_question(Connection& connection, bool read, Ask ask, Refuse refuse) {
  if (count_in(connection)) {
    connection.intake.asked(read, round_);
    ask();
  } else {
    refuse();
  }
  return connection.phase == Connection::Phase::kOpen;
}

bool Listener::on_status_request(Connection& connection, const Frame& frame) {
  if (!frame.body.empty()) return fail(connection, frame.correlation, "malformed status request");
  return take_question(
      connection, false, [&] { handler_->on_status(connection.id, frame.correlation); },
      [&] { refuse(connection, frame.correlation); });
}

bool Listener::on_list_request(Connection& connection, const Frame& frame) {
  auto request = decode_list_request(frame.body);
  if (!request) return fail(connection, frame.correlation, request.error().message);
  return take_question(
      connection, true, [&] { handler_->on_list(connection.id, frame.correlation, *request); },
      [&] {
        const ListReply told{Status::kOverloaded, 0, {}};
        answer(connection, [&](auto& out) { encode_list_reply(frame.correlation, told, out); });
      });
}

bool Listener::on_explain_request(Connection& connection, const Frame& frame) {
  auto request = decode_explain_request(frame.body);
  if (!request) return fail(connection, frame.correlation, request.error().message);
  return take_question(
      connection, true, [&] { handler_->on_explain(connection.id, frame.correlation, *request); },
      [&] {
        const ExplainReply told{Status::kOverloaded, self_, {}};
        answer(connection, [&](auto& out) { encode_explain_reply(frame.correlation, told, out); });
      });
}

void Listener::reply_status(ClientConnectionId id, uint64_t correlation,
                            const StatusReport& report) {
  answer_asked(find(id), [&](auto& out) { encode_status_reply(correlation, report, out); });
}

void Listener::reply_list(ClientConnectionId id, uint64_t correlation, const ListReply& reply) {
  answer_asked(find(id), [&](auto& out) { encode_list_reply(correlation, reply, out); });
}

void Listener::reply_explain(ClientConnectionId id, uint64_t correlation,
                             const ExplainReply& reply) {
  answer_asked(find(id), [&](auto& out) { encode_explain_reply(correlation, reply, out); });
}

}  // namespace once::net

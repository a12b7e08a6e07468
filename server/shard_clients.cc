// What clients ask of a shard without deciding anything: how the node is, which names it knows, and
// what it holds of one.
#include <algorithm>
#include <string>
#include <utility>

#include "base/limits.h"
#include "base/system_name.h"
#include "server/shard.h"

namespace once::server {
namespace {

constexpr int64_t kStatusKeptNs = 100'000'000;
constexpr size_t kMaxQuestions = 64;  // that wait for their turn; the next one is told at once
constexpr ptrdiff_t kMaxQuestionsOfOne = 2;

}  // namespace

net::ServerHello Shard::ClientDoor::server_hello() {
  return shard_.host_.server_hello(shard_.options_.self.core);
}
void Shard::ClientDoor::on_request(net::ClientConnectionId connection, uint64_t correlation,
                                   const paxos::ClientRequest& request) {
  // What the system asks itself comes through no door of clients, nor does what other nodes send
  // on.
  if (is_system_name(request.name)) {
    return shard_.refuse(connection, correlation, request.operation, paxos::Status::kInvalid);
  }
  shard_.on_request(connection, correlation, request);
}
void Shard::ClientDoor::on_turned_away(paxos::Operation operation) {
  shard_.traffic_.answered(operation, paxos::Status::kOverloaded, 0);
  ++shard_.turned_away_;
}
void Shard::ClientDoor::on_status(net::ClientConnectionId connection, uint64_t correlation) {
  shard_.listener_->reply_status(connection, correlation, shard_.status());
}

// A crowd that asks for it is shown what was made for the first of it.
const net::StatusReport& Shard::status() {
  const int64_t now_ns = io_.now_ns();
  if (status_until_ns_ <= now_ns) {
    publish();  // this core's own figures are then exact
    status_ = host_.status();
    status_until_ns_ = now_ns + kStatusKeptNs;
  }
  return status_;
}

void Shard::ClientDoor::on_list(net::ClientConnectionId connection, uint64_t correlation,
                                const net::ListRequest& request) {
  shard_.on_list(connection, correlation, request);
}

void Shard::ClientDoor::on_explain(net::ClientConnectionId connection, uint64_t correlation,
                                   const net::ExplainRequest& request) {
  shard_.on_explain(connection, correlation, request);
}

bool Shard::has_room_for_question(net::ClientConnectionId connection) const {
  if (questions_.size() == kMaxQuestions) return false;
  return std::count_if(questions_.begin(), questions_.end(), [&](const Question& one) {
           return one.connection.value == connection.value;
         }) < kMaxQuestionsOfOne;
}

void Shard::on_list(net::ClientConnectionId connection, uint64_t correlation,
                    const net::ListRequest& request) {
  net::ListReply refusal;
  if (draining_ || !host_.may_vote()) {
    refusal.status = paxos::Status::kUnavailable;
  } else if (request.query.prefix.size() > kMaxNameBytes || request.query.most == 0) {
    refusal.status = paxos::Status::kInvalid;
  } else if (!has_room_for_question(connection)) {
    refusal.status = paxos::Status::kOverloaded;
  } else {
    questions_.push_back({connection, correlation, std::string(request.query.prefix), request});
    return;
  }
  listener_->reply_list(connection, correlation, refusal);
}

// A node without a vote is asked as well: what it holds may be what somebody looks for.
void Shard::on_explain(net::ClientConnectionId connection, uint64_t correlation,
                       const net::ExplainRequest& request) {
  net::ExplainReply refusal;
  refusal.core = options_.self.core;
  if (draining_) {
    refusal.status = paxos::Status::kUnavailable;
  } else if (request.name.empty() || request.name.size() > kMaxNameBytes) {
    refusal.status = paxos::Status::kInvalid;
  } else if (const CoreId core = replica_.core_of_name(request.name); core != options_.self.core) {
    refusal.status = paxos::Status::kConflict;
    refusal.core = core;
  } else if (!has_room_for_question(connection)) {
    refusal.status = paxos::Status::kOverloaded;
  } else {
    questions_.push_back({connection, correlation, std::string(request.name), std::nullopt});
    return;
  }
  listener_->reply_explain(connection, correlation, refusal);
}

// One a round, so that who looks at names delays nobody who uses them.
void Shard::answer_one_question() {
  if (questions_.empty()) return;
  const Question question = std::move(questions_.front());
  questions_.erase(questions_.begin());
  if (question.list) {
    listener_->reply_list(question.connection, question.correlation, list(question));
  } else {
    listener_->reply_explain(
        question.connection, question.correlation,
        {paxos::Status::kDone, options_.self.core, replica_.explain(question.text)});
  }
  if (!questions_.empty()) io_.wake();
}

net::ListReply Shard::list(const Question& question) {
  net::ListReply reply;
  reply.run = run_;
  paxos::ListQuery query = question.list->query;
  query.prefix = question.text;
  if (question.list->run != 0 && question.list->run != run_) {
    reply.status = paxos::Status::kConflict;
  } else {
    reply.page = replica_.list(query);
  }
  return reply;
}

void Shard::ClientDoor::on_gone(net::ClientConnectionId connection) {
  shard_.gone_.push_back(connection.value);
}
void Shard::ClientDoor::hand_over(CoreId core, std::unique_ptr<reactor::Handoff> handoff) {
  shard_.mail_.hand_over_client(core, std::move(handoff));
}
void Shard::ClientDoor::log_line(std::string_view line) { shard_.host_.log_line(line); }

}  // namespace once::server

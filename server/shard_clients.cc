// What clients ask of a shard that the replica does not answer: how the node is, and which names it
// knows.
#include <algorithm>
#include <string>
#include <utility>

#include "base/limits.h"
#include "base/system_name.h"
#include "server/shard.h"

namespace once::server {
namespace {

constexpr int64_t kStatusKeptNs = 100'000'000;
constexpr size_t kMaxLists = 64;  // that wait for their turn; the next one is told at once
constexpr ptrdiff_t kMaxListsOfOne = 2;

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

void Shard::on_list(net::ClientConnectionId connection, uint64_t correlation,
                    const net::ListRequest& request) {
  net::ListReply refusal;
  if (draining_ || !host_.may_vote()) {
    refusal.status = paxos::Status::kUnavailable;
  } else if (request.query.prefix.size() > kMaxNameBytes || request.query.most == 0) {
    refusal.status = paxos::Status::kInvalid;
  } else if (lists_.size() == kMaxLists ||
             std::count_if(lists_.begin(), lists_.end(), [&](const WaitingList& one) {
               return one.connection.value == connection.value;
             }) >= kMaxListsOfOne) {
    refusal.status = paxos::Status::kOverloaded;
  } else {
    lists_.push_back({connection, correlation, std::string(request.query.prefix), request});
    return;
  }
  listener_->reply_list(connection, correlation, refusal);
}

// One a round, so that who looks at names delays nobody who uses them.
void Shard::answer_one_list() {
  if (lists_.empty()) return;
  const WaitingList list = std::move(lists_.front());
  lists_.erase(lists_.begin());
  net::ListReply reply;
  reply.run = run_;
  paxos::ListQuery query = list.request.query;
  query.prefix = list.prefix;
  if (list.request.run != 0 && list.request.run != run_) {
    reply.status = paxos::Status::kConflict;
  } else {
    reply.page = replica_.list(query);
  }
  listener_->reply_list(list.connection, list.correlation, reply);
  if (!lists_.empty()) io_.wake();
}

void Shard::ClientDoor::on_gone(net::ClientConnectionId connection) {
  shard_.gone_.push_back(connection.value);
}
void Shard::ClientDoor::hand_over(CoreId core, std::unique_ptr<reactor::Handoff> handoff) {
  shard_.hand_over_as(Letter::Kind::kClientHandoff, core, std::move(handoff));
}
void Shard::ClientDoor::log_line(std::string_view line) { shard_.host_.log_line(line); }

}  // namespace once::server

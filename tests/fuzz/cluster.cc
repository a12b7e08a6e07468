#include "tests/fuzz/cluster.h"

#include <cstdio>

namespace once::fuzz {

using paxos::Ballot;
using paxos::Status;

void Cluster::take(size_t i) {
  Node& node = nodes_[i];
  uint32_t begin = 0;
  for (uint32_t end : node.out.record_ends) {
    node.pending.emplace_back(node.out.records.data() + begin, end - begin);
    note_promise(node, node.pending.back());
    begin = end;
    ++node.made;
  }
  for (const paxos::Outgoing& m : node.out.messages) {
    ONCE_ASSERT(m.rests_on.record.value >= 1 && m.rests_on.record.value <= node.made);
    ONCE_ASSERT(m.to != endpoint(i) && m.to.node.value <= nodes_.size());
    const auto bytes = encoded([&](auto& out) { net::encode_message(m.message, out); });
    node.held.push_back({m.rests_on.record.value, {endpoint(i), m.to, std::string(view(bytes))}});
  }
  for (const paxos::ClientReply& reply : node.out.replies) {
    Request& request = requests_.at(reply.token);
    ONCE_ASSERT(!request.answered);
    request.answered = true;
    if (honest_) check_answer(request, reply);
  }
  release(node);
  const std::string broken = node.watch.look(*node.replica);
  if (!broken.empty()) std::fprintf(stderr, "%s\n", broken.c_str());
  ONCE_ASSERT(broken.empty());
}

void Cluster::release(Node& node) {
  std::erase_if(node.held, [&](Held& held) {
    if (held.record > node.durable) return false;
    if (network_.size() == kMaxParcels) drop(0);
    network_.push_back(std::move(held.parcel));
    return true;
  });
}

// Every record is one that a later start of this node takes, and no promise is ever taken back.
void Cluster::note_promise(Node& node, std::string_view bytes) {
  const auto record = paxos::decode_record(bytes);
  ONCE_ASSERT(record);
  const auto raise = [&](std::string_view name, const Ballot& ballot) {
    Ballot& promised = node.promised[std::string(name)];
    ONCE_ASSERT(promised.is_null() || promised <= ballot);
    promised = ballot;
  };
  if (const auto* promise = std::get_if<paxos::PromiseRecord>(&*record)) {
    raise(promise->name, promise->ballot);
  } else if (const auto* accept = std::get_if<paxos::AcceptRecord>(&*record)) {
    ONCE_ASSERT(accept->state.version > 0);
    raise(accept->name, accept->ballot);
  }
}

void Cluster::note_accept(Node& node, std::string_view bytes) {
  const auto record = paxos::decode_record(bytes);
  if (const auto* accept = std::get_if<paxos::AcceptRecord>(&*record)) {
    node.on_disk[std::string(accept->name)].insert(accept->state.writer);
  }
}

void Cluster::check_winner(const std::string& name, const RequestId& writer,
                           std::string_view value) {
  const auto [winner, first] = winners_.try_emplace(name, writer, std::string(value));
  ONCE_ASSERT(winner->second.first == writer && winner->second.second == value);
  ONCE_ASSERT(!denied_.contains(writer));
  if (!first) return;
  size_t disks = 0;
  for (Node& node : nodes_) disks += node.on_disk[name].contains(writer);
  ONCE_ASSERT(disks >= nodes_.size() / 2 + 1);
}

void Cluster::check_answer(Request& request, const paxos::ClientReply& reply) {
  const bool write = request.operation == paxos::Operation::kWrite;
  switch (reply.status) {
    case Status::kDone:
      ONCE_ASSERT(!write || reply.state.writer == request.id);
      // A change that is done may come back without the value that it brought.
      ONCE_ASSERT(!write || reply.state.value.empty() || reply.state.value == request.value);
      return check_winner(request.name, reply.state.writer,
                          write ? request.value : reply.state.value);
    case Status::kAlreadySet:
      ONCE_ASSERT(write && reply.state.writer != request.id);
      return check_winner(request.name, reply.state.writer, reply.state.value);
    case Status::kEmpty:
      ONCE_ASSERT(!write && !request.was_set);
      return;
    case Status::kUnavailable:
    case Status::kOverloaded: {
      if (!write || attempts_[request.id] > 1) return;
      const auto winner = winners_.find(request.name);
      ONCE_ASSERT(winner == winners_.end() || winner->second.first != request.id);
      denied_.insert(request.id);
      return;
    }
    case Status::kUnknown:
      ONCE_ASSERT(write);
      return;
    case Status::kInvalid:  // every request here keeps the limits
    case Status::kConflict:
    case Status::kSealed:
    case Status::kIdReused:
    case Status::kNotYet:
    case Status::kRetired:
    case Status::kDenied:
      ONCE_ASSERT(false);  // no answer to a write or a read
  }
}

}  // namespace once::fuzz

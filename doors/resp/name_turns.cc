#include "doors/resp/name_turns.h"

#include <utility>

namespace once::doors {

bool NameTurns::enter(uint64_t key, bool change, uint64_t ticket,
                      const paxos::ClientRequest& request) {
  const auto [at, added] = turns_.try_emplace(key);
  if (added) bytes_ += kBytesOfTurn;
  Turn& turn = at->second;
  if (turn.waiting.empty() && turn.is_open(change)) {
    ++(change ? turn.changes : turn.reads);
    return true;
  }
  Ask ask{ticket, change, request, {request.name.begin(), request.name.end()}};
  ask.bytes.insert(ask.bytes.end(), request.value.begin(), request.value.end());
  const std::string_view bytes(ask.bytes.data(), ask.bytes.size());
  ask.request.name = bytes.substr(0, request.name.size());
  ask.request.value = bytes.substr(request.name.size());
  bytes_ += sizeof ask + ask.bytes.size();
  turn.waiting.push(std::move(ask));
  ++waiting_;
  return false;
}

std::vector<NameTurns::Ask> NameTurns::leave(uint64_t key, bool change) {
  std::vector<Ask> next;
  const auto at = turns_.find(key);
  Turn& turn = at->second;
  --(change ? turn.changes : turn.reads);
  while (!turn.waiting.empty() && turn.is_open(turn.waiting.front().change)) {
    next.push_back(turn.waiting.pop());
    --waiting_;
    ++(next.back().change ? turn.changes : turn.reads);
    bytes_ -= sizeof(Ask) + next.back().bytes.size();
  }
  if (turn.reads + turn.changes > 0) return next;
  turns_.erase(at);
  bytes_ -= kBytesOfTurn;
  return next;
}

}  // namespace once::doors

// The small worlds that are searched. A world is three nodes, the calls of its clients, and bounds
// on what is not finite by itself. Within its bounds every schedule is visited: any message may be
// lost, late, repeated or overtaken; any record may become durable at any later time, with all that
// rests on it; a client may call at any time.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "paxos/messages.h"

namespace once::exhaustive {

inline constexpr size_t kNodes = 3;

// By index everywhere here: node 0 is NodeId{1}.
struct Call {
  size_t node = 0;
  paxos::Operation operation = paxos::Operation::kWrite;
  std::string name;
  std::string value;         // of a change that brings one
  uint64_t version = 0;      // of an operation that has one
  int retry_of = -1;         // index of the call whose request is sent once more, with its id
  int after_answer_of = -1;  // index of the call that must have been answered first; -1: none
  // It is made only when the restart has happened.
  bool after_restart = false;
};

struct Scenario {
  std::string name;
  std::string about;
  std::vector<Call> calls;
  // Whether a node's records become durable as late as it gets, one by one, or at once. For a node
  // that neither crashes nor proposes nor reads it makes no difference but to the order in which
  // its answers leave, and the network delivers them in any order anyway.
  std::array<bool, kNodes> late_syncs{true, true, true};
  // How often each node's clock may jump to its next time-out. Clocks are independent of each
  // other.
  std::array<uint32_t, kNodes> timeouts{};
  // How often each node may crash, losing what is not synced, and start again.
  std::array<uint32_t, kNodes> restarts{};
  uint32_t max_restarts = 1;  // of all nodes together
  uint32_t max_round = 3;     // a schedule ends where a ballot would go beyond
  // How often a message is delivered at most, of the kinds whose repetition is not absorbed
  // (Forward makes a new request each time, ChosenRange a new record); others: any number of times.
  uint32_t deliveries = 1;
  uint32_t lost = 0;  // kinds of messages that the network loses, all of them: see lost_kinds()
  uint32_t first_calls = 0;  // calls 0..first_calls-1 are made before the search begins
  // How many of its time-outs each node has behind it then: enough, and it has taken over.
  std::array<uint32_t, kNodes> first_timeouts{};
  // Who asks whom what he holds of the first call's name, at any time and as often as he likes:
  // what is decided there he learns (DESIGN 3.6, L1).
  std::vector<std::pair<size_t, size_t>> fetches;
  size_t linger_from = kLingerFrom;
  uint32_t joining_calls = 0;  // so many more calls are made behind those, to find them at work
  uint32_t timeout_ms = 60'000;
  // Ballots under which some schedule must have something accepted, as the search prints them. When
  // the core changes, a world may come to its end without what it was made for.
  std::vector<std::string> accepts;

  // A request is known by the place of its first call, from 1.
  RequestId id_of(size_t call) const {
    const int first = calls[call].retry_of;
    return request_id(7, (first < 0 ? call : static_cast<size_t>(first)) + 1);
  }
};

template <class Kind, size_t index = 0>
constexpr size_t index_of_kind() {
  if constexpr (std::is_same_v<Kind, std::variant_alternative_t<index, paxos::Message>>) {
    return index;
  } else {
    return index_of_kind<Kind, index + 1>();
  }
}
template <class... Kinds>
constexpr uint32_t lost_kinds() {
  return ((uint32_t{1} << index_of_kind<Kinds>()) | ...);
}

// A node that takes over sends the request to the home first. Where that is not the point, the
// home never hears of it.
inline constexpr uint32_t kNoForward = lost_kinds<paxos::Forward, paxos::ForwardReply>();
// After a restart, a node claims the names that it is home of, and so do others: no names here.
inline constexpr uint32_t kNoClaim =
    lost_kinds<paxos::ClaimHome, paxos::ClaimReply, paxos::SettleQuery, paxos::Settled>();

enum class Bound { kSmall, kFar };

std::vector<Scenario> scenarios(Bound bound);           // all of them
std::vector<Scenario> register_scenarios(Bound bound);  // of the changes that follow each other

}  // namespace once::exhaustive

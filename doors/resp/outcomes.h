// Outcomes as words of RESP. Those who ask again by themselves on LOADING, CLUSTERDOWN or TRYAGAIN
// may: what these answer did certainly not happen. Nobody does on UNKNOWN.
#pragma once

#include <string>
#include <string_view>

#include "paxos/messages.h"

namespace once::doors {

// Why a request was neither done nor refused by what stands there; "" if it was one of these.
std::string failure_text(const paxos::ClientReply& reply, paxos::Operation operation);
// The two refusals that most commands tell alike.
std::string sealed_text(std::string_view name);
std::string conflict_text(const paxos::State& state);

}  // namespace once::doors

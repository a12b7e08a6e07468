#include "doors/resp/outcomes.h"

#include <fmt/format.h>

#include "base/printable.h"

namespace once::doors {

using paxos::Operation;
using paxos::Status;

std::string failure_text(const paxos::ClientReply& reply, Operation operation) {
  switch (reply.status) {
    case Status::kUnknown:
      if (operation == Operation::kWrite) {
        return "UNKNOWN it may have happened; ask again with SET key value NX GET";
      }
      return "UNKNOWN it may have happened, or may still happen";
    case Status::kUnavailable:
      return "CLUSTERDOWN this node reaches no majority, has no vote yet, or stops; nothing "
             "happened";
    case Status::kOverloaded:
      return "TRYAGAIN a limit of this node was met (requests, memory, disk); nothing happened";
    case Status::kInvalid:
      return "ERR the request breaks a limit; nothing happened";
    case Status::kIdReused:
      return "IDREUSED this id has set the name to another value; nothing happened";
    case Status::kRetired:
      return "RETIRED the name is out of use for good; nothing happened";
    case Status::kDenied:
      return "NOPERM you may not do that; nothing happened";
    default:
      return {};
  }
}

std::string sealed_text(std::string_view name) {
  constexpr size_t kMostShown = 64;
  return fmt::format("SEALED {} never changes again", printable(name.substr(0, kMostShown)));
}

std::string conflict_text(const paxos::State& state) {
  return fmt::format("CONFLICT version {}", state.version);
}

}  // namespace once::doors

// A schedule as something to read.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "tests/exhaustive/search.h"

namespace once::exhaustive {

using namespace paxos;

namespace {

const char* word_of(Operation operation) {
  switch (operation) {
    case Operation::kWrite:
      return "write";
    case Operation::kRead:
      return "read";
    case Operation::kSet:
      return "set";
    case Operation::kCas:
      return "cas";
    case Operation::kSeal:
      return "seal";
    case Operation::kNext:
      return "next";
    case Operation::kCheck:
      return "check";
    case Operation::kWait:
      return "wait";
  }
  return "?";
}

std::string text_of_event(const Scenario& scenario, const Catalog& catalog, size_t node,
                          LocalEvent event) {
  switch (event.kind()) {
    case Kind::kDeliver: {
      const Parcel& parcel = catalog.parcel(event.argument());
      return fmt::format("n{} <- n{}: {}", node + 1, parcel.from + 1, text_of(parcel.message));
    }
    case Kind::kSync:
      return fmt::format("n{} has {} more record(s) durable", node + 1, event.argument());
    case Kind::kTimeout:
      return fmt::format("n{} times out", node + 1);
    case Kind::kTick:
      return fmt::format("n{} ticks", node + 1);
    case Kind::kCall: {
      const Call& call = scenario.calls[event.argument()];
      std::string text = fmt::format("n{} <- client: call {}, {} {}", node + 1, event.argument(),
                                     word_of(call.operation), call.name);
      if (takes_version(call.operation)) text += fmt::format(" version {}", call.version);
      if (takes_value(call.operation)) text += fmt::format(" \"{}\"", call.value);
      if (call.retry_of >= 0) text += fmt::format(", the request of call {}", call.retry_of);
      return text;
    }
    case Kind::kRestart:
      return fmt::format("n{} crashes, loses what is not durable, and starts again", node + 1);
    case Kind::kPeerRestarted:
      return fmt::format("n{} sees n{} restart", node + 1, event.argument() + 1);
  }
  return {};
}

}  // namespace

const char* text_of(Status status) {
  switch (status) {
    case Status::kDone:
      return "done";
    case Status::kEmpty:
      return "empty";
    case Status::kAlreadySet:
      return "already set";
    case Status::kUnknown:
      return "unknown";
    case Status::kUnavailable:
      return "unavailable";
    case Status::kOverloaded:
      return "overloaded";
    case Status::kInvalid:
      return "invalid";
    case Status::kConflict:
      return "conflict";
    case Status::kSealed:
      return "sealed";
    case Status::kIdReused:
      return "id reused";
    case Status::kNotYet:
      return "not yet";
    case Status::kRetired:
      return "retired";
    case Status::kDenied:
      return "denied";
  }
  return "?";
}

std::string Search::ballots() const {
  std::set<Ballot> seen;
  for (uint32_t accept = 0; accept < catalog_.accepts(); ++accept) {
    seen.insert(catalog_.accept(accept).ballot);
  }
  std::string text;
  for (const Ballot& ballot : seen) text += ' ' + text_of(ballot);
  return text;
}

std::string Search::line_of(uint32_t index, size_t node, LocalEvent event) const {
  std::string line = text_of_event(scenario_, catalog_, node, event);
  const Step* step = locals_.known(worlds_[index].local[node], event);
  if (step == nullptr) return line;
  for (uint32_t number : catalog_.lists.at(step->sent)) {
    const Parcel& parcel = catalog_.parcel(number);
    line += fmt::format("\n      -> n{}: {}", parcel.to + 1, text_of(parcel.message));
  }
  if (step->said == nullptr) return line;
  for (const Reply& reply : step->said->replies) {
    line += fmt::format("\n      => call {}: {}", reply.call, text_of(reply.status));
    if (!shows_state(reply.status)) continue;
    const KnownState& s = catalog_.state(reply.state);
    line += ' ' + text_of(State{s.version, s.sealed, s.writer, s.value});
  }
  return line;
}

std::string Search::story_of(uint32_t index) const {
  std::vector<uint32_t> path;
  for (; index != 0; index = origins_[index].parent) path.push_back(index);
  std::reverse(path.begin(), path.end());
  std::string story;
  int line = 0;
  for (uint32_t world : path) {
    const Origin& origin = origins_[world];
    const LocalEvent event{origin.event & 0x3fffffff};
    story += fmt::format("{:4}  {}\n", ++line, line_of(origin.parent, origin.event >> 30, event));
  }
  return story;
}

std::string Search::story_so_far() const {
  return story_of(at_) + fmt::format("last  {}\n", line_of(at_, at_node_, at_event_));
}

}  // namespace once::exhaustive

#include "tests/sim/story_words.h"

#include <fmt/format.h>

#include <utility>

namespace once::sim {

using paxos::Ballot;
using paxos::Operation;
using paxos::State;
using paxos::Status;
using Tone = Moment::Tone;

// The run is told from the second one on: most stories have but one.
std::string show(const Ballot& ballot) {
  if (ballot.incarnation > Incarnation{1}) {
    return fmt::format("({},{},{})", ballot.round.value, ballot.node.value,
                       ballot.incarnation.value);
  }
  return fmt::format("({},{})", ballot.round.value, ballot.node.value);
}

std::string show(const State& state) {
  if (state.version == 0) return "nothing";
  if (state.sealed && state.version == 1) return std::string(state.value);
  if (state.sealed) return fmt::format("version {} \"{}\", sealed", state.version, state.value);
  return fmt::format("version {} \"{}\"", state.version, state.value);
}

std::string show(Operation operation, Status status, const State& state) {
  switch (status) {
    case Status::kDone:
      if (operation == Operation::kRead) return show(state);
      if (operation == Operation::kNext) return fmt::format("done: token {}", state.version);
      if (operation == Operation::kCheck) return "done: it is the newest";
      return state.sealed && state.version == 1 ? "done"
                                                : fmt::format("done: version {}", state.version);
    case Status::kEmpty:
      return "empty";
    case Status::kAlreadySet:
    case Status::kConflict:
    case Status::kSealed:
      return "refused: " + show(state) + " stands";
    case Status::kUnknown:
      return "unknown";
    case Status::kUnavailable:
      return "unavailable";
    default:
      return "overloaded or invalid";
  }
}

std::string show(Operation operation, std::string_view value, uint64_t version) {
  switch (operation) {
    case Operation::kWrite:
      return fmt::format("write {}", value);
    case Operation::kRead:
      return "read";
    case Operation::kSet:
      return fmt::format("set {}", value);
    case Operation::kCas:
      return fmt::format("cas {} {}", version, value);
    case Operation::kSeal:
      return fmt::format("seal {}", version);
    case Operation::kNext:
      return "next";
    case Operation::kCheck:
      return fmt::format("check {}", version);
    case Operation::kWait:
      return fmt::format("wait {}", version);
  }
  return "?";
}

bool refuses(Status status) { return status != Status::kDone && status != Status::kEmpty; }

namespace {

// Each fills in what it shows: see Words.
Words say(const char* kind, Tone tone, std::string label, std::string verb, std::string rest,
          std::string value = {}) {
  return {kind, tone, std::move(label), std::move(verb), std::move(rest), std::move(value)};
}

// Of a proposer and its acceptors.
Words of_a_round(HostId to, const paxos::Message& message, const std::string& why) {
  if (const auto* m = std::get_if<paxos::Prepare>(&message)) {
    const std::string ballot = show(m->ballot);
    return say("prepare", Tone::kPromise, "prepare " + ballot, "asks", " to promise " + ballot);
  }
  if (const auto* m = std::get_if<paxos::Promise>(&message)) {
    const bool nothing = m->accepted_ballot.is_null();
    const std::string value = nothing ? "" : show(m->accepted);
    const std::string has =
        nothing ? "nothing" : show(m->accepted) + " " + show(m->accepted_ballot);
    return say("promise", Tone::kPromise, "promise; has " + has,
               fmt::format("promises {} to", show(m->ballot)),
               nothing ? ", and has accepted nothing"
                       : fmt::format(", and reports {}, accepted under {}", value,
                                     show(m->accepted_ballot)),
               value);
  }
  if (const auto* m = std::get_if<paxos::Accept>(&message)) {
    const std::string value = show(m->state);
    return say("accept", Tone::kValue, fmt::format("accept {} {}", value, show(m->ballot)), "asks",
               fmt::format(" to accept {} under {}{}", value, show(m->ballot), why), value);
  }
  if (const auto* m = std::get_if<paxos::Accepted>(&message)) {
    const std::string ballot = show(m->ballot);
    return say("accepted", Tone::kPlain, "accepted " + ballot, "tells", ": accepted " + ballot);
  }
  if (const auto* m = std::get_if<paxos::AcceptedRange>(&message)) {
    const std::string ballot =
        show(Ballot{Round{0}, NodeId{static_cast<uint16_t>(to + 1)}, m->incarnation});
    return say("accepted", Tone::kPlain, "accepted " + ballot, "tells", ": accepted " + ballot);
  }
  if (const auto* m = std::get_if<paxos::Rejected>(&message)) {
    return say("refusal", Tone::kRefused, "no: promised " + show(m->promised),
               fmt::format("refuses {} to", show(m->ballot)),
               fmt::format(": it has promised {}", show(m->promised)));
  }
  return {};
}

// Of who asks what stands, and who says that it does.
Words of_what_stands(HostId from, const paxos::Message& message) {
  if (std::holds_alternative<paxos::ReadState>(message)) {
    return say("ask", Tone::kPlain, "what do you hold?", "asks", ": what have you accepted?");
  }
  if (const auto* m = std::get_if<paxos::ReadReply>(&message)) {
    const bool nothing = m->accepted_ballot.is_null();
    const std::string value = nothing ? "" : show(m->accepted);
    const std::string has = nothing ? "nothing" : value + " " + show(m->accepted_ballot);
    const char* more = m->decided ? ", decided" : "";
    return say("told", Tone::kPlain, has + more, "tells", ": " + has + more, value);
  }
  if (const auto* m = std::get_if<paxos::Decided>(&message)) {
    const std::string ballot = show(m->ballot);
    return say("chosen", Tone::kChosen, "decided " + ballot, "tells",
               fmt::format(": what {} proposed is decided", ballot));
  }
  if (const auto* m = std::get_if<paxos::ChosenRange>(&message)) {
    const std::string ballot =
        show(Ballot{Round{0}, NodeId{static_cast<uint16_t>(from + 1)}, m->incarnation});
    return say("chosen", Tone::kChosen, "decided " + ballot, "tells",
               fmt::format(": what {} proposed is decided", ballot));
  }
  return {};
}

}  // namespace

Words words_of(HostId from, HostId to, const paxos::Message& message, Operation asked,
               const std::string& names, const std::string& why) {
  if (Words words = of_a_round(to, message, why); !words.kind.empty()) return words;
  if (Words words = of_what_stands(from, message); !words.kind.empty()) return words;
  if (const auto* m = std::get_if<paxos::Forward>(&message)) {
    const std::string what = show(m->operation, m->value, m->version);
    return say("forward", Tone::kPlain, "pass on: " + what, "passes on to", ": " + what,
               std::string(m->value));
  }
  if (const auto* m = std::get_if<paxos::ForwardReply>(&message)) {
    const std::string what = show(asked, m->status, m->state);
    return say("answer", refuses(m->status) ? Tone::kRefused : Tone::kChosen, what, "answers",
               ": " + what);
  }
  if (std::holds_alternative<paxos::ClaimHome>(message)) {
    return say("ask", Tone::kPlain, "claim: my names?", "asks",
               ": which of my names have you accepted in my earlier runs?");
  }
  if (const auto* m = std::get_if<paxos::ClaimReply>(&message)) {
    const std::string what = m->names.empty() ? "none" : names;
    return say("told", Tone::kPlain, "claim: " + what, "tells", ": " + what);
  }
  return {};
}

}  // namespace once::sim

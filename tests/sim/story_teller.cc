#include "tests/sim/story_teller.h"

#include <algorithm>
#include <cstdio>

#include "base/bytes.h"
#include "net/client_codec.h"
#include "net/peer_codec.h"
#include "net/peer_frame.h"

namespace once::sim {
namespace {

using paxos::Ballot;
using paxos::Operation;
using paxos::State;
using paxos::Status;
using Tone = Moment::Tone;

// The run is told from the second one on: most stories have but one.
std::string show(const Ballot& ballot) {
  if (ballot.incarnation > 1) {
    return fmt::format("({},{},{})", ballot.round, ballot.node.value, ballot.incarnation);
  }
  return fmt::format("({},{})", ballot.round, ballot.node.value);
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

// All messages of a frame between nodes. What is no message, such as a ping, is passed over.
template <class Each>
void each_message(std::string_view frame, Each&& each) {
  auto content = net::open_peer_frame(frame);
  while (content && content->size() >= sizeof(uint32_t)) {
    std::string_view rest = *content;
    if (const auto message = net::take_message(rest)) {
      each(*message);
    } else {
      const size_t size = sizeof(uint32_t) + (load<uint32_t>(content->data()) >> 8);
      rest = content->substr(std::min(size, content->size()));
    }
    *content = rest;
  }
}

std::string key(const Ballot& ballot, uint64_t high, uint64_t low) {
  return fmt::format("({},{},{}) {:x}-{:x}", ballot.round, ballot.node.value, ballot.incarnation,
                     high, low);
}

}  // namespace

Moment& Teller::add(Moment::Kind kind, HostId who) {
  moments_.push_back({.kind = kind, .at_ns = world_->now() - begin_ns_, .who = who});
  return moments_.back();
}

void Teller::note(HostId who, const std::string& text, const std::string& label) {
  Moment& moment = add(Moment::Kind::kNote, who);
  moment.verb = text;
  moment.label = label;
}

// --- what the world tells: disks and processes ---------------------------------------------------

void Teller::line(std::string_view text) {
  if (!begun()) return;
  text.remove_prefix(text.find_first_not_of(' '));
  text.remove_prefix(text.find(' ') + 1);
  unsigned round = 0, by = 0, run = 0, node = 0;
  unsigned long long version = 0;
  const std::string whole(text);
  char name[64];
  if (std::sscanf(whole.c_str(), "chosen: %63s version %llu at ballot (%u,%u,%u)", name, &version,
                  &round, &by, &run) == 5) {
    const Ballot ballot{round, NodeId{static_cast<uint16_t>(by)}, run};
    Moment& moment = add(Moment::Kind::kChosen, by - 1);
    moment.tone = Tone::kChosen;
    for (const Moment& other : moments_) {
      if (other.kind == Moment::Kind::kAccept && other.number == show(ballot)) {
        moment.value = other.value;
      }
    }
    moment.label = fmt::format("chosen: {}", moment.value);
    moment.verb = fmt::format("{} is chosen: a majority's disks hold it under {}", moment.value,
                              show(ballot));
    return;
  }
  if (std::sscanf(whole.c_str(), "node %u ", &node) != 1 || node < 1 || node > kStoryNodes) return;
  text.remove_prefix(text.find(' ', 5) + 1);
  if (text.starts_with("disk: ")) return on_disk(node - 1, text.substr(6));
  told(node - 1, text);
}

void Teller::on_disk(HostId node, std::string_view text) {
  const std::string whole(text);
  unsigned round = 0, by = 0, run = 0;
  unsigned long long high = 0, low = 0;
  if (std::sscanf(whole.c_str(), "promise (%u,%u,%u)", &round, &by, &run) == 3) {
    const Ballot ballot{round, NodeId{static_cast<uint16_t>(by)}, run};
    Moment& moment = add(Moment::Kind::kPromise, node);
    moment.tone = Tone::kPromise;
    moment.to = by - 1;
    moment.label = fmt::format("promised {}", show(ballot));
    moment.verb = fmt::format("has its promise of {} on disk", show(ballot));
  } else if (std::sscanf(whole.c_str(), "accept (%u,%u,%u) for %*s of %llx-%llx", &round, &by, &run,
                         &high, &low) == 5) {
    const Ballot ballot{round, NodeId{static_cast<uint16_t>(by)}, run};
    Moment& moment = add(Moment::Kind::kAccept, node);
    moment.tone = Tone::kValue;
    moment.to = by - 1;
    moment.value = accepted_[key(ballot, high, low)];
    moment.number = show(ballot);
    moment.label = fmt::format("{} {}", moment.value, show(ballot));
    moment.verb = fmt::format("has accepted {} under {}, on disk", moment.value, show(ballot));
  }
}

void Teller::told(HostId node, std::string_view text) {
  using Kind = Moment::Kind;
  const bool crash = text.starts_with("crashes");
  const bool start = text.starts_with("starts: incarnation");
  if (!crash && !start && text != "is paused" && text != "goes on") return;
  const Kind kind = crash               ? Kind::kCrash
                    : start             ? Kind::kStart
                    : text == "goes on" ? Kind::kGoOn
                                        : Kind::kPause;
  Moment& moment = add(kind, node);
  moment.label = start ? "starts again" : crash ? "crashes" : std::string(text);
  moment.verb = moment.label;
  if (text == "crashes with its machine") moment.verb = moment.label = "loses power";
}

// --- what goes over the network
// -------------------------------------------------------------------

bool Teller::loses(const std::string& kind, HostId from, HostId to) {
  for (const Loss& loss : script_.losses) {
    if (loss.kind != kind || loss.from != from || loss.to != to) continue;
    uint32_t& times = lost_[fmt::format("{} {} {}", kind, from, to)];
    if (times >= loss.times) return false;
    ++times;
    return true;
  }
  return false;
}

bool Teller::on_sent(HostId from, HostId to, std::string_view bytes) {
  if (!begun()) return false;
  UnderWay under_way{std::string(bytes), {}};
  bool lost = false;
  Moment moment;
  moment.at_ns = world_->now() - begin_ns_;
  moment.who = from;
  moment.to = to;
  if (from >= kStoryNodes || to >= kStoryNodes) {
    if (!client_frame(from, under_way.bytes, moment)) return false;
    under_way.moments.push_back(moments_.size());
    moments_.push_back(moment);
  } else {
    each_message(under_way.bytes, [&](const paxos::Message& message) {
      Moment one = moment;
      const std::string kind = describe(to, message, one);
      if (kind.empty()) return;  // housekeeping
      lost |= loses(kind, from, to);
      under_way.moments.push_back(moments_.size());
      moments_.push_back(one);
    });
  }
  if (!lost) under_way_[{from, to}].push_back(std::move(under_way));
  return lost;
}

void Teller::on_arrived(HostId from, HostId to, std::string_view bytes) {
  if (!begun()) return;
  auto& queue = under_way_[{from, to}];
  for (auto it = queue.begin(); it != queue.end(); ++it) {
    if (it->bytes != bytes) continue;
    for (const size_t moment : it->moments) moments_[moment].arrives_ns = world_->now() - begin_ns_;
    queue.erase(it);
    break;
  }
  if (from >= kStoryNodes || to >= kStoryNodes) return;
  each_message(bytes, [&](const paxos::Message& message) { hear(from, message); });
}

void Teller::hear(HostId from, const paxos::Message& message) {
  const auto* promise = std::get_if<paxos::Promise>(&message);
  if (promise == nullptr || promise->accepted_ballot.is_null()) return;
  Reported& known = reported_[promise->ballot];
  if (promise->accepted_ballot < known.ballot) return;
  known = {promise->accepted_ballot, promise->accepted, show(promise->accepted), from};
  known.state.value = {};  // its bytes go with the message
}

// Why a proposer of a higher round proposes what it does, as far as others reported it.
std::string Teller::reason(const paxos::Accept& accept) const {
  const auto found = reported_.find(accept.ballot);
  if (found == reported_.end() || found->second.state.writer != accept.state.writer) return "";
  return fmt::format(", because {} reported it", lane_name(script_, found->second.by));
}

bool Teller::client_frame(HostId from, const std::string& bytes, Moment& moment) {
  std::string_view left = bytes;
  net::Frame frame;
  const auto taken = net::take_frame(left, frame);
  if (!taken || !*taken) return false;
  if (frame.type == net::FrameType::kRequest && from >= kStoryNodes) {
    const auto request = net::decode_request(frame.body);
    if (!request) return false;
    questions_[frame.correlation] = request->operation;
    moment.label = show(request->operation, request->value, request->version);
    moment.value = request->value;
    moment.verb = "asks";
    moment.rest = ": " + moment.label;
    return true;
  }
  if (frame.type != net::FrameType::kReply || from >= kStoryNodes) return false;
  const auto reply = net::decode_reply(frame.body);
  if (!reply) return false;
  moment.label = show(questions_[frame.correlation], reply->status, reply->state);
  moment.tone = refuses(reply->status) ? Tone::kRefused : Tone::kChosen;
  moment.verb = "answers";
  moment.rest = ": " + moment.label;
  return true;
}

// Fills the moment; the word is what a script calls such a message, none: it is not told.
std::string Teller::describe(HostId to, const paxos::Message& message, Moment& moment) {
  auto say = [&](const char* kind, Tone tone, std::string label, std::string verb,
                 std::string rest) {
    moment.tone = tone;
    moment.label = std::move(label);
    moment.verb = std::move(verb);
    moment.rest = std::move(rest);
    moment.number = kind;
    return std::string(kind);
  };
  if (const auto* m = std::get_if<paxos::Prepare>(&message)) {
    const std::string ballot = show(m->ballot);
    return say("prepare", Tone::kPromise, "prepare " + ballot, "asks", " to promise " + ballot);
  }
  if (const auto* m = std::get_if<paxos::Promise>(&message)) {
    const bool nothing = m->accepted_ballot.is_null();
    if (!nothing) moment.value = show(m->accepted);
    const std::string has =
        nothing ? "nothing" : show(m->accepted) + " " + show(m->accepted_ballot);
    return say("promise", Tone::kPromise, "promise; has " + has,
               fmt::format("promises {} to", show(m->ballot)),
               nothing ? ", and has accepted nothing"
                       : fmt::format(", and reports {}, accepted under {}", moment.value,
                                     show(m->accepted_ballot)));
  }
  if (const auto* m = std::get_if<paxos::Accept>(&message)) {
    moment.value = show(m->state);
    accepted_[key(m->ballot, m->state.writer.high, m->state.writer.low)] = moment.value;
    return say("accept", Tone::kValue, fmt::format("accept {} {}", moment.value, show(m->ballot)),
               "asks",
               fmt::format(" to accept {} under {}{}", moment.value, show(m->ballot), reason(*m)));
  }
  if (const auto* m = std::get_if<paxos::Accepted>(&message)) {
    const std::string ballot = show(m->ballot);
    return say("accepted", Tone::kPlain, "accepted " + ballot, "tells", ": accepted " + ballot);
  }
  if (const auto* m = std::get_if<paxos::AcceptedRange>(&message)) {
    const std::string ballot =
        show(Ballot{0, NodeId{static_cast<uint16_t>(to + 1)}, m->incarnation});
    return say("accepted", Tone::kPlain, "accepted " + ballot, "tells", ": accepted " + ballot);
  }
  if (const auto* m = std::get_if<paxos::Rejected>(&message)) {
    return say("refusal", Tone::kRefused, "no: promised " + show(m->promised),
               fmt::format("refuses {} to", show(m->ballot)),
               fmt::format(": it has promised {}", show(m->promised)));
  }
  if (std::holds_alternative<paxos::ReadState>(message)) {
    return say("ask", Tone::kPlain, "what do you hold?", "asks", ": what have you accepted?");
  }
  if (const auto* m = std::get_if<paxos::ReadReply>(&message)) {
    const bool nothing = m->accepted_ballot.is_null();
    if (!nothing) moment.value = show(m->accepted);
    const std::string has = nothing ? "nothing" : moment.value + " " + show(m->accepted_ballot);
    const char* more = m->decided ? ", decided" : "";
    return say("told", Tone::kPlain, has + more, "tells", ": " + has + more);
  }
  if (const auto* m = std::get_if<paxos::Decided>(&message)) {
    const std::string ballot = show(m->ballot);
    return say("chosen", Tone::kChosen, "decided " + ballot, "tells",
               fmt::format(": what {} proposed is decided", ballot));
  }
  if (const auto* m = std::get_if<paxos::ChosenRange>(&message)) {
    const std::string ballot =
        show(Ballot{0, NodeId{static_cast<uint16_t>(moment.who + 1)}, m->incarnation});
    return say("chosen", Tone::kChosen, "decided " + ballot, "tells",
               fmt::format(": what {} proposed is decided", ballot));
  }
  if (const auto* m = std::get_if<paxos::Forward>(&message)) {
    const std::string what = show(m->operation, m->value, m->version);
    forwarded_[m->op] = m->operation;
    moment.value = m->value;
    return say("forward", Tone::kPlain, "pass on: " + what, "passes on to", ": " + what);
  }
  if (const auto* m = std::get_if<paxos::ForwardReply>(&message)) {
    const std::string what = show(forwarded_[m->op], m->status, m->state);
    return say("answer", refuses(m->status) ? Tone::kRefused : Tone::kChosen, what, "answers",
               ": " + what);
  }
  if (std::holds_alternative<paxos::ClaimHome>(message)) {
    return say("ask", Tone::kPlain, "claim: my names?", "asks",
               ": which of my names have you accepted in my earlier runs?");
  }
  if (const auto* m = std::get_if<paxos::ClaimReply>(&message)) {
    const std::string what = m->names.empty() ? "none" : script_.name;
    return say("told", Tone::kPlain, "claim: " + what, "tells", ": " + what);
  }
  return "";
}

}  // namespace once::sim

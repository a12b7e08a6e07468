#include "tests/sim/story_teller.h"

#include <algorithm>
#include <cstdio>

#include "net/client_codec.h"
#include "tests/sim/story_words.h"

namespace once::sim {
namespace {

using paxos::Ballot;
using paxos::Operation;
using paxos::State;
using paxos::Status;
using Tone = Moment::Tone;

std::string key(const Ballot& ballot, uint64_t high, uint64_t low) {
  return fmt::format("({},{},{}) {:x}-{:x}", ballot.round.value, ballot.node.value,
                     ballot.incarnation.value, high, low);
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
    const Ballot ballot{Round{round}, NodeId{static_cast<uint16_t>(by)}, Incarnation{run}};
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
    const Ballot ballot{Round{round}, NodeId{static_cast<uint16_t>(by)}, Incarnation{run}};
    Moment& moment = add(Moment::Kind::kPromise, node);
    moment.tone = Tone::kPromise;
    moment.to = by - 1;
    moment.label = fmt::format("promised {}", show(ballot));
    moment.verb = fmt::format("has its promise of {} on disk", show(ballot));
  } else if (std::sscanf(whole.c_str(), "accept (%u,%u,%u) for %*s of %llx-%llx", &round, &by, &run,
                         &high, &low) == 5) {
    const Ballot ballot{Round{round}, NodeId{static_cast<uint16_t>(by)}, Incarnation{run}};
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
  Operation asked = Operation::kRead;
  std::string why;
  if (const auto* m = std::get_if<paxos::Accept>(&message)) {
    accepted_[key(m->ballot, m->state.writer.high, m->state.writer.low)] = show(m->state);
    why = reason(*m);
  }
  if (const auto* m = std::get_if<paxos::Forward>(&message)) forwarded_[m->op] = m->operation;
  if (const auto* m = std::get_if<paxos::ForwardReply>(&message)) asked = forwarded_[m->op];
  Words words = words_of(moment.who, to, message, asked, script_.name, why);
  moment.tone = words.tone;
  moment.label = std::move(words.label);
  moment.verb = std::move(words.verb);
  moment.rest = std::move(words.rest);
  moment.value = std::move(words.value);
  moment.number = words.kind;
  return words.kind;
}

}  // namespace once::sim

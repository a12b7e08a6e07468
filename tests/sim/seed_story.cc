#include "tests/sim/seed_story.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/printable.h"
#include "tests/sim/node.h"
#include "tests/sim/story_words.h"

namespace once::sim {
namespace {

using paxos::Ballot;
using paxos::Operation;

constexpr size_t kMostNames = 4;  // of one handle
constexpr size_t kMostShownName = 40;
constexpr size_t kMostShownValue = 16;

std::string cut(std::string_view bytes, size_t most) {
  std::string text = printable(bytes.substr(0, most));
  return bytes.size() > most ? text + "..." : text;
}

// The values of a run are long and say nothing.
paxos::Message shortened(paxos::Message message) {
  const auto shorten = [](std::string_view& value) { value = value.substr(0, kMostShownValue); };
  std::visit(
      [&]<class M>(M& m) {
        if constexpr (requires { m.state.value; }) shorten(m.state.value);
        if constexpr (requires { m.accepted.value; }) shorten(m.accepted.value);
        if constexpr (requires { m.value; }) shorten(m.value);
      },
      message);
  return message;
}

// What only keeps the books of homes, or brings a node up to what others know.
Words with_bookkeeping(Words words, const paxos::Message& message) {
  if (std::holds_alternative<paxos::SettleQuery>(message)) {
    words.kind = "settle";
    words.verb = "asks";
    words.rest = ": is what I accepted on your disk, too?";
  } else if (std::holds_alternative<paxos::Settled>(message)) {
    words.kind = "settle";
    words.verb = "tells";
    words.rest = ": it is on my disk";
  } else if (std::holds_alternative<paxos::SyncFetch>(message)) {
    words.kind = "catching up";
    words.verb = "asks";
    words.rest = ": what do you know to be decided?";
  } else if (const auto* told = std::get_if<paxos::SyncState>(&message)) {
    words.kind = "catching up";
    words.verb = "tells";
    words.rest = told->decided ? fmt::format(": version {} is decided", told->state.version)
                               : ": nothing that is decided";
  }
  return words;
}

}  // namespace

void SeedStory::listen(const World& world, size_t nodes) {
  world_ = &world;
  nodes_ = nodes;
}

std::string SeedStory::host(HostId host) const {
  if (host < nodes_) return fmt::format("node {}", host + 1);
  return fmt::format("client {}", host - nodes_ + 1);
}

bool SeedStory::is_told(const Names& names) const {
  if (telling_.name.empty()) return true;
  return std::find(names.begin(), names.end(), telling_.name) != names.end();
}

// Of a line of the world: about this name, or about none, such as a crash.
bool SeedStory::is_told(std::string_view line) {
  if (telling_.name.empty()) return true;
  if (line.starts_with("rare branch")) return false;
  bool of_another = false;
  while (!line.empty()) {
    const size_t end = std::min(line.find(' '), line.size());
    std::string_view word = line.substr(0, end);
    const size_t at = word.find('@');  // "calls read NAME@VERSION"
    if (at != std::string_view::npos) seen_.emplace(word = word.substr(0, at));
    if (word.ends_with(':')) word.remove_suffix(1);
    if (word == telling_.name) return true;
    of_another |= seen_.find(word) != seen_.end();
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return !of_another;
}

// `frame`: 0, or the hash of that in which it was said.
void SeedStory::keep(std::string text, uint64_t frame, HostId from, HostId to) {
  if (lines_.size() >= telling_.lines) {
    ++left_out_;
    return;
  }
  if (frame != 0) under_way_[{from, to, frame}].push_back(lines_.size());
  lines_.push_back({fmt::format("{:>13.6f} {}", static_cast<double>(world_->now()) / 1e9, text),
                    frame == 0 ? -1 : world_->now(), -1});
}

void SeedStory::line(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  text.remove_prefix(std::min(text.find(' ') + 1, text.size()));  // the time, as keep() writes it
  if (is_told(text)) keep(printable(text), 0, 0, 0);
}

void SeedStory::remember(HostId host, Handle kind, uint64_t handle, std::string_view name) {
  if (const auto found = seen_.find(name); found == seen_.end()) seen_.emplace(name);
  Names& names = handles_[{host, kind, handle}];
  std::erase(names, name);
  names.emplace_back(name);
  if (names.size() > kMostNames) names.erase(names.begin());
}

SeedStory::Names SeedStory::recall(HostId host, Handle kind, uint64_t handle) const {
  const auto found = handles_.find({host, kind, handle});
  return found == handles_.end() ? Names{} : found->second;
}

// Which a message is about: it says so, or it answers one that did. Empty: none in particular.
SeedStory::Names SeedStory::names_of(HostId from, HostId to, const paxos::Message& message) {
  const auto kind_of = [](const Ballot& ballot) {
    return ballot.is_round_zero() ? Handle::kFirstRound : Handle::kRound;
  };
  const auto range = [&](HostId home, uint64_t first, uint64_t last) {
    Names names;
    for (uint64_t at = first; at <= last && at - first < 64; ++at) {
      for (std::string& name : recall(home, Handle::kFirstRound, at)) {
        if (std::find(names.begin(), names.end(), name) == names.end()) {
          names.push_back(std::move(name));
        }
      }
    }
    return names;
  };
  return std::visit(
      [&]<class M>(const M& m) -> Names {
        if constexpr (requires { m.name; }) {
          if constexpr (std::is_same_v<M, paxos::Prepare> || std::is_same_v<M, paxos::Accept>) {
            remember(from, kind_of(m.ballot), m.op, m.name);
          } else if constexpr (std::is_same_v<M, paxos::ReadState>) {
            remember(from, Handle::kRead, m.op, m.name);
          } else if constexpr (std::is_same_v<M, paxos::Forward>) {
            remember(from, Handle::kForward, m.op, m.name);
            asked_[{from, m.op}] = m.operation;
          }
          return {std::string(m.name)};
        } else if constexpr (std::is_same_v<M, paxos::AcceptedRange>) {
          return range(to, m.first.value, m.last.value);
        } else if constexpr (std::is_same_v<M, paxos::ChosenRange>) {
          return range(from, m.first.value, m.last.value);
        } else if constexpr (std::is_same_v<M, paxos::ReadReply>) {
          return recall(to, Handle::kRead, m.op);
        } else if constexpr (std::is_same_v<M, paxos::ForwardReply>) {
          return recall(to, Handle::kForward, m.op);
        } else if constexpr (requires {
                               m.ballot;
                               m.op;
                             }) {
          return recall(to, kind_of(m.ballot), m.op);
        } else {
          return {};
        }
      },
      message);
}

// The core's reason, as far as it shows from outside.
std::string SeedStory::why(HostId from, const paxos::Message& message) const {
  const auto home_of = [&](std::string_view name) {
    return static_cast<HostId>(
        home_slot_of(name_hash(name, kHashSeed), static_cast<uint32_t>(nodes_)).value);
  };
  if (const auto* prepare = std::get_if<paxos::Prepare>(&message)) {
    const HostId home = home_of(prepare->name);
    return home == from ? " (it is the home; its first round is lost, or closed)"
                        : fmt::format(" (instead of the home, {})", host(home));
  }
  const auto* accept = std::get_if<paxos::Accept>(&message);
  if (accept == nullptr) return "";
  if (accept->ballot.is_round_zero()) return " (as the home, so without a prepare)";
  const auto found = reported_.find({from, accept->op, accept->ballot});
  if (found == reported_.end()) return " (no promise reported a state)";
  if (found->second.writer != accept->state.writer) return " (built on what was reported)";
  return fmt::format(" (because {} reported it under {})", host(found->second.by),
                     show(found->second.ballot));
}

void SeedStory::tell_message(HostId from, HostId to, const paxos::Message& message,
                             uint64_t frame) {
  const Names names = names_of(from, to, message);
  Operation asked = Operation::kRead;
  if (const auto* reply = std::get_if<paxos::ForwardReply>(&message)) {
    asked = asked_[{to, reply->op}];
  }
  const paxos::Message brief = shortened(message);
  const Words words = with_bookkeeping(words_of(from, to, brief, asked, "some names", ""), message);
  if (words.kind.empty() || !is_told(names)) return;
  std::string about;
  for (const std::string& name : names) {
    if (names.size() > kMostNames && !telling_.name.empty() && name != telling_.name) continue;
    about += (about.empty() ? "" : " or ") + cut(name, kMostShownName);
    if (about.size() > 3 * kMostShownName) break;
  }
  keep(fmt::format("{} {} {}{}{}{}", host(from), words.verb, host(to), printable(words.rest),
                   why(from, message), about.empty() ? "" : " [" + about + "]"),
       frame, from, to);
}

void SeedStory::tell_client_frame(HostId from, HostId to, const net::Frame& frame, uint64_t bytes) {
  if (frame.type == net::FrameType::kRequest && from >= nodes_) {
    const auto request = net::decode_request(frame.body);
    if (!request) return;
    const std::string name(request->name);
    seen_.insert(name);
    questions_[{from, frame.correlation}] = {name, request->operation};
    if (!is_told(Names{name})) return;
    const std::string what =
        show(request->operation, request->value.substr(0, kMostShownValue), request->version);
    keep(fmt::format("{} asks {}: {} [{}]", host(from), host(to), printable(what),
                     cut(name, kMostShownName)),
         bytes, from, to);
  } else if (frame.type == net::FrameType::kReply && from < nodes_) {
    auto reply = net::decode_reply(frame.body);
    const auto found = questions_.find({to, frame.correlation});
    if (!reply || found == questions_.end()) return;
    const auto& [name, operation] = found->second;
    if (!is_told(Names{name})) return;
    reply->state.value = reply->state.value.substr(0, kMostShownValue);
    keep(fmt::format("{} answers {}: {} [{}]", host(from), host(to),
                     printable(show(operation, reply->status, reply->state)),
                     cut(name, kMostShownName)),
         bytes, from, to);
  }
}

void SeedStory::tell_client_frames(HostId from, HostId to, std::string_view bytes, uint64_t hash) {
  net::Frame frame;
  while (net::take_frame(bytes, frame).value_or(false)) tell_client_frame(from, to, frame, hash);
}

bool SeedStory::on_sent(HostId from, HostId to, std::string_view bytes) {
  const uint64_t hash = checksum(bytes.data(), bytes.size()) | 1;
  if (from >= nodes_ || to >= nodes_) {
    tell_client_frames(from, to, bytes, hash);
  } else {
    each_message(bytes,
                 [&](const paxos::Message& message) { tell_message(from, to, message, hash); });
  }
  return false;
}

void SeedStory::on_arrived(HostId from, HostId to, std::string_view bytes) {
  const uint64_t hash = checksum(bytes.data(), bytes.size()) | 1;
  if (const auto found = under_way_.find({from, to, hash}); found != under_way_.end()) {
    for (const size_t line : found->second) lines_[line].arrived_ns = world_->now();
    under_way_.erase(found);
  }
  if (from >= nodes_ || to >= nodes_) return;
  each_message(bytes, [&](const paxos::Message& message) {
    const auto* promise = std::get_if<paxos::Promise>(&message);
    if (promise == nullptr || promise->accepted_ballot.is_null()) return;
    Reported& known = reported_[{to, promise->op, promise->ballot}];
    if (promise->accepted_ballot < known.ballot) return;
    known = {promise->accepted_ballot, promise->accepted.writer, from};
  });
}

std::string SeedStory::text() const {
  std::string text;
  for (const Line& line : lines_) {
    text += line.text;
    if (line.sent_ns >= 0 && line.arrived_ns < 0) text += " -- never arrives";
    if (line.sent_ns >= 0 && line.arrived_ns >= 0) {
      text += fmt::format(" -- takes {:.1f} ms",
                          static_cast<double>(line.arrived_ns - line.sent_ns) / 1e6);
    }
    text += '\n';
  }
  if (left_out_ > 0) {
    text += fmt::format(
        "... and {} lines more: --lines N shows more of them, --name NAME those of "
        "one name\n",
        left_out_);
  }
  return text;
}

}  // namespace once::sim

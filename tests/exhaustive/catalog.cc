#include "tests/exhaustive/catalog.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "net/peer_codec.h"

namespace once::exhaustive {

using namespace paxos;

uint32_t Interner::number(std::string_view bytes) {
  const auto found = numbers_.find(bytes);
  if (found != numbers_.end()) return found->second;
  const auto number = static_cast<uint32_t>(texts_.size());
  texts_.emplace_back(bytes);
  numbers_.emplace(texts_.back(), number);
  return number;
}

uint32_t Catalog::message(Endpoint from, Endpoint to, const Message& message) {
  std::vector<char> bytes;
  bytes.reserve(256);
  ByteWriter out(bytes);
  out.put(from.node.value);
  out.put(to.node.value);
  net::encode_message(message, bytes);
  const uint32_t number = messages_.number({bytes.data(), bytes.size()});
  if (number < parcels_.size()) return number;
  std::string_view encoded = messages_.at(number).substr(4);
  auto decoded = net::take_message(encoded);
  ONCE_ASSERT(decoded.has_value() && encoded.empty());
  Route route;
  route.to = static_cast<uint8_t>(to.node.value - 1);
  route.is_absorbed =
      !std::holds_alternative<Forward>(*decoded) && !std::holds_alternative<ChosenRange>(*decoded);
  const auto* reply = std::get_if<ReadReply>(&*decoded);
  const auto* told = std::get_if<SyncState>(&*decoded);
  route.claims = std::holds_alternative<Accept>(*decoded) ||
                 std::holds_alternative<Decided>(*decoded) ||
                 std::holds_alternative<ChosenRange>(*decoded) ||
                 std::holds_alternative<ForwardReply>(*decoded) || (reply && reply->decided) ||
                 (told && told->decided);
  routes_.push_back(route);
  parcels_.push_back({from.node.value - 1u, to.node.value - 1u, *decoded});
  return number;
}

uint32_t Catalog::state(std::string_view name, const State& state) {
  std::vector<char> bytes;
  bytes.reserve(256);
  ByteWriter out(bytes);
  out.put(static_cast<uint32_t>(name.size()));
  out.put_bytes(name);
  out.put(state.version);
  out.put<uint8_t>(state.sealed);
  out.put_uuid(state.writer);
  out.put_bytes(state.value);
  const uint32_t number = states_.number({bytes.data(), bytes.size()});
  if (number == known_states_.size()) {
    known_states_.push_back(
        {std::string(name), state.version, state.writer, std::string(state.value), state.sealed});
  }
  return number;
}

uint32_t Catalog::accept(std::string_view name, const State& value, const Ballot& ballot,
                         uint64_t sequence) {
  const uint32_t held = state(name, value);
  std::vector<char> bytes;
  bytes.reserve(256);
  ByteWriter out(bytes);
  out.put(held);
  out.put(ballot.round.value);
  out.put(ballot.node.value);
  out.put(ballot.incarnation.value);
  const uint32_t choice = choices_.number({bytes.data(), bytes.size()});
  out.put(sequence);
  const uint32_t number = accepts_.number({bytes.data(), bytes.size()});
  if (number == known_accepts_.size()) known_accepts_.push_back({held, ballot, sequence, choice});
  return number;
}

std::string text_of(const Ballot& b) {
  if (b.is_null()) return "none";
  return fmt::format("({},n{},i{})", b.round.value, b.node.value, b.incarnation.value);
}

std::string text_of(const State& s) {
  return fmt::format("version {} \"{}\"{}", s.version, s.value, s.sealed ? " sealed" : "");
}

namespace {

struct Text {
  std::string operator()(const Prepare& m) const {
    return fmt::format("Prepare {}", text_of(m.ballot));
  }
  std::string operator()(const Promise& m) const {
    return fmt::format("Promise {}, accepted {} {}", text_of(m.ballot), text_of(m.accepted_ballot),
                       text_of(m.accepted));
  }
  std::string operator()(const Accept& m) const {
    return fmt::format("Accept {} {} of {}", text_of(m.ballot), text_of(m.state), m.name);
  }
  std::string operator()(const Accepted& m) const {
    return fmt::format("Accepted {} version {}", text_of(m.ballot), m.version);
  }
  std::string operator()(const AcceptedRange& m) const {
    return fmt::format("AcceptedRange i{} {}..{}", m.incarnation.value, m.first.value,
                       m.last.value);
  }
  std::string operator()(const Rejected& m) const {
    return fmt::format("Rejected {}, promised {}", text_of(m.ballot), text_of(m.promised));
  }
  std::string operator()(const ReadState& m) const { return fmt::format("ReadState {}", m.name); }
  std::string operator()(const ReadReply& m) const {
    return fmt::format("ReadReply {} {}{}", text_of(m.accepted_ballot), text_of(m.accepted),
                       m.decided ? ", decided" : "");
  }
  std::string operator()(const HomeProgress& m) const {
    return fmt::format("HomeProgress i{} durable {}", m.incarnation.value, m.durable.value);
  }
  std::string operator()(const ChosenRange& m) const {
    return fmt::format("ChosenRange i{} {}..{}", m.incarnation.value, m.first.value, m.last.value);
  }
  std::string operator()(const Decided& m) const {
    return fmt::format("Decided {} version {} of {}", text_of(m.ballot), m.version, m.name);
  }
  std::string operator()(const ClaimHome& m) const {
    return fmt::format("ClaimHome i{} list {} from {}", m.incarnation.value, m.list, m.cursor);
  }
  std::string operator()(const ClaimReply& m) const {
    return fmt::format("ClaimReply i{} list {} {}..{}{}, {} bytes of names", m.incarnation.value,
                       m.list, m.cursor, m.next, m.last ? " (last)" : "", m.names.size());
  }
  std::string operator()(const SettleQuery& m) const {
    return fmt::format("SettleQuery promised {} accepted {} of {}", text_of(m.promised),
                       text_of(m.accepted), m.name);
  }
  std::string operator()(const Settled& m) const {
    return fmt::format("Settled promised {} accepted {} of {}", text_of(m.promised),
                       text_of(m.accepted), m.name);
  }
  std::string operator()(const Forward& m) const {
    return fmt::format("Forward operation {} of {} \"{}\"", static_cast<int>(m.operation), m.name,
                       m.value);
  }
  std::string operator()(const SyncCompare& m) const {
    return fmt::format("SyncCompare {} shards from {}", m.shards, m.shard);
  }
  std::string operator()(const SyncDigest& m) const {
    return fmt::format("SyncDigest of {} shards from {}", m.shards, m.shard);
  }
  std::string operator()(const SyncNames& m) const {
    return fmt::format("SyncNames from {}", m.cursor);
  }
  std::string operator()(const SyncPage& m) const {
    return fmt::format("SyncPage {}..{} of {}", m.cursor, m.next, m.end);
  }
  std::string operator()(const SyncFetch& m) const { return fmt::format("SyncFetch {}", m.name); }
  std::string operator()(const SyncState& m) const {
    return fmt::format("SyncState {} {} of {}{}", text_of(m.ballot), text_of(m.state), m.name,
                       m.decided ? ", decided" : "");
  }
  std::string operator()(const ForwardReply& m) const {
    return fmt::format("ForwardReply status {} {}", static_cast<int>(m.status), text_of(m.state));
  }
};

}  // namespace

std::string text_of(const Message& message) { return std::visit(Text{}, message); }

}  // namespace once::exhaustive

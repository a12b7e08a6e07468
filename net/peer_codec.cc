// One function per message lists its fields in wire order; see wire.h. The type number of a message
// is its place in paxos::Message, from 1: append to the variant, never reorder it.
#include "net/peer_codec.h"

#include <array>
#include <string>
#include <utility>

#include "base/limits.h"
#include "net/wire.h"

namespace once::net {
namespace {

using namespace paxos;

constexpr size_t kMessageHeaderBytes = 4;
constexpr size_t kMaxBodyBytes = kMaxEnvelopeBytes / 2 - 64;  // two fit into an envelope

template <class Wire, class B>
void ballot(Wire& wire, B& b) {
  wire.number(b.round.value);
  wire.number(b.incarnation.value);
  wire.number(b.node.value);
}
template <class Wire, class V>
void name(Wire& wire, V& view) {
  wire.template bytes<uint16_t>(view, kMaxNameBytes);
}
template <class Wire, class S>
void state(Wire& wire, S& s) {
  wire.number(s.version);
  uint8_t making = making_of(s);
  wire.number(making);
  if constexpr (!std::is_const_v<S>) wire.require(set_making(making, s));
  wire.uuid(s.writer);
  wire.template bytes<uint32_t>(s.value, kMaxValueBytes);
}

// `M` is the message or a const of it, by direction.
template <class M, class Message>
concept Is = std::is_same_v<std::remove_const_t<M>, Message>;

template <class Wire, Is<Prepare> M>
void fields(Wire& wire, M& m) {
  wire.number(m.op);
  ballot(wire, m.ballot);
  name(wire, m.name);
}
template <class Wire, Is<Promise> M>
void fields(Wire& wire, M& m) {
  wire.number(m.op);
  ballot(wire, m.ballot);
  ballot(wire, m.accepted_ballot);
  state(wire, m.accepted);
}
template <class Wire, Is<Accept> M>
void fields(Wire& wire, M& m) {
  wire.number(m.op);
  ballot(wire, m.ballot);
  name(wire, m.name);
  state(wire, m.state);
}
template <class Wire, Is<Accepted> M>
void fields(Wire& wire, M& m) {
  wire.number(m.op);
  ballot(wire, m.ballot);
  wire.number(m.version);
}
template <class Wire, Is<AcceptedRange> M>
void fields(Wire& wire, M& m) {
  wire.number(m.incarnation.value);
  wire.number(m.first.value);
  wire.number(m.last.value);
}
template <class Wire, Is<Rejected> M>
void fields(Wire& wire, M& m) {
  wire.number(m.op);
  ballot(wire, m.ballot);
  ballot(wire, m.promised);
}
template <class Wire, Is<ReadState> M>
void fields(Wire& wire, M& m) {
  wire.number(m.op);
  name(wire, m.name);
}
template <class Wire, Is<ReadReply> M>
void fields(Wire& wire, M& m) {
  wire.number(m.op);
  wire.flag(m.decided);
  ballot(wire, m.accepted_ballot);
  state(wire, m.accepted);
}
template <class Wire, Is<HomeProgress> M>
void fields(Wire& wire, M& m) {
  wire.number(m.incarnation.value);
  wire.number(m.durable.value);
}
template <class Wire, Is<ChosenRange> M>
void fields(Wire& wire, M& m) {
  wire.number(m.incarnation.value);
  wire.number(m.first.value);
  wire.number(m.last.value);
}
template <class Wire, Is<Decided> M>
void fields(Wire& wire, M& m) {
  ballot(wire, m.ballot);
  wire.number(m.version);
  name(wire, m.name);
}
template <class Wire, Is<ClaimHome> M>
void fields(Wire& wire, M& m) {
  wire.number(m.incarnation.value);
  wire.number(m.list);
  wire.number(m.cursor);
}
template <class Wire, Is<ClaimReply> M>
void fields(Wire& wire, M& m) {
  wire.number(m.incarnation.value);
  wire.number(m.list);
  wire.number(m.cursor);
  wire.number(m.next);
  wire.flag(m.last);
  wire.template bytes<uint32_t>(m.names, kMaxBodyBytes);
}
template <class Wire, Is<SettleQuery> M>
void fields(Wire& wire, M& m) {
  ballot(wire, m.promised);
  ballot(wire, m.accepted);
  name(wire, m.name);
}
template <class Wire, Is<Settled> M>
void fields(Wire& wire, M& m) {
  ballot(wire, m.promised);
  ballot(wire, m.accepted);
  name(wire, m.name);
}
template <class Wire, Is<Forward> M>
void fields(Wire& wire, M& m) {
  wire.number(m.op);
  wire.number(m.incarnation.value);
  wire.number(m.number);
  wire.enumeration(m.operation, Operation::kWrite, paxos::kLastOperation);
  wire.uuid(m.id);
  wire.number(m.timeout_ms);
  wire.number(m.version);
  name(wire, m.name);
  wire.template bytes<uint32_t>(m.value, kMaxValueBytes);
}
template <class Wire, Is<ForwardReply> M>
void fields(Wire& wire, M& m) {
  wire.number(m.op);
  wire.enumeration(m.status, Status::kDone, paxos::kLastStatus);
  state(wire, m.state);
}

template <class Wire, Is<SyncCompare> M>
void fields(Wire& wire, M& m) {
  wire.number(m.pass);
  wire.number(m.shard);
  wire.number(m.shards);
}
template <class Wire, Is<SyncDigest> M>
void fields(Wire& wire, M& m) {
  wire.number(m.pass);
  wire.number(m.shard);
  wire.number(m.shards);
  wire.template bytes<uint32_t>(m.digests, kMaxBodyBytes / 2);
}
template <class Wire, Is<SyncNames> M>
void fields(Wire& wire, M& m) {
  wire.number(m.pass);
  wire.number(m.cursor);
  wire.number(m.most);
  wire.template bytes<uint32_t>(m.buckets, kMaxBodyBytes / 2);
}
template <class Wire, Is<SyncPage> M>
void fields(Wire& wire, M& m) {
  wire.number(m.pass);
  wire.number(m.cursor);
  wire.number(m.next);
  wire.number(m.end);
  wire.template bytes<uint32_t>(m.names, kMaxBodyBytes / 2);
}
template <class Wire, Is<SyncFetch> M>
void fields(Wire& wire, M& m) {
  wire.number(m.op);
  name(wire, m.name);
}
template <class Wire, Is<SyncState> M>
void fields(Wire& wire, M& m) {
  wire.number(m.op);
  wire.flag(m.decided);
  ballot(wire, m.ballot);
  name(wire, m.name);
  state(wire, m.state);
}

bool names_are_packed(std::string_view names) {
  ByteReader reader(names);
  while (reader.remaining() > 0) {
    uint16_t size = reader.get<uint16_t>();
    if (size > kMaxNameBytes) return false;
    reader.get_bytes(size);
  }
  return reader.ok();
}

template <size_t I>
bool read_as(std::string_view body, Message& message) {
  auto& value = message.emplace<I>();
  WireReader reader(body);
  fields(reader, value);
  if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, ClaimReply>) {
    if (!names_are_packed(value.names)) return false;
  }
  return reader.finished();
}

constexpr size_t kTypes = std::variant_size_v<Message>;

template <size_t... I>
constexpr auto make_readers(std::index_sequence<I...>) {
  return std::array<bool (*)(std::string_view, Message&), kTypes>{&read_as<I>...};
}
constexpr auto kReaders = make_readers(std::make_index_sequence<kTypes>{});

}  // namespace

void encode_message(const Message& message, std::vector<char>& out) {
  uint32_t type = static_cast<uint32_t>(message.index()) + 1;
  std::visit(
      [&](const auto& m) {
        WireSizer sizer;
        fields(sizer, m);
        ONCE_ASSERT(sizer.size() <= kMaxBodyBytes);
        char* at = extend(out, kMessageHeaderBytes + sizer.size());
        store(at, type | static_cast<uint32_t>(sizer.size()) << 8);
        WireWriter writer(at + kMessageHeaderBytes);
        fields(writer, m);
      },
      message);
}

Result<Message> take_message(std::string_view& bytes) {
  Result<Message> taken;  // returned where it stands: it is large
  if (bytes.size() < kMessageHeaderBytes) {
    taken = error("a message is cut off in its header");
    return taken;
  }
  const auto header = load<uint32_t>(bytes.data());
  const uint32_t type = header & 0xff;
  const size_t size = header >> 8;
  if (type < 1 || type > kTypes) {
    taken = error("unknown message type " + std::to_string(type));
  } else if (size > kMaxBodyBytes) {
    taken = error("a message of " + std::to_string(size) + " bytes is too long");
  } else if (bytes.size() - kMessageHeaderBytes < size) {
    taken = error("a message is cut off in its body");
  } else if (!kReaders[type - 1](bytes.substr(kMessageHeaderBytes, size), *taken)) {
    taken = error("malformed message of type " + std::to_string(type));
  } else {
    bytes.remove_prefix(kMessageHeaderBytes + size);
  }
  return taken;
}

}  // namespace once::net

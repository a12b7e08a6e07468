#include "net/peer_frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "base/hash.h"
#include "base/hex.h"
#include "base/limits.h"
#include "net/wire.h"

namespace once::net {
namespace {

constexpr std::string_view kMagic = "ONCEPEER";
constexpr size_t kPrefixBytes =
    12;  // magic, u8 kind, u8 zero, u16 version: the same in all versions
constexpr uint8_t kHelloKind = 1;
constexpr uint8_t kRefusalKind = 2;
constexpr uint8_t kOtherDiskKind = 3;  // a refusal too
constexpr size_t kMaxRefusalBytes = 1024;

// One disk for each bit, so that no count can contradict what follows.
template <class Wire, class Table>
void table_fields(Wire& wire, Table& table) {
  uint16_t bits = table.nodes.bits();
  wire.number(bits);
  if constexpr (!std::is_const_v<Table>) table.nodes = NodeSet{bits};
  for (uint16_t node = 1; node <= kMaxNodes; ++node) {
    if (table.nodes.has(NodeId{node})) wire.uuid(table.disks[node]);
  }
}

template <class Wire, class Members>
void member_fields(Wire& wire, Members& members) {
  uint16_t count = static_cast<uint16_t>(members.size());
  wire.number(count);
  for (size_t slot = 0; slot < std::min<size_t>(count, kMaxNodes); ++slot) {
    NodeId node;
    if constexpr (std::is_const_v<Members>) node = members[slot];
    wire.number(node.value);
    if constexpr (!std::is_const_v<Members>) members.add(node);
  }
  if constexpr (!std::is_const_v<Members>) wire.require(count >= 1 && members.size() == count);
}

template <class Wire, class H>
void hello_fields(Wire& wire, H& hello) {
  wire.flag(hello.votes);
  wire.flag(hello.link);
  wire.zeros(2);
  wire.uuid(hello.cluster);
  wire.uuid(hello.disk);
  wire.number(hello.epoch);
  wire.number(hello.hash_seed);
  wire.number(hello.shard_count);
  wire.number(hello.node.value);
  wire.number(hello.core.value);
  wire.number(hello.cores);
  wire.number(hello.target_core.value);
  wire.number(hello.target_node.value);
  wire.number(hello.incarnation.value);
  wire.template bytes<uint16_t>(hello.client_address, 512);
  member_fields(wire, hello.members);
  table_fields(wire, hello.known);
}

size_t begin_greeting(uint8_t kind, uint16_t version, std::vector<char>& out) {
  size_t at = out.size();
  char* to = extend(out, kPeerHeaderBytes + kPrefixBytes) + kPeerHeaderBytes;
  std::memcpy(to, kMagic.data(), kMagic.size());
  store(to + 8, kind);
  store(to + 9, uint8_t{0});
  store(to + 10, version);
  return at;
}

}  // namespace

void seal_peer_frame(std::vector<char>& out, size_t at) {
  ONCE_ASSERT(at + kPeerHeaderBytes <= out.size());
  char* frame = out.data() + at;
  size_t size = out.size() - at;
  ONCE_ASSERT(size <= kMaxEnvelopeBytes);
  store(frame, static_cast<uint32_t>(size - 4));
  store(frame + 4, checksum(frame + kPeerHeaderBytes, size - kPeerHeaderBytes));
}

Result<std::string_view> open_peer_frame(std::string_view frame) {
  if (frame.size() < kPeerHeaderBytes) return error("an envelope is too short");
  std::string_view rest = frame.substr(kPeerHeaderBytes);
  if (load<uint64_t>(frame.data() + 4) != checksum(rest.data(), rest.size())) {
    return error("an envelope has a wrong checksum");
  }
  return rest;
}

void encode_peer_hello(const PeerHello& hello, std::vector<char>& out) {
  size_t at = begin_greeting(kHelloKind, hello.version, out);
  WireSizer sizer;
  hello_fields(sizer, hello);
  WireWriter writer(extend(out, sizer.size()));
  hello_fields(writer, hello);
  seal_peer_frame(out, at);
}

void encode_peer_refusal(std::string_view text, std::vector<char>& out, bool other_disk) {
  size_t at = begin_greeting(other_disk ? kOtherDiskKind : kRefusalKind, kPeerProtocolVersion, out);
  text = text.substr(0, kMaxRefusalBytes);
  out.insert(out.end(), text.begin(), text.end());
  seal_peer_frame(out, at);
}

bool is_greeting(std::string_view content) { return content.substr(0, kMagic.size()) == kMagic; }

Result<Greeting> decode_greeting(std::string_view frame) {
  if (frame.size() < kPeerHeaderBytes + kPrefixBytes ||
      !is_greeting(frame.substr(kPeerHeaderBytes))) {
    return error("it does not speak the peer protocol (a client on the peer port?)");
  }
  auto content = open_peer_frame(frame);
  if (!content) return error("its first frame has a wrong checksum");
  uint8_t kind = load<uint8_t>(content->data() + 8);
  uint16_t version = load<uint16_t>(content->data() + 10);
  std::string_view body = content->substr(kPrefixBytes);
  Greeting greeting;
  if (kind == kRefusalKind || kind == kOtherDiskKind) {
    greeting.refused = true;
    greeting.other_disk = kind == kOtherDiskKind;
    greeting.refusal = body.substr(0, kMaxRefusalBytes);
    for (char& c : greeting.refusal) c = static_cast<unsigned char>(c) < 32 || c == 127 ? '?' : c;
    return greeting;
  }
  if (version != kPeerProtocolVersion) {
    // Read on both sides: who is refused finds this text in its own log.
    return error(fmt::format(
        "peer protocol version {} is not spoken, only version {}: run one release of onced on all "
        "nodes",
        version, kPeerProtocolVersion));
  }
  greeting.hello.version = version;
  WireReader reader(body);
  hello_fields(reader, greeting.hello);
  if (kind != kHelloKind || (*content)[9] != 0 || !reader.finished()) {
    return error("its hello is malformed");
  }
  const PeerHello& hello = greeting.hello;
  if (hello.cores == 0 || hello.cores > kMaxCores || hello.core.value >= hello.cores ||
      hello.node.value == 0 || hello.node.value > kMaxNodes) {
    return error("its hello has a node or core number out of range");
  }
  if (hello.link && !hello.votes) return error("its hello wants a link without a vote");
  if (!hello.members.valid() || !hello.members.has(hello.node)) {
    return error("its hello has a list of members that cannot be");
  }
  if (!hello.known.nodes.valid() || hello.known.nodes.has(hello.node)) {
    return error("its hello has a table of disks that cannot be");
  }
  return greeting;
}

namespace {

// What decides which node and core a name belongs to, and how many are a majority.
std::string reason_to_disagree(const PeerHello& hello, const PeerHello& self) {
  if (!hello.members.same_nodes(self.members)) {
    return fmt::format(
        "node {} was formatted with the members {}, node {} with {}: --cluster must name the same "
        "nodes everywhere; format the one that is wrong again",
        hello.node.value, hello.members.text(), self.node.value, self.members.text());
  }
  for (size_t slot = 0; slot < self.members.size(); ++slot) {
    if (hello.members[slot] == self.members[slot]) continue;
    return fmt::format(
        "node {} was formatted with node {} in slot {}, node {} with node {} there (members {} and "
        "{}): --cluster must name the nodes in the same order everywhere; format the one that is "
        "wrong again",
        hello.node.value, hello.members[slot].value, slot, self.node.value,
        self.members[slot].value, hello.members.text(), self.members.text());
  }
  if (hello.shard_count != self.shard_count || hello.hash_seed != self.hash_seed) {
    return fmt::format(
        "node {} spreads names with {} shards and seed {:016x}, node {} with {} and {:016x}: they "
        "were formatted by versions that do not fit together",
        hello.node.value, hello.shard_count, hello.hash_seed, self.node.value, self.shard_count,
        self.hash_seed);
  }
  return {};
}

}  // namespace

std::string reason_to_refuse(const PeerHello& hello, const PeerHello& self, NodeId dialled) {
  if (hello.cluster != self.cluster) {
    return fmt::format("node {} belongs to cluster {}, node {} to {}", hello.node.value,
                       hex_of(hello.cluster), self.node.value, hex_of(self.cluster));
  }
  if (hello.epoch != self.epoch) {
    return fmt::format("node {} has configuration epoch {}, node {} has {}", hello.node.value,
                       hello.epoch, self.node.value, self.epoch);
  }
  if (hello.disk == self.disk) {
    return fmt::format("this is node {} itself: the address of node {} leads back to it",
                       self.node.value, hello.target_node.value);
  }
  if (hello.target_node != self.node) {
    return fmt::format("node {} was looked for, but this is node {}: check the addresses",
                       hello.target_node.value, self.node.value);
  }
  if (hello.node == self.node) return fmt::format("two nodes use the number {}", self.node.value);
  if (dialled.value != 0 && dialled != hello.node) {
    return fmt::format("node {} answers at the address of node {}", hello.node.value,
                       dialled.value);
  }
  if (dialled.value == 0 && hello.link && hello.node > self.node) {
    return fmt::format("node {} must wait for node {} to dial", hello.node.value, self.node.value);
  }
  return reason_to_disagree(hello, self);
}

}  // namespace once::net

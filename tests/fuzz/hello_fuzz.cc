// The first frame of each side, of clients, servers and peers. Input: u8 which, then the body of a
// frame (clients, servers) or what follows the magic of a greeting (peers; length and checksum are
// made right). What decodes must encode to the same bytes, and a welcome peer must be one that the
// rest of the node can count on.
#include <string>

#include "base/limits.h"
#include "net/client_codec.h"
#include "net/peer_frame.h"
#include "tests/fuzz/input.h"

namespace once::fuzz {
namespace {

void try_client(std::string_view body) {
  const auto hello = net::decode_client_hello(body);
  if (!hello) return;
  const auto again = encoded([&](auto& out) { net::encode_client_hello(*hello, out); });
  ONCE_ASSERT(view(again).substr(net::kFrameHeaderBytes) == body);
}

void try_server(std::string_view body) {
  const auto hello = net::decode_server_hello(body);
  if (!hello) return;
  ONCE_ASSERT(hello->members.size() <= kMaxNodes);
  const auto again = encoded([&](auto& out) { net::encode_server_hello(*hello, out); });
  ONCE_ASSERT(view(again).substr(net::kFrameHeaderBytes) == body);
}

net::PeerHello self() {
  net::PeerHello hello;
  hello.cluster = ClusterId{{1, 2}};
  hello.node = NodeId{2};
  hello.members = {1, 2, 3};
  return hello;
}

void try_greeting(std::string_view frame, bool made_by_us) {
  const auto greeting = net::decode_greeting(frame);
  if (!greeting || greeting->refused) {
    if (greeting) {
      for (char c : greeting->refusal) ONCE_ASSERT(static_cast<unsigned char>(c) >= 32);
    }
    return;
  }
  const net::PeerHello& hello = greeting->hello;
  ONCE_ASSERT(hello.node.value >= 1 && hello.node.value <= kMaxNodes);
  ONCE_ASSERT(hello.cores >= 1 && hello.cores <= kMaxCores && hello.core.value < hello.cores);
  ONCE_ASSERT(hello.members.valid() && hello.members.has(hello.node) &&
              !hello.known.nodes.has(hello.node));
  ONCE_ASSERT(!hello.known.nodes.has(NodeId{0}) && (hello.votes || !hello.link));
  for (const uint16_t dialled : {uint16_t{0}, uint16_t{1}, uint16_t{3}}) {
    if (!net::reason_to_refuse(hello, self(), NodeId{dialled}).empty()) continue;
    ONCE_ASSERT(hello.node != self().node && hello.cluster == self().cluster);
    ONCE_ASSERT(hello.target_node == self().node && hello.epoch == self().epoch);
    ONCE_ASSERT(dialled == 0 || hello.node.value == dialled);
    ONCE_ASSERT(hello.members == self().members && hello.shard_count == self().shard_count);
    ONCE_ASSERT(dialled != 0 || !hello.link || hello.node < self().node);
  }
  const auto again = encoded([&](auto& out) { net::encode_peer_hello(hello, out); });
  if (made_by_us) ONCE_ASSERT(view(again) == frame);
}

void try_peer(std::string_view content) {
  std::string text = "ONCEPEER";
  text += content;
  if (net::kPeerHeaderBytes + text.size() > net::kMaxGreetingBytes) return;
  std::vector<char> frame(net::kPeerHeaderBytes);
  frame.insert(frame.end(), text.begin(), text.end());
  net::seal_peer_frame(frame, 0);
  const Exact exact(view(frame));
  try_greeting(exact.view(), true);
}

}  // namespace
}  // namespace once::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace once;
  fuzz::Input input(data, size);
  const uint8_t which = input.byte();
  const fuzz::Exact body(input.rest());
  switch (which % 4) {
    case 0:
      fuzz::try_client(body.view());
      break;
    case 1:
      fuzz::try_server(body.view());
      break;
    case 2:
      fuzz::try_peer(body.view());
      break;
    default:
      fuzz::try_greeting(body.view(), false);
  }
  return 0;
}

// The frame that carries everything between peers: u32 length, u64 XXH3 of the rest, the rest.
// The rest is a greeting (magic "ONCEPEER": a hello or a refusal) or messages. Private to net/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/hello.h"

namespace once::net {

inline constexpr size_t kPeerHeaderBytes = 12;
inline constexpr size_t kMaxGreetingBytes = 4096;

// Completes the frame that begins at `at` in `out`, where kPeerHeaderBytes were left free.
void seal_peer_frame(std::vector<char>& out, size_t at);
// What follows the header, if the checksum is right.
Result<std::string_view> open_peer_frame(std::string_view frame);

struct Greeting {
  bool refused = false;
  std::string refusal;      // if refused
  bool other_disk = false;  // if refused: another disk is known under the number of who is refused
  PeerHello hello;          // otherwise
};

void encode_peer_hello(const PeerHello& hello, std::vector<char>& out);
void encode_peer_refusal(std::string_view text, std::vector<char>& out, bool other_disk = false);
bool is_greeting(std::string_view content);
// Of a whole frame. The error is a sentence about who is at the other end.
Result<Greeting> decode_greeting(std::string_view frame);

// Empty: the hello fits this node (membership and disk aside). `dialled` is who was dialled; null:
// the other side dialled.
std::string reason_to_refuse(const PeerHello& hello, const PeerHello& self, NodeId dialled);

}  // namespace once::net

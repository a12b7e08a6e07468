#include "net/client_channel.h"

#include <utility>

#include "base/printable.h"

namespace once::net {
namespace {

constexpr size_t kMaxErrorText = 300;

// What nodes say to each other, and to a client that took their port for his (docs/protocol.md).
constexpr std::string_view kPeerMagic = "ONCEPEER";
constexpr size_t kPeerMagicAt = 12;

}  // namespace

std::string words_about_stranger(std::string_view first_bytes) {
  if (first_bytes.size() > kPeerMagicAt &&
      first_bytes.substr(kPeerMagicAt).starts_with(kPeerMagic)) {
    return "this is a port between nodes; give the one for clients, the --listen of `onced start`";
  }
  const std::pair<std::string_view, const char*> known[] = {
      {"SSH-", "an SSH server"},
      {"\x15\x03", "a TLS server"},
      {"-", "a server of the Redis protocol"},
      {"+", "a server of the Redis protocol"},
      {"$", "a server of the Redis protocol"}};
  if (first_bytes.starts_with("HTTP/")) {
    return "an HTTP server is there, not a node of once: is it another service's port, or --admin?";
  }
  for (const auto& [start, who] : known) {
    if (first_bytes.starts_with(start)) return std::string(who) + " is there, not a node of once";
  }
  return "what answers there is not a node of once";
}

void ClientChannel::open(const ClientHello& hello, std::vector<char>& out) {
  state_ = State::kHello;
  stranger_ = false;
  ++opened_;
  partial_.clear();
  encode_client_hello(hello, out);
}

void ClientChannel::close() {
  state_ = State::kClosed;
  partial_.clear();
}

std::string ClientChannel::feed(std::string_view bytes, ClientChannelHandler& handler) {
  // A callback may close or reopen the channel: the bytes are held here meanwhile.
  std::vector<char> joined = std::exchange(partial_, {});
  if (!joined.empty()) {
    joined.insert(joined.end(), bytes.begin(), bytes.end());
    bytes = std::string_view(joined.data(), joined.size());
  }
  const uint32_t opened = opened_;
  while (opened == opened_ && state_ != State::kClosed) {
    Frame frame{};
    const auto taken = take_frame(bytes, frame);
    if (!taken && state_ == State::kHello) {
      stranger_ = true;
      return words_about_stranger(bytes);
    }
    if (!taken) return taken.error().message;
    if (!*taken) {
      partial_.assign(bytes.begin(), bytes.end());
      return {};
    }
    if (std::string why = on_frame(frame, handler); !why.empty()) return why;
  }
  return {};
}

std::string ClientChannel::on_frame(const Frame& frame, ClientChannelHandler& handler) {
  if (frame.type == FrameType::kReply && state_ == State::kReady) {
    const auto reply = decode_reply(frame.body);
    if (!reply) return reply.error().message;
    handler.on_reply(frame.correlation, *reply);
    return {};
  }
  if (frame.type == FrameType::kServerHello && state_ == State::kHello) {
    const auto hello = decode_server_hello(frame.body);
    if (!hello) return hello.error().message;
    state_ = State::kReady;
    handler.on_hello(*hello);
    return {};
  }
  if (frame.type == FrameType::kError) {
    if (frame.correlation == kNothingTaken) handler.on_dismissed();
    return "the node says: " + printable(frame.body.substr(0, kMaxErrorText));
  }
  return "the node sent a frame out of place";
}

}  // namespace once::net

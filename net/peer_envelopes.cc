#include "net/peer_envelopes.h"

#include <cstring>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/rarely.h"
#include "net/peer_codec.h"
#include "net/wire.h"

namespace once::net {
namespace {

constexpr size_t kEnvelopeGoalBytes = kMaxEnvelopeBytes / 2;
constexpr uint32_t kPingBody = 8;
constexpr size_t kPingBytes = 4 + kPingBody;

}  // namespace

bool take_ping(std::string_view& messages, Ping& ping) {
  if (messages.size() < kPingBytes) return false;
  const auto header = load<uint32_t>(messages.data());
  if (header != (kPing | kPingBody << 8) && header != (kPong | kPingBody << 8)) return false;
  ping.type = static_cast<uint8_t>(header);
  ping.time_ns = load<int64_t>(messages.data() + 4);
  messages.remove_prefix(kPingBytes);
  return true;
}

void PeerEnvelopes::put_ping(PeerLink& link, uint8_t type, int64_t time_ns) {
  auto* out = open(link);
  if (!out) return;
  char* at = extend(*out, kPingBytes);
  store(at, type | kPingBody << 8);
  store(at + 4, time_ns);
}

std::vector<char>* PeerEnvelopes::open(PeerLink& link) {
  std::vector<char>* out = io_.outbox(link.stream);
  if (!out) return nullptr;
  if (link.envelope_at != PeerLink::kNoEnvelope) {
    if (out->size() - link.envelope_at <= kEnvelopeGoalBytes) return out;
    seal(link);
  }
  if (io_.unsent_bytes(link.stream) > kMaxOutboxBytes / 2 || rarely(Rare::kPeerOutboxFull)) {
    on_slow_(link);
    return nullptr;
  }
  link.envelope_at = out->size();
  extend(*out, kPeerHeaderBytes);
  open_.push_back(&link);
  return out;
}

void PeerEnvelopes::seal(PeerLink& link) {
  if (link.envelope_at == PeerLink::kNoEnvelope) return;
  if (auto* out = io_.outbox(link.stream)) seal_peer_frame(*out, link.envelope_at);
  link.envelope_at = PeerLink::kNoEnvelope;
}

void PeerEnvelopes::seal_all() {
  for (PeerLink* link : open_) seal(*link);
  open_.clear();
}

void PeerEnvelopes::put(PeerLink& link, const paxos::Message& message) {
  if (auto* out = open(link)) encode_message(message, *out);
}

void PeerEnvelopes::put_encoded(PeerLink& link, std::string_view messages) {
  while (!messages.empty()) {
    size_t size = 0;  // of the longest run of whole messages that an envelope has room for
    while (size < messages.size()) {
      ONCE_ASSERT(messages.size() - size >= 4);
      size_t one = 4 + (load<uint32_t>(messages.data() + size) >> 8);
      ONCE_ASSERT(one <= messages.size() - size && one + kPeerHeaderBytes <= kEnvelopeGoalBytes);
      if (size + one + kPeerHeaderBytes > kEnvelopeGoalBytes) break;
      size += one;
    }
    auto* out = open(link);
    if (!out) return;
    std::memcpy(extend(*out, size), messages.data(), size);
    messages.remove_prefix(size);
  }
}

}  // namespace once::net

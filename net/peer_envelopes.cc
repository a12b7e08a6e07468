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
constexpr uint32_t kOwnBody = 8;
constexpr size_t kOwnBytes = 4 + kOwnBody;

}  // namespace

bool take_own(std::string_view& messages, LinkMessage& message) {
  if (messages.size() < kOwnBytes) return false;
  const auto header = load<uint32_t>(messages.data());
  const auto type = static_cast<uint8_t>(header);
  if (header >> 8 != kOwnBody || type < LinkMessage::kPing || type > LinkMessage::kModestHere) {
    return false;
  }
  message.type = static_cast<LinkMessage::Type>(type);
  message.time_ns = load<int64_t>(messages.data() + 4);
  messages.remove_prefix(kOwnBytes);
  return true;
}

void PeerEnvelopes::put_own(PeerLink& link, LinkMessage::Type type, int64_t time_ns) {
  auto* out = open(link);
  if (!out) return;
  char* at = extend(*out, kOwnBytes);
  store(at, type | kOwnBody << 8);
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

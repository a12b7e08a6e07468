#include "net/peer_link.h"

#include "base/limits.h"

namespace once::net {

void PeerLink::on_bytes(reactor::StreamId from, std::string_view bytes) {
  if (phase == Phase::kDead) return;
  stream = from;
  heard_ns = owner_.now_ns();
  auto limits = [this] {
    return std::pair(kPeerHeaderBytes, phase == Phase::kUp ? kMaxEnvelopeBytes : kMaxGreetingBytes);
  };
  auto outcome = assembler_.feed(bytes, owner_.memory(), limits,
                                 [&](std::string_view frame, std::string_view rest) {
                                   return phase == Phase::kUp ? owner_.received(*this, frame)
                                                              : owner_.greeted(*this, frame, rest);
                                 });
  if (outcome == FrameAssembler::Outcome::kBadLength) {
    owner_.bad_length(*this, assembler_.bad_length());
  }
}

}  // namespace once::net

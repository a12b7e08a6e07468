// What nodes send each other once they have greeted. Input: u8 count of fragment sizes, the sizes,
// then content. The content is read twice: as a raw stream, and as the inside of an envelope whose
// length and checksum are right, since no fuzzer guesses those. What decodes must encode to the
// same bytes again.
#include <string>

#include "base/limits.h"
#include "net/peer_codec.h"
#include "net/peer_frame.h"
#include "tests/fuzz/fragments.h"

namespace once::fuzz {
namespace {

void try_messages(std::string_view messages) {
  while (!messages.empty()) {
    const std::string_view before = messages;
    const auto message = net::take_message(messages);
    if (!message) {
      ONCE_ASSERT(messages == before);
      return;
    }
    const auto again = encoded([&](auto& out) { net::encode_message(*message, out); });
    ONCE_ASSERT(view(again) == before.substr(0, before.size() - messages.size()));
  }
}

void try_envelope(std::string_view frame) {
  const auto content = net::open_peer_frame(frame);
  if (content && !net::is_greeting(*content)) try_messages(*content);
}

void try_sealed(std::string_view content) {
  std::vector<char> frame(net::kPeerHeaderBytes);
  frame.insert(frame.end(), content.begin(), content.end());
  net::seal_peer_frame(frame, 0);
  const Exact exact(view(frame));
  const auto opened = net::open_peer_frame(exact.view());
  ONCE_ASSERT(opened && *opened == content);
  try_envelope(exact.view());
}

}  // namespace
}  // namespace once::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace once;
  fuzz::Input input(data, size);
  const std::string_view sizes = input.bytes(input.byte() % 8);
  const std::string_view content = input.rest();
  const auto cut = fuzz::cut_both_ways(content, {net::kPeerHeaderBytes, kMaxEnvelopeBytes}, sizes);
  for (const std::string& frame : cut.frames) fuzz::try_envelope(fuzz::Exact(frame).view());
  if (content.size() + net::kPeerHeaderBytes <= kMaxEnvelopeBytes) fuzz::try_sealed(content);
  return 0;
}

// What a client and a node send each other. Input: u8 count of fragment sizes, the sizes, then the
// stream. What is a frame for the assembler is one for take_frame, and what decodes says the same
// bytes again when it is encoded: nothing in a frame is lost or taken for something else.
#include <string>

#include "base/limits.h"
#include "net/client_codec.h"
#include "tests/fuzz/fragments.h"

namespace once::fuzz {
namespace {

using net::Frame;
using net::FrameType;

void expect_same(const std::vector<char>& again, std::string_view frame) {
  ONCE_ASSERT(view(again) == frame);
}

void try_request(const Frame& frame, std::string_view bytes) {
  if (auto request = net::decode_request(frame.body)) {
    expect_same(encoded([&](auto& out) { net::encode_request(frame.correlation, *request, out); }),
                bytes);
  }
}

void try_reply(const Frame& frame, std::string_view bytes) {
  if (auto reply = net::decode_reply(frame.body)) {
    expect_same(encoded([&](auto& out) { net::encode_reply(frame.correlation, *reply, out); }),
                bytes);
  }
}

void try_status_reply(const Frame& frame, std::string_view bytes) {
  if (auto report = net::decode_status_reply(frame.body)) {
    expect_same(
        encoded([&](auto& out) { net::encode_status_reply(frame.correlation, *report, out); }),
        bytes);
  }
}

void try_list_request(const Frame& frame, std::string_view bytes) {
  if (auto request = net::decode_list_request(frame.body)) {
    expect_same(
        encoded([&](auto& out) { net::encode_list_request(frame.correlation, *request, out); }),
        bytes);
  }
}

void try_list_reply(const Frame& frame, std::string_view bytes) {
  if (auto reply = net::decode_list_reply(frame.body)) {
    expect_same(encoded([&](auto& out) { net::encode_list_reply(frame.correlation, *reply, out); }),
                bytes);
  }
}

void try_explain_request(const Frame& frame, std::string_view bytes) {
  if (auto request = net::decode_explain_request(frame.body)) {
    expect_same(
        encoded([&](auto& out) { net::encode_explain_request(frame.correlation, *request, out); }),
        bytes);
  }
}

void try_explain_reply(const Frame& frame, std::string_view bytes) {
  if (auto reply = net::decode_explain_reply(frame.body)) {
    expect_same(
        encoded([&](auto& out) { net::encode_explain_reply(frame.correlation, *reply, out); }),
        bytes);
  }
}

void try_frame(std::string_view bytes) {
  Frame frame;
  std::string_view left = bytes;
  const auto taken = net::take_frame(left, frame);
  if (!taken) return;
  ONCE_ASSERT(*taken && left.empty());
  switch (frame.type) {
    case FrameType::kRequest:
      return try_request(frame, bytes);
    case FrameType::kReply:
      return try_reply(frame, bytes);
    case FrameType::kStatusReply:
      return try_status_reply(frame, bytes);
    case FrameType::kListRequest:
      return try_list_request(frame, bytes);
    case FrameType::kListReply:
      return try_list_reply(frame, bytes);
    case FrameType::kExplainRequest:
      return try_explain_request(frame, bytes);
    case FrameType::kExplainReply:
      return try_explain_reply(frame, bytes);
    case FrameType::kStatusRequest:
      if (!frame.body.empty()) return;
      return expect_same(
          encoded([&](auto& out) { net::encode_status_request(frame.correlation, out); }), bytes);
    case FrameType::kError: {
      const auto again =
          encoded([&](auto& out) { net::encode_error(frame.correlation, frame.body, out); });
      ONCE_ASSERT(view(again).substr(net::kFrameHeaderBytes) ==
                  frame.body.substr(0, again.size() - net::kFrameHeaderBytes));
      return;
    }
    case FrameType::kClientHello:
    case FrameType::kServerHello:
      return;  // hello_fuzz has them
  }
}

// As a client library reads: frame after frame off one buffer, to the first error.
void read_on(std::string_view stream) {
  const Exact exact(stream);
  std::string_view left = exact.view();
  Frame frame;
  while (net::take_frame(left, frame).value_or(false)) {
    ONCE_ASSERT(frame.body.size() + net::kFrameHeaderBytes <= kMaxFrameBytes);
  }
}

}  // namespace
}  // namespace once::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace once;
  fuzz::Input input(data, size);
  const std::string_view sizes = input.bytes(input.byte() % 8);
  const std::string_view stream = input.rest();
  const auto cut = fuzz::cut_both_ways(stream, {net::kFrameHeaderBytes, kMaxFrameBytes}, sizes);
  for (const std::string& frame : cut.frames) fuzz::try_frame(fuzz::Exact(frame).view());
  fuzz::read_on(stream);
  return 0;
}

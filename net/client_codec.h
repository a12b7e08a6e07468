// Client frames: bytes <-> values. docs/protocol.md is the specification, with the bytes of each.
// Frame: u32 length of what follows, u8 type, u8[3] zero, u64 correlation, body; little-endian.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/client_listener.h"
#include "net/hello.h"
#include "paxos/messages.h"

namespace once::net {

enum class FrameType : uint8_t {
  kClientHello = 1,
  kServerHello = 2,
  kRequest = 3,
  kReply = 4,
  kStatusRequest = 5,
  kStatusReply = 6,
  kError = 7,  // body: text for people; the sender closes the connection after it
  kListRequest = 8,
  kListReply = 9,
  kExplainRequest = 10,
  kExplainReply = 11,
};
inline constexpr FrameType kLastFrameType = FrameType::kExplainReply;

inline constexpr size_t kFrameHeaderBytes = 16;
// Correlation of an error frame that says besides: what was asked on this connection and not
// answered was not taken, and does not happen.
inline constexpr uint64_t kNothingTaken = ~uint64_t{0};

struct Frame {
  FrameType type;
  uint64_t correlation = 0;
  std::string_view body;
};

// Takes one frame off the front of `bytes`. Returns false when more bytes are needed; an error when
// the peer breaks the format (then close). Checks the length before waiting for the body.
Result<bool> take_frame(std::string_view& bytes, Frame& frame);

void encode_client_hello(const ClientHello& hello, std::vector<char>& out);
void encode_server_hello(const ServerHello& hello, std::vector<char>& out);
void encode_request(uint64_t correlation, const paxos::ClientRequest& request,
                    std::vector<char>& out);
void encode_reply(uint64_t correlation, const paxos::ClientReply& reply, std::vector<char>& out);
void encode_status_request(uint64_t correlation, std::vector<char>& out);
void encode_status_reply(uint64_t correlation, const StatusReport& report, std::vector<char>& out);
void encode_list_request(uint64_t correlation, const ListRequest& request, std::vector<char>& out);
void encode_list_reply(uint64_t correlation, const ListReply& reply, std::vector<char>& out);
void encode_explain_request(uint64_t correlation, const ExplainRequest& request,
                            std::vector<char>& out);
void encode_explain_reply(uint64_t correlation, const ExplainReply& reply, std::vector<char>& out);
void encode_error(uint64_t correlation, std::string_view text, std::vector<char>& out);

// Views in results point into the body.
Result<ClientHello> decode_client_hello(std::string_view body);
Result<ServerHello> decode_server_hello(std::string_view body);
Result<paxos::ClientRequest> decode_request(std::string_view body);
Result<paxos::ClientReply> decode_reply(std::string_view body);
Result<StatusReport> decode_status_reply(std::string_view body);
Result<ListRequest> decode_list_request(std::string_view body);
Result<ListReply> decode_list_reply(std::string_view body);
Result<ExplainRequest> decode_explain_request(std::string_view body);
Result<ExplainReply> decode_explain_reply(std::string_view body);

}  // namespace once::net

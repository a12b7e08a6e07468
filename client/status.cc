#include "client/status.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/hex.h"
#include "base/printable.h"
#include "client/socket.h"
#include "net/client_channel.h"
#include "net/client_codec.h"

namespace once::client {
namespace {

constexpr uint64_t kCorrelation = 1;

std::string send_all(const FileDescriptor& socket, const std::vector<char>& bytes,
                     int64_t deadline_ns) {
  size_t done = 0;
  while (done < bytes.size()) {
    std::string why = wait_for(socket, POLLOUT, deadline_ns);
    if (!why.empty()) return why;
    const ssize_t sent =
        ::send(socket.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return std::strerror(errno);
    if (sent > 0) done += static_cast<size_t>(sent);
  }
  return {};
}

// True once the report is in; otherwise `why` is set when the node will never send it.
bool take(const net::Frame& frame, NodeStatus& status, std::string& why) {
  if (frame.type == net::FrameType::kError) {
    why = "the node says: " + printable(frame.body.substr(0, 300));
  } else if (frame.type == net::FrameType::kServerHello) {
    auto hello = net::decode_server_hello(frame.body);
    if (!hello) return why = hello.error().message, false;
    status.node = hello->node;
    status.cluster = hello->cluster;
    for (const net::MapMember& member : hello->members) {
      status.members.emplace_back(member.node, member.client_address);
    }
  } else if (frame.type == net::FrameType::kStatusReply && frame.correlation == kCorrelation) {
    auto report = net::decode_status_reply(frame.body);
    if (!report) return why = report.error().message, false;
    status.node = report->node;
    status.pid = report->pid;
    status.counters = std::move(report->counters);
    return true;
  }
  return false;
}

std::string receive_report(const FileDescriptor& socket, NodeStatus& status, int64_t deadline_ns) {
  std::vector<char> in;
  bool greeted = false;
  while (true) {
    std::string why = wait_for(socket, POLLIN, deadline_ns);
    if (!why.empty()) return why;
    char chunk[16384];
    const ssize_t got = recv(socket.get(), chunk, sizeof chunk, 0);
    if (got == 0) return "the node closed the connection";
    if (got < 0 && errno != EAGAIN && errno != EINTR) return std::strerror(errno);
    if (got > 0) in.insert(in.end(), chunk, chunk + got);
    std::string_view rest(in.data(), in.size());
    while (true) {
      net::Frame frame;
      auto taken = net::take_frame(rest, frame);
      if (!taken && !greeted) {
        status.wrong_port = true;
        return net::words_about_stranger(rest);
      }
      if (!taken) return taken.error().message;
      if (!*taken) break;
      greeted = true;
      if (take(frame, status, why)) return {};
      if (!why.empty()) return why;
    }
    in.erase(in.begin(), in.end() - static_cast<ptrdiff_t>(rest.size()));
  }
}

}  // namespace

NodeStatus ask_status(NameResolver& names, const std::string& address, int64_t timeout_ms,
                      const std::optional<ClusterId>& expected) {
  NodeStatus status;
  status.address = address;
  const int64_t deadline_ns = now_ns() + timeout_ms * 1'000'000;
  auto socket = connect_until(names, address, deadline_ns);
  if (!socket) {
    status.message = printable(socket.error().message);
    return status;
  }
  std::vector<char> out;
  net::encode_client_hello(net::ClientHello{}, out);
  net::encode_status_request(kCorrelation, out);
  status.message = send_all(*socket, out, deadline_ns);
  if (status.message.empty()) status.message = receive_report(*socket, status, deadline_ns);
  if (status.message.empty() && expected && status.cluster != *expected) {
    NodeStatus stranger;
    stranger.address = address;
    stranger.message = "it is a node of cluster " + hex_of(status.cluster) + ", not of " +
                       hex_of(*expected) + ", which is expected";
    return stranger;
  }
  status.reachable = status.message.empty();
  return status;
}

}  // namespace once::client

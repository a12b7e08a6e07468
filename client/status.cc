#include "client/status.h"

#include <utility>
#include <vector>

#include "base/printable.h"
#include "client/conversation.h"

namespace once::client {
namespace {

once::Result<void> ask(Conversation& node, NodeStatus& status, int64_t deadline_ns) {
  std::vector<char> question;
  net::encode_status_request(Conversation::kCorrelation, question);
  auto answer = node.ask(question, net::FrameType::kStatusReply, deadline_ns);
  if (!answer) return tl::unexpected(answer.error());
  auto report = net::decode_status_reply(*answer);
  if (!report) return tl::unexpected(report.error());
  status.node = report->node;
  status.pid = report->pid;
  status.counters = std::move(report->counters);
  return {};
}

}  // namespace

NodeStatus ask_status(NameResolver& names, const std::string& address, int64_t timeout_ms,
                      const std::optional<ClusterId>& expected) {
  NodeStatus status;
  status.address = address;
  const int64_t deadline_ns = now_ns() + timeout_ms * 1'000'000;
  auto wrong = Conversation::Wrong::kNothing;
  auto node = Conversation::open(names, address, expected, net::kAnyCore, deadline_ns, &wrong);
  status.wrong_port = wrong == Conversation::Wrong::kNoNode;
  if (!node) {
    status.message = printable(node.error().message);
    return status;
  }
  status.node = node->hello().node;
  status.cluster = node->hello().cluster;
  for (const net::MapMember& member : node->hello().members) {
    status.members.emplace_back(member.node, member.client_address);
  }
  auto told = ask(*node, status, deadline_ns);
  status.reachable = told.has_value();
  if (!told) status.message = printable(told.error().message);
  return status;
}

}  // namespace once::client

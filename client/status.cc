#include "client/status.h"

#include <utility>
#include <vector>

#include "base/printable.h"

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

std::optional<Conversation> greet(NameResolver& names, const std::string& address,
                                  const std::optional<ClusterId>& expected, uint16_t core,
                                  int64_t deadline_ns, NodeStatus& status) {
  auto wrong = Conversation::Wrong::kNothing;
  auto node = Conversation::open(names, address, expected, core, deadline_ns, &wrong);
  status.wrong_port = wrong == Conversation::Wrong::kNoNode;
  status.other_cluster = wrong == Conversation::Wrong::kOtherCluster;
  if (!node) {
    status.message = printable(node.error().message);
    return std::nullopt;
  }
  status.node = node->hello().node;
  status.cluster = node->hello().cluster;
  status.members.clear();
  for (const net::MapMember& member : node->hello().members) {
    status.members.emplace_back(member.node, member.client_address);
  }
  return std::move(*node);
}

NodeStatus ask_status(NameResolver& names, const std::string& address, int64_t timeout_ms,
                      const std::optional<ClusterId>& expected) {
  NodeStatus status;
  status.address = address;
  const int64_t deadline_ns = now_ns() + timeout_ms * 1'000'000;
  auto node = greet(names, address, expected, net::kAnyCore, deadline_ns, status);
  if (!node) return status;
  auto told = ask(*node, status, deadline_ns);
  status.reachable = told.has_value();
  if (!told) status.message = printable(told.error().message);
  return status;
}

}  // namespace once::client

#include "cli/explain.h"

#include <poll.h>

#include <map>
#include <mutex>
#include <string_view>
#include <utility>

#include "base/printable.h"
#include "cli/status_survey.h"
#include "client/socket.h"
#include "client/status.h"

namespace once::client {
namespace {

constexpr int kPauseMs = 5;  // before a node that had no turn for us is asked again

std::string words_of(paxos::Status status) {
  switch (status) {
    case paxos::Status::kOverloaded:
      return "it is overloaded";
    case paxos::Status::kUnavailable:
      return "it is stopping";
    case paxos::Status::kInvalid:
      return "it takes this for no name";
    default:
      return "it gives no answer that can be understood";
  }
}

// One that does not know the question closes the connection, and says so.
std::string words_of(const std::string& error) {
  if (error.find("unknown frame type") == std::string::npos) return printable(error);
  return "it runs an earlier version of once, which cannot explain names";
}

once::Result<net::ExplainReply> ask(Conversation& node, const std::string& name,
                                    int64_t deadline_ns) {
  std::vector<char> question;
  net::encode_explain_request(Conversation::kCorrelation, {name}, question);
  std::optional<net::ExplainReply> overloaded;
  while (true) {
    auto answer = node.ask(question, net::FrameType::kExplainReply, deadline_ns);
    if (!answer && overloaded && now_ns() >= deadline_ns) return *overloaded;
    if (!answer) return tl::unexpected(answer.error());
    auto reply = net::decode_explain_reply(*answer);
    if (!reply || reply->status != paxos::Status::kOverloaded || now_ns() >= deadline_ns) {
      return reply;
    }
    overloaded = *reply;
    (void)::poll(nullptr, 0, kPauseMs);
  }
}

}  // namespace

// A name belongs to one core of the node: whichever is reached first says which.
NodeExplanation ask_explanation(NameResolver& names, const std::string& address,
                                const std::optional<ClusterId>& expected, const std::string& name,
                                int64_t timeout_ms) {
  NodeExplanation out;
  out.node.address = address;
  const int64_t deadline_ns = now_ns() + timeout_ms * 1'000'000;
  uint16_t core = net::kAnyCore;
  for (int tries = 0; tries < 2; ++tries) {
    auto node = greet(names, address, expected, core, deadline_ns, out.node);
    if (!node) return out;
    auto reply = ask(*node, name, deadline_ns);
    if (!reply) {
      out.node.message = words_of(reply.error().message);
      return out;
    }
    if (reply->status == paxos::Status::kConflict) {
      core = reply->core.value;
      continue;
    }
    out.node.reachable = reply->status == paxos::Status::kDone;
    if (!out.node.reachable) out.node.message = words_of(reply->status);
    out.core = reply->core.value;
    out.told = reply->explanation;
    return out;
  }
  out.node.message = "none of its cores takes the name for its own";
  return out;
}

NameExplanation explain_name(NameResolver& names, const std::vector<std::string>& endpoints,
                             const std::optional<ClusterId>& expected, const std::string& name,
                             int64_t timeout_ms) {
  std::mutex mutex;
  std::map<std::string, NodeExplanation> told;  // by address
  const AskNode ask_node = [&](const std::string& address, int64_t left_ms) {
    NodeExplanation one = ask_explanation(names, address, expected, name, left_ms);
    const std::lock_guard lock(mutex);
    return told.insert_or_assign(address, std::move(one)).first->second.node;
  };
  Survey all = survey(ask_node, endpoints, timeout_ms);
  NameExplanation out;
  out.members = all.members;
  for (NodeStatus& node : all.nodes) {
    NodeExplanation& one = out.nodes.emplace_back(std::move(told[node.address]));
    one.node = std::move(node);
  }
  return out;
}

}  // namespace once::client

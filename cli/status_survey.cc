#include "cli/status_survey.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>

#include "base/hex.h"
#include "base/limits.h"
#include "client/socket.h"

namespace once::client {
namespace {

constexpr size_t kMaxAsked = kMaxEndpoints + kMaxNodes;
constexpr uint16_t kNoNumber = 0;

// Asks each address once, on a thread of its own; what one answer names is asked at once.
class Round {
 public:
  Round(const AskNode& ask, int64_t timeout_ms)
      : ask_node_(ask), deadline_ns_(now_ns() + timeout_ms * 1'000'000) {}

  std::vector<NodeStatus> ask(const std::vector<std::string>& endpoints) {
    std::unique_lock lock(mutex_);
    for (const std::string& endpoint : endpoints) add(endpoint);
    std::vector<std::thread> threads;
    for (size_t next = 0; next < answers_.size() || under_way_ > 0;) {
      if (next == answers_.size()) {
        changed_.wait(lock);
        continue;
      }
      ++under_way_;
      const size_t index = next++;
      lock.unlock();
      start(threads, index);
      lock.lock();
    }
    lock.unlock();
    for (std::thread& thread : threads) thread.join();
    return {answers_.begin(), answers_.end()};
  }

 private:
  void add(const std::string& address) {
    if (answers_.size() >= kMaxAsked || !asked_.insert(address).second) return;
    answers_.emplace_back().address = address;
  }

  void start(std::vector<std::thread>& threads, size_t index) {
    try {
      threads.emplace_back([this, index] { ask_one(index); });
    } catch (const std::system_error&) {  // no thread is to be had: then one after the other
      ask_one(index);
    }
  }

  void ask_one(size_t index) {
    std::unique_lock lock(mutex_);
    const std::string address = answers_[index].address;
    lock.unlock();
    const int64_t left_ms = (deadline_ns_ - now_ns()) / 1'000'000;
    NodeStatus status = ask_node_(address, std::max<int64_t>(1, left_ms));
    lock.lock();
    for (const auto& [node, member] : status.members) {
      if (!member.empty() && numbers_.count(node.value) == 0) add(member);
    }
    if (status.reachable) numbers_.insert(status.node.value);
    answers_[index] = std::move(status);
    --under_way_;
    changed_.notify_all();
  }

  const AskNode& ask_node_;
  const int64_t deadline_ns_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<NodeStatus> answers_;  // in the order of the asking
  std::set<std::string> asked_;
  std::set<uint16_t> numbers_;  // of those that answered
  size_t under_way_ = 0;
};

// A node of another cluster says nothing about the one that is meant.
NodeStatus stranger(const NodeStatus& status, const NodeStatus& first) {
  NodeStatus out;
  out.address = status.address;
  out.other_cluster = true;
  out.message = "it is a node of cluster " + hex_of(status.cluster) + ", and " + first.address +
                ", which answered first, of " + hex_of(first.cluster);
  return out;
}

}  // namespace

Survey settle(std::vector<NodeStatus> answers, size_t endpoint_count) {
  const auto first = std::find_if(answers.begin(), answers.end(),
                                  [](const NodeStatus& node) { return node.reachable; });
  Survey out;
  if (first == answers.end()) {
    out.members = answers.size();
    out.nodes = std::move(answers);
    return out;
  }
  const NodeStatus model = *first;
  std::map<std::string, NodeId> listed;
  std::set<uint16_t> members;
  for (const NodeStatus& status : answers) {
    if (!status.reachable || status.cluster != model.cluster) continue;
    for (const auto& [node, address] : status.members) {
      members.insert(node.value);
      if (!address.empty()) listed.emplace(address, node);
    }
  }
  std::set<uint16_t> answered;
  for (size_t i = 0; i < answers.size(); ++i) {
    NodeStatus& status = answers[i];
    const bool given = i < endpoint_count;
    if (status.reachable && status.cluster != model.cluster) {
      if (given) out.nodes.push_back(stranger(status, model));
    } else if (status.reachable) {
      // One node may be reached by two addresses; it is one line all the same.
      if (answered.insert(status.node.value).second) out.nodes.push_back(std::move(status));
    } else if (given || listed.count(status.address) != 0) {
      if (const auto at = listed.find(status.address); at != listed.end()) status.node = at->second;
      out.nodes.push_back(std::move(status));
    }
  }
  // The address that a node tells others may be out of reach from here while it answers at another.
  std::erase_if(out.nodes, [&](const NodeStatus& status) {
    return !status.reachable && answered.count(status.node.value) != 0;
  });
  std::stable_sort(out.nodes.begin(), out.nodes.end(), [](const auto& a, const auto& b) {
    const auto rank = [](NodeId node) { return node.value == kNoNumber ? 0xffff : node.value; };
    return rank(a.node) < rank(b.node);
  });
  out.members = members.empty() ? out.nodes.size() : members.size();
  return out;
}

Survey survey(const AskNode& ask, const std::vector<std::string>& endpoints, int64_t timeout_ms) {
  const std::set<std::string> different(endpoints.begin(), endpoints.end());
  return settle(Round(ask, timeout_ms).ask(endpoints), different.size());
}

Survey survey(const Client& client, const std::vector<std::string>& endpoints, int64_t timeout_ms) {
  const AskNode ask = [&](const std::string& address, int64_t left_ms) {
    return client.status(address, left_ms);
  };
  return survey(ask, endpoints, timeout_ms);
}

}  // namespace once::client

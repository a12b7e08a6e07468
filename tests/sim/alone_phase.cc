#include "tests/sim/alone_phase.h"

#include <algorithm>

#include "client/transport.h"
#include "net/client_codec.h"

namespace once::sim {
namespace {

// Two comparisons that were in vain make the third wait so long; a slow world is slower.
constexpr int64_t kBoundNs = 240 * kSecond;
constexpr int64_t kLookNs = 500 * kMs;
constexpr int64_t kAnswerNs = 30 * kSecond;
constexpr size_t kMostAsked = 200;

}  // namespace

void AlonePhase::begin(const std::vector<size_t>& healthy) {
  healthy_ = healthy;
  names_ = oracle_.sealed_names();
  begun_ns_ = look_at_ns_ = world_.now();
  world_.tell("from now on nothing is written: {} nodes catch up, with {} sealed names",
              healthy_.size(), names_.size());
}

std::optional<std::string> AlonePhase::missing() const {
  for (const size_t node : healthy_) {
    for (const std::string& name : names_) {
      if (!nodes_[node]->knows_final(name)) return fmt::format("node {}: {}", node + 1, name);
    }
    if (!nodes_[node]->in_sync()) return fmt::format("node {} is not in sync", node + 1);
  }
  return std::nullopt;
}

bool AlonePhase::is_over() {
  if (cut_) {
    if (answered_ == calls_.size() && channel_.ready()) return true;
    if (world_.now() < look_at_ns_ + kAnswerNs) return false;
    world_.violation(fmt::format("node {} is alone, and does not answer the read of {} for {} s",
                                 alone_ + 1, calls_.empty() ? "" : calls_.back().name,
                                 kAnswerNs / kSecond));
    return true;
  }
  if (world_.now() < look_at_ns_) return false;
  look_at_ns_ += kLookNs;
  const auto lacks = missing();
  if (lacks && world_.now() - begun_ns_ > kBoundNs) {
    world_.violation(fmt::format("no node was away for {} s, and yet not all have caught up: {}",
                                 kBoundNs / kSecond, *lacks));
    return true;
  }
  if (!lacks) {
    took_ns_ = world_.now() - begun_ns_;
    if (names_.empty() || nodes_.size() == 1) return true;
    cut_off();
  }
  return false;
}

void AlonePhase::cut_off() {
  cut_ = true;
  look_at_ns_ = world_.now();
  alone_ = healthy_[world_.below(healthy_.size())];
  world_.tell("all have caught up; node {} is cut off from all others", alone_ + 1);
  for (HostId other = 0; other < nodes_.size(); ++other) {
    if (other == alone_) continue;
    network_.block(other, static_cast<HostId>(alone_));
    network_.block(static_cast<HostId>(alone_), other);
  }
  for (size_t i = names_.size(); i > 1; --i) std::swap(names_[i - 1], names_[world_.below(i)]);
  names_.resize(std::min(names_.size(), kMostAsked));
  end_ = Network::end_of(network_.connect(host_, client_address(alone_), this, 1), 0);
}

void AlonePhase::plug_connected(uint64_t) {
  net::ClientHello hello;
  hello.core = client::kAnyCore;
  scratch_.clear();
  channel_.open(hello, scratch_);
  network_.send(end_, {scratch_.data(), scratch_.size()});
}

void AlonePhase::plug_bytes(uint64_t, std::string bytes) {
  const std::string why = channel_.feed(bytes, *this);
  if (!why.empty()) world_.violation("a node breaks the protocol of clients: " + why);
}

void AlonePhase::plug_closed(uint64_t, const char* why) {
  if (answered_ < names_.size()) {
    world_.violation(fmt::format("the reader of node {} is cut off: {}", alone_ + 1, why));
  }
}

void AlonePhase::on_hello(const net::ServerHello&) { ask(); }

// One at a time: small pools are full soon, and this is not about them.
void AlonePhase::ask() {
  if (calls_.size() == names_.size()) return;
  check::Call call;
  call.name = names_[calls_.size()];
  call.action = check::Action::kRead;
  calls_.push_back(call);
  paxos::ClientRequest request;
  request.operation = paxos::Operation::kRead;
  request.timeout_ms = 5'000;
  request.name = calls_.back().name;
  scratch_.clear();
  net::encode_request(calls_.size(), request, scratch_);
  network_.send(end_, {scratch_.data(), scratch_.size()});
}

// That the state is the one that was chosen is judged by the wiretap.
void AlonePhase::on_reply(uint64_t correlation, const paxos::ClientReply& reply) {
  ++answered_;
  look_at_ns_ = world_.now();
  world_.mix(correlation, static_cast<uint64_t>(reply.status));
  const std::string& name = calls_.at(correlation - 1).name;
  if (reply.status != paxos::Status::kDone || !reply.state.sealed) {
    world_.violation(fmt::format("node {} is alone, and answers the read of {} with status {}",
                                 alone_ + 1, name, static_cast<int>(reply.status)));
  }
  ask();
}

const check::Call* AlonePhase::call_of(uint64_t correlation) const {
  return correlation == 0 || correlation > calls_.size() ? nullptr : &calls_[correlation - 1];
}

}  // namespace once::sim

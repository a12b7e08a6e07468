// One core of a node and its links, over pipes in memory. The handler does what its test says.
#pragma once

#include <gtest/gtest.h>

#include <set>

#include "base/limits.h"
#include "net/client_codec.h"
#include "net/peer_codec.h"
#include "net/peer_frame.h"
#include "net/peer_links.h"
#include "tests/unit/net/fake_net_io.h"

namespace once::net::test {

using once::test::FakeIo;
using once::test::FakeNetwork;

inline std::string address_of(uint16_t node) { return "peer:" + std::to_string(node); }

// One core of one node.
struct Core final : PeerLinksHandler {
  Core(FakeNetwork& network, uint16_t node, uint16_t core = 0, uint16_t cores = 1) : io(network) {
    options.self.cluster = ClusterId{{1, 2}};
    options.self.disk = DiskId{{3, node}};
    options.self.node = NodeId{node};
    options.self.core = CoreId{core};
    options.self.cores = cores;
    options.self.incarnation = Incarnation{1};
    options.self.members = {1, 2, 3};
    options.shard_count = kShardCount;
    options.self.client_address = "client:" + std::to_string(node);
    for (uint16_t other : {1, 2, 3}) {
      if (other != node) options.peers.emplace_back(NodeId{other}, address_of(other));
    }
  }
  void begin() {
    links = make_peer_links(io, options, this);
    if (options.self.core.value == 0) {
      ASSERT_TRUE(io.listen(address_of(options.self.node.value), links->listen_handler()));
    }
    io.on_batch_end = [this] { end_round(); };
    links->start();
  }
  void end_round() {
    for (const auto& [from, message] : views) {
      std::vector<char> out;
      encode_message(message, out);
      messages.emplace_back(from, std::string(out.begin(), out.end()));
    }
    views.clear();
    links->flush();
  }

  void on_link_up(Endpoint peer, const PeerHello& hello) override {
    ups.push_back(peer);
    EXPECT_EQ(hello.node, peer.node);
  }
  void on_link_down(Endpoint peer, std::string_view why) override {
    downs.emplace_back(peer, std::string(why));
  }
  void on_message(Endpoint from, const paxos::Message& message) override {
    views.emplace_back(from, message);  // looked at when the round ends, which must still be fine
  }
  bool may_vote() override { return votes; }
  DiskTable known_disks() override { return known; }
  void on_contact(const PeerHello& hello) override { contacts.push_back(hello); }
  Meeting meet(const PeerHello& hello) override {
    meetings.push_back(hello);
    Meeting meeting;
    meeting.later = writes_slowly;
    if (writes_slowly) return meeting;
    if (hello.disk.low == refused_disk) meeting.refusal = "this is not the disk that was known";
    if (hello.disk.low == strange_disk) meeting.stranger = "this is another disk";
    meeting.other_disk = known_by_another && !meeting.stranger.empty();
    meeting.learned = !known.nodes.has(hello.node);
    known.set(hello.node, hello.disk);
    return meeting;
  }
  std::optional<SeatRefusal> take_seat(const PeerHello& hello) override {
    if (hello.cores == no_such_cores) {
      return SeatRefusal{PeerRefusal::kOtherTerms, "it says other cores"};
    }
    ++seats;
    return std::nullopt;
  }
  void leave_seat(NodeId) override { --seats; }
  void on_other_disk(NodeId node) override { told_of_another_disk.push_back(node); }
  void on_modest_elsewhere() override { ++told_of_modest; }
  uint64_t refused(PeerRefusal kind) const { return links->refusals()[static_cast<size_t>(kind)]; }
  void hand_over(CoreId core, std::unique_ptr<reactor::Handoff> handoff) override {
    siblings.at(core.value)->links->accept(std::move(handoff));
  }
  void log_line(std::string_view line) override { log += std::string(line) + "\n"; }

  FakeIo io;
  PeerLinksOptions options;
  std::unique_ptr<PeerLinks> links;
  std::vector<Core*> siblings;
  std::vector<Endpoint> ups;
  std::vector<std::pair<Endpoint, std::string>> downs;
  std::vector<std::pair<Endpoint, paxos::Message>> views;
  std::vector<std::pair<Endpoint, std::string>> messages;
  bool votes = true;
  DiskTable known;
  std::vector<PeerHello> contacts;
  std::vector<PeerHello> meetings;
  bool writes_slowly = false;  // whom it met
  uint64_t refused_disk = 0;
  uint64_t strange_disk = 0;
  bool known_by_another = false;
  uint16_t no_such_cores = 0;
  int seats = 0;
  std::vector<NodeId> told_of_another_disk;
  int told_of_modest = 0;
  std::string log;
};

struct PeerLinksTest : testing::Test {
  FakeNetwork network;
  std::vector<std::unique_ptr<Core>> cores;

  Core& add(uint16_t node, uint16_t core = 0, uint16_t count = 1) {
    cores.push_back(std::make_unique<Core>(network, node, core, count));
    return *cores.back();
  }
  void rounds(int count, int64_t step_ns = 1'000'000) {
    for (int i = 0; i < count; ++i) {
      network.now_ns += step_ns;
      for (auto& core : cores) {
        if (!core->links || core->io.frozen) continue;
        core->links->on_tick(network.now_ns);
        core->io.round();
      }
    }
  }
  static bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  }
};

const Endpoint kOne{NodeId{1}, CoreId{0}};
const Endpoint kTwo{NodeId{2}, CoreId{0}};
const paxos::Ballot kBallot{Round{0}, NodeId{1}, Incarnation{1}};

}  // namespace once::net::test

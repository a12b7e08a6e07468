// The first frame between nodes: what is encoded comes back, what contradicts itself or speaks
// another version is refused, and the order of the members counts.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "net/member_slots.h"
#include "net/peer_frame.h"

namespace once::net {
namespace peer_hello_test {

template <class Encode>
std::string made(Encode encode) {
  std::vector<char> out;
  encode(out);
  return {out.begin(), out.end()};
}

PeerHello some_hello() {
  PeerHello hello;
  hello.cluster = ClusterId{{1, 2}};
  hello.disk = DiskId{{3, 4}};
  hello.epoch = 5;
  hello.node = NodeId{1};
  hello.core = CoreId{2};
  hello.cores = 4;
  hello.target_core = CoreId{3};
  hello.target_node = NodeId{2};
  hello.votes = hello.link = true;
  hello.hash_seed = 6;
  hello.shard_count = 64;
  hello.members = {15, 1, 3, 2};  // by slot
  hello.incarnation = Incarnation{9};
  hello.client_address = "127.0.0.1:7401";
  hello.known.set(NodeId{2}, DiskId{{7, 8}});
  hello.known.set(NodeId{15}, DiskId{{9, 10}});
  return hello;
}

TEST(PeerFrame, HelloAndRefusalComeBack) {
  std::string bytes = made([](auto& out) { encode_peer_hello(some_hello(), out); });
  auto back = decode_greeting(bytes);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(made([&](auto& out) { encode_peer_hello(back->hello, out); }), bytes);
  EXPECT_EQ(back->hello.client_address, "127.0.0.1:7401");
  for (size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_FALSE(decode_greeting(bytes.substr(0, i)));
    std::string flipped = bytes;
    flipped[i] ^= 0x40;
    if (i >= 4) {
      EXPECT_FALSE(decode_greeting(flipped)) << i;
    }
  }
  EXPECT_TRUE(back->hello.votes && back->hello.link);
  EXPECT_EQ(back->hello.members.text(), "15, 1, 3, 2");
  EXPECT_TRUE(back->hello.known.names(NodeId{2}, DiskId{{7, 8}}));
  EXPECT_TRUE(back->hello.known.names(NodeId{15}, DiskId{{9, 10}}));
  EXPECT_TRUE(back->hello.known.names_another(NodeId{15}, DiskId{{9, 11}}));
  EXPECT_FALSE(back->hello.known.nodes.has(NodeId{3}));
  std::string refusal = made([](auto& out) { encode_peer_refusal("no", out); });
  ASSERT_TRUE(decode_greeting(refusal));
  EXPECT_EQ(decode_greeting(refusal)->refusal, "no");
}

// The largest hello fits into what a stranger may send, and what contradicts itself is refused.
TEST(PeerFrame, HellosKeepTheirBounds) {
  PeerHello full = some_hello();
  full.members = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  full.client_address = std::string(512, 'a');
  for (uint16_t node = 2; node <= kMaxNodes; ++node) {
    full.known.set(NodeId{node}, DiskId{{1, node}});
  }
  const std::string bytes = made([&](auto& out) { encode_peer_hello(full, out); });
  EXPECT_LE(bytes.size(), kMaxGreetingBytes);
  ASSERT_TRUE(decode_greeting(bytes));
  EXPECT_EQ(decode_greeting(bytes)->hello.known.nodes.bits(), 0xfffc);
  const std::pair<const char*, std::function<void(PeerHello&)>> spoilers[] = {
      {"node 0 is a member",
       [](PeerHello& hello) {
         hello.members = MemberSlots{1, 0, 2};
       }},
      {"node 16 is a member",
       [](PeerHello& hello) {
         hello.members = MemberSlots{1, 16};
       }},
      {"one sits in two slots",
       [](PeerHello& hello) {
         hello.members = MemberSlots{1, 2, 1};
       }},
      {"it is no member itself",
       [](PeerHello& hello) {
         hello.members = MemberSlots{2, 3};
       }},
      {"no members", [](PeerHello& hello) { hello.members = {}; }},
      {"a disk of node 0", [](PeerHello& hello) { hello.known.set(NodeId{0}, DiskId{}); }},
      {"a disk of itself", [](PeerHello& hello) { hello.known.set(hello.node, hello.disk); }},
      {"a link without a vote", [](PeerHello& hello) { hello.votes = false; }},
  };
  for (const auto& [what, spoil] : spoilers) {
    PeerHello bad = some_hello();
    spoil(bad);
    EXPECT_FALSE(decode_greeting(made([&](auto& out) { encode_peer_hello(bad, out); }))) << what;
  }
  // A table that claims more disks than follow, or fewer.
  for (const uint16_t bits : {uint16_t{0xfffc}, uint16_t{0b100}, uint16_t{0}}) {
    std::string lied = made([](auto& out) { encode_peer_hello(some_hello(), out); });
    lied[lied.size() - 34] = static_cast<char>(bits & 0xff);
    lied[lied.size() - 33] = static_cast<char>(bits >> 8);
    std::vector<char> frame(lied.begin(), lied.end());
    seal_peer_frame(frame, 0);
    EXPECT_FALSE(decode_greeting({frame.data(), frame.size()})) << bits;
  }
  // More slots than follow, fewer, none, and more than there can be.
  for (const uint16_t count : {5, 3, 0, 16, 0xffff}) {
    std::string lied = made([](auto& out) { encode_peer_hello(some_hello(), out); });
    store(&lied[lied.size() - 44], count);
    std::vector<char> frame(lied.begin(), lied.end());
    seal_peer_frame(frame, 0);
    EXPECT_FALSE(decode_greeting({frame.data(), frame.size()})) << count;
  }
}

// Whoever speaks another version is told both, and what to do; a refusal is read from any version.
TEST(PeerFrame, AnotherVersionIsRefusedByName) {
  for (const uint16_t version : {0, 3, 5, 999}) {
    PeerHello other = some_hello();
    other.version = version;
    const auto greeting = decode_greeting(made([&](auto& out) { encode_peer_hello(other, out); }));
    ASSERT_FALSE(greeting) << version;
    EXPECT_EQ(greeting.error().message,
              "peer protocol version " + std::to_string(version) +
                  " is not spoken, only version 4: run one release of onced on all nodes");
  }
  std::vector<char> refusal;
  encode_peer_refusal("no", refusal);
  store(refusal.data() + kPeerHeaderBytes + 10, uint16_t{2});
  seal_peer_frame(refusal, 0);
  const auto told = decode_greeting({refusal.data(), refusal.size()});
  ASSERT_TRUE(told);
  EXPECT_EQ(told->refusal, "no");
}

// --- slots --------------------------------------------------------------------------------------

TEST(MemberSlots, AreTheSameOnlyInTheSameOrder) {
  const MemberSlots slots{4, 2, 3};
  EXPECT_EQ(slots, (MemberSlots{4, 2, 3}));
  EXPECT_NE(slots, (MemberSlots{2, 3, 4}));
  EXPECT_NE(slots, (MemberSlots{4, 2}));
  EXPECT_TRUE(slots.same_nodes({2, 3, 4}));
  EXPECT_FALSE(slots.same_nodes({4, 2}));
  EXPECT_FALSE((MemberSlots{4, 2}).same_nodes(slots));
  EXPECT_FALSE(slots.same_nodes({4, 2, 1}));
  EXPECT_EQ(slots[0], NodeId{4});
  EXPECT_EQ(slots.text(), "4, 2, 3");
  EXPECT_TRUE(slots.has(NodeId{3}));
  EXPECT_FALSE(slots.has(NodeId{0})) << "places behind the last slot hold nobody";
}

// Two lists that differ: in who is in them, or in their order, which is said slot by slot.
TEST(MemberSlots, WhichSlotDiffersIsSaid) {
  PeerHello self = some_hello(), caller = some_hello();
  self.node = NodeId{2};
  self.disk = DiskId{{5, 6}};
  EXPECT_EQ(reason_to_refuse(caller, self, NodeId{1}), "");
  caller.members = {15, 2, 3, 1};
  EXPECT_EQ(reason_to_refuse(caller, self, NodeId{1}),
            "node 1 was formatted with node 2 in slot 1, node 2 with node 1 there (members 15, 2, "
            "3, 1 and 15, 1, 3, 2): --cluster must name the nodes in the same order everywhere; "
            "format the one that is wrong again");
  caller.members = {15, 1, 2, 3};
  EXPECT_NE(reason_to_refuse(caller, self, NodeId{1}).find("node 2 in slot 2"), std::string::npos);
  caller.members = {1, 2, 3, 14};
  EXPECT_NE(reason_to_refuse(caller, self, NodeId{1}).find("with the members 1, 2, 3, 14, node 2"),
            std::string::npos);
}

// Both would dial at once, and each refuse the other's link as a second one.
TEST(PeerFrame, OfTwoNodesTheLowerNumberDialsForALink) {
  PeerHello self = some_hello(), caller = some_hello();
  caller.node = NodeId{2};
  caller.disk = DiskId{{5, 6}};
  caller.target_node = NodeId{1};
  EXPECT_EQ(reason_to_refuse(caller, self, NodeId{}), "node 2 must wait for node 1 to dial");
  EXPECT_EQ(reason_to_refuse(caller, self, NodeId{2}), "") << "it was called, and answers";
  caller.link = false;
  EXPECT_EQ(reason_to_refuse(caller, self, NodeId{}), "") << "it only wants to meet";
}

}  // namespace peer_hello_test
}  // namespace once::net

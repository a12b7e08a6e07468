// The first frame each side sends on a connection: who it is, and what must agree before more is
// said.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/types.h"
#include "net/disk_table.h"
#include "net/member_slots.h"

namespace once::net {

inline constexpr uint16_t kProtocolVersion = 2;      // of clients
inline constexpr uint16_t kPeerProtocolVersion = 4;  // of nodes among themselves

struct PeerHello {
  uint16_t version = kPeerProtocolVersion;
  bool votes = false;  // the sender may vote
  bool link = false;   // messages may follow; else the two only meet, and the connection ends
  ClusterId cluster;
  DiskId disk;
  uint64_t epoch = 1;      // of the configuration
  uint64_t hash_seed = 0;  // this, the shard count and the slots must be the same on every member
  uint16_t shard_count = 0;
  MemberSlots members;
  NodeId node;
  CoreId core;         // the sender's
  uint16_t cores = 1;  // how many the sender runs
  CoreId target_core;  // the receiver's core that is wanted (modulo its cores)
  NodeId target_node;
  Incarnation incarnation;
  std::string client_address;
  DiskTable known;  // of the other members; each entry is durable at the sender
};

inline constexpr uint16_t kAnyCore = 0xffff;

struct ClientHello {
  uint16_t version = kProtocolVersion;
  ClusterId cluster;  // zero: any
  uint16_t core = kAnyCore;
};

struct MapMember {
  NodeId node;
  uint16_t cores = 1;
  std::string client_address;  // empty: not known to the answering node yet
};

struct ServerHello {
  uint16_t version = kProtocolVersion;
  ClusterId cluster;
  uint64_t epoch = 1;
  uint64_t hash_seed = 0;
  uint16_t shard_count = 0;
  NodeId node;
  CoreId core;
  std::vector<MapMember> members;  // by slot: home_slot_of() indexes it
};

}  // namespace once::net

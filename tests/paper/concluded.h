// What an acceptor would say of everything, after a start from these records.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/bytes.h"
#include "paxos/record.h"
#include "paxos/replica.h"

namespace once::paxos::test {

struct Concluded {
  struct OfName {
    Ballot promised, accepted;
    uint64_t version = 0;
    RequestId writer;
    bool decided = false;
    auto held() const { return std::tuple(promised, accepted, version, writer.high, writer.low); }
  };
  std::map<std::string, OfName> names;
  std::set<std::string> unsettled;
  std::vector<Incarnation> heard_of;  // incarnations, by member
  Incarnation incarnation;
};

// `elsewhere`: records that are read first. The node is the second of three.
inline Concluded conclude(const std::vector<std::string>& records,
                          const std::vector<std::string>& elsewhere,
                          const ReplicaOptions& options) {
  Concluded found;
  const auto replica = Replica::make(options);
  std::set<std::string> names;
  std::vector<std::string> read = elsewhere;
  read.insert(read.end(), records.begin(), records.end());
  for (const std::string& bytes : read) {
    EXPECT_TRUE(replica->recover(bytes));
    const Record record = *decode_record(bytes);
    if (const auto* promise = std::get_if<PromiseRecord>(&record)) names.emplace(promise->name);
    if (const auto* accept = std::get_if<AcceptRecord>(&record)) names.emplace(accept->name);
    if (const auto* kept = std::get_if<KeptRecord>(&record)) names.emplace(kept->name);
  }
  for (const std::string& name : names) {
    const Explanation told = replica->explain(name);
    found.names[name] = {told.promised, told.accepted, told.version, told.writer, told.decided};
  }
  found.incarnation = replica->recovered_incarnation();
  for (size_t i = 0; i < 3; ++i) {
    found.heard_of.push_back(replica->recovered_incarnation_of(options.members[i]));
  }
  Output out;
  replica->start(found.incarnation.next(), 1, out);
  for (size_t home : {0, 2}) {
    out.clear();
    const Endpoint peer{options.members[home], CoreId{0}};
    const Event claim[] = {{peer, LinkUp{1}}, {peer, ClaimHome{Incarnation{1'000'000}, 0, 0}}};
    replica->step(claim, 2, 2, out);
    bool answered = false;
    for (const Outgoing& m : out.messages) {
      const auto* reply = std::get_if<ClaimReply>(&m.message);
      if (reply == nullptr) continue;
      EXPECT_TRUE(reply->last);
      answered = true;
      for (ByteReader in(reply->names); in.remaining() > 0;) {
        found.unsettled.emplace(in.get_bytes(in.get<uint16_t>()));
      }
    }
    EXPECT_TRUE(answered);
  }
  return found;
}

// What may differ: marks of decisions, which others tell again; and more may be listed. `settled`:
// its home has said since that it holds it.
inline void expect_covers(const Concluded& left, const Concluded& all,
                          const std::set<std::string>& settled = {}) {
  EXPECT_EQ(left.incarnation, all.incarnation);
  EXPECT_EQ(left.heard_of, all.heard_of);
  for (const auto& [name, was] : all.names) {
    const auto is = left.names.find(name);
    ASSERT_NE(is, left.names.end()) << name << " is forgotten";
    EXPECT_EQ(is->second.held(), was.held()) << name;
  }
  for (const std::string& name : all.unsettled) {
    EXPECT_TRUE(left.unsettled.contains(name) || settled.contains(name))
        << name << " is on its home's list no more";
  }
}

}  // namespace once::paxos::test

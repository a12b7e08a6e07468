// A core that catches up, alone: the test plays the tellers, word by word.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "paxos/catch_up.h"

namespace once::paxos {

inline constexpr int64_t kTick = 5'000'000;
inline constexpr Endpoint kTwo{NodeId{2}, CoreId{0}}, kThree{NodeId{3}, CoreId{0}};
inline const Ballot kBallot{Round{2}, NodeId{2}, Incarnation{1}};

struct ACatchUp : ::testing::Test {
  explicit ACatchUp(uint16_t nodes = 3) : cluster(options(nodes)) {
    step.begin(now, out);
    step.start(Incarnation{1});
    step.set_durable(step.append(IncarnationRecord{Incarnation{1}}));
    catch_up.start();
    meet(kTwo);
  }
  static ReplicaOptions options(uint16_t nodes) {
    ReplicaOptions options;
    options.self = {NodeId{1}, CoreId{0}};
    for (uint16_t node = 1; node <= nodes; ++node) options.members.push_back(NodeId{node});
    options.shard_count = 64;
    return options;
  }
  void meet(const Endpoint& peer) {
    EXPECT_TRUE(cluster.set_up(peer, 1, now));
    catch_up.on_link_up(peer, 1);
  }
  void tick(Pace pace = Pace::kFull) {
    step.end(0);
    now += kTick;
    acceptor.arena().collect();
    step.begin(now, out);
    catch_up.on_tick(pace);
  }
  // The questions of one kind since they were last taken.
  template <class M>
  std::vector<M> take() {
    std::vector<M> found;
    for (; seen < out.messages.size(); ++seen) {
      if (const M* m = std::get_if<M>(&out.messages[seen].message)) found.push_back(*m);
    }
    return found;
  }
  // Names that are asked for in so many ticks, while nobody answers.
  size_t fetches_in(int ticks) {
    size_t fetched = 0;
    for (int i = 0; i < ticks; ++i) {
      tick();
      fetched += take<SyncFetch>().size();
    }
    return fetched;
  }
  template <class M>
  M await(int64_t ms = 3'000) {
    for (int64_t passed = 0; passed < ms; passed += 5) {
      tick();
      if (auto found = take<M>(); !found.empty()) return found.front();
    }
    ADD_FAILURE() << "no such question in " << ms << " ms";
    return {};
  }
  // What a teller with these names (and versions) knows.
  std::string digest_of(const std::map<std::string, uint64_t>& names, const SyncCompare& asked) {
    Digest digest(64);
    for (const auto& [name, version] : names) digest.add(cluster.hasher().place_of(name), version);
    std::vector<char> bytes;
    ByteWriter writer(bytes);
    for (size_t i = asked.shard * 64u; i < (asked.shard + asked.shards) * 64u; ++i) {
      writer.put(digest.at(i).count);
      writer.put(digest.at(i).sum);
    }
    return {bytes.begin(), bytes.end()};
  }
  bool answer(const SyncCompare& asked, const std::map<std::string, uint64_t>& names,
              const Endpoint& from = kTwo) {
    const std::string bytes = digest_of(names, asked);
    return catch_up.on_digest(from, SyncDigest{asked.pass, asked.shard, asked.shards, bytes});
  }
  // All looks are answered so, until names are asked for.
  SyncNames await_names(const std::map<std::string, uint64_t>& names) {
    for (int i = 0; i < 1'000; ++i) {
      tick();
      for (; seen < out.messages.size(); ++seen) {
        const Message& message = out.messages[seen].message;
        if (const auto* asked = std::get_if<SyncCompare>(&message)) {
          EXPECT_TRUE(answer(*asked, names));
        } else if (const auto* page = std::get_if<SyncNames>(&message)) {
          ++seen;
          return *page;
        }
      }
    }
    ADD_FAILURE() << "no names were asked for";
    return {};
  }
  static std::string page_of(const std::map<std::string, uint64_t>& names) {
    std::vector<char> bytes;
    ByteWriter writer(bytes);
    for (const auto& [name, version] : names) put_told({name, version, kBallot, 5}, writer);
    return {bytes.begin(), bytes.end()};
  }
  bool tell(const SyncNames& asked, const std::map<std::string, uint64_t>& names,
            bool last = true) {
    const uint64_t next = asked.cursor + names.size();
    return catch_up.on_page(
        kTwo, SyncPage{asked.pass, asked.cursor, next, next + (last ? 0 : 1), page_of(names)});
  }
  EntryIndex index_of(const std::string& name) {
    return acceptor.find_or_insert(cluster.hasher()(name), name);
  }
  void learn(const std::string& name, uint64_t version = 1) {
    acceptor.learn(index_of(name), kBallot, state(version), AtHome::kPerhaps);
  }
  static State state(uint64_t version = 1) {
    return State{version, true, request_id(1, 1), "value"};
  }
  Next answer(const SyncFetch& asked, const Endpoint& from, const Ballot& ballot, bool decided,
              Taken taken, uint64_t version = 1) {
    const State held = ballot.is_null() ? State{} : state(version);
    return catch_up.on_state(from, SyncState{asked.op, decided, ballot, held, asked.name}, taken);
  }

  int64_t now = 1'000'000'000;
  Output out;
  size_t seen = 0;
  StepContext step;
  Cluster cluster;
  Outbox outbox{cluster, step};
  Acceptor acceptor{cluster, step};
  CatchUp catch_up{cluster, acceptor, outbox, step, {.names_per_s = 20'000}};
};

}  // namespace once::paxos

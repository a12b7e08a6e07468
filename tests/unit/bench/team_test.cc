// A run on several threads: shares that make the whole, one beginning, one end, one result.
#include "bench/team.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bench/names.h"
#include "bench/options.h"

namespace once::bench {
namespace team_test {

Options whole_of(size_t threads) {
  Options o;
  o.threads = threads;
  o.connections = 8;
  o.in_flight = 65;
  o.hot_names = 10;
  o.rate = 900;
  return o;
}

TEST(Team, SharesMakeTheWhole) {
  for (size_t threads = 1; threads <= 8; ++threads) {
    const Options whole = whole_of(threads);
    size_t connections = 0, in_flight = 0, hot_names = 0;
    double rate = 0;
    for (size_t thread = 0; thread < threads; ++thread) {
      EXPECT_EQ(connections_before(whole, thread), connections);
      const Options share = share_of(whole, thread);
      EXPECT_GE(share.connections, 1u);
      EXPECT_GE(share.in_flight, 1u);
      EXPECT_GE(share.hot_names, 1u);
      connections += share.connections;
      in_flight += share.in_flight;
      hot_names += share.hot_names;
      rate += share.rate;
    }
    EXPECT_EQ(connections, whole.connections);
    EXPECT_EQ(in_flight, whole.in_flight);
    EXPECT_EQ(hot_names, whole.hot_names);
    EXPECT_NEAR(rate, whole.rate, 1e-6);
  }
}

TEST(Team, BeginsWhenAllAreReady) {
  Team team(3, 7);
  team.is_ready();
  team.is_ready();
  EXPECT_FALSE(team.may_begin());
  team.is_ready();
  EXPECT_TRUE(team.may_begin());
}

TEST(Team, CountsAnswersOfAll) {
  Team team(2, 7);
  team.had_answers(0, 5);
  team.had_answers(1, 6);
  team.had_answers(0, 8);
  EXPECT_EQ(team.answers(), 14u);
}

TEST(Team, TellsTheReasonOfWhoGaveUpFirst) {
  Team team(3, 7);
  std::vector<LoadResult> parts(3);
  EXPECT_EQ(sum_of(parts, team).failure, "");
  parts[0].failure = "another thread has failed";
  parts[2].failure = "no room";
  team.give_up(2);
  team.give_up(0);
  EXPECT_TRUE(team.is_over());
  EXPECT_EQ(sum_of(parts, team).failure, "no room");
}

LoadResult part_of(uint64_t done, uint64_t latency_ns) {
  LoadResult r;
  r.done = done;
  r.refused = 1;
  r.nodes = 3;
  r.connected = 2;
  r.seconds = 2;
  r.names_left = done;
  r.names_begin_with = "bench/0/";
  r.least_wins = done;
  r.most_wins = 10 * done;
  r.errors = {1, 2, 3, 4, 5, 6};
  r.latency.record(latency_ns);
  r.lag.record(latency_ns);
  Share& share = r.shares[paxos::Operation::kRead];
  share.done = done;
  share.refused = 2;
  share.latency.record(latency_ns);
  return r;
}

TEST(Team, AddsWhatAllDid) {
  const Team team(2, 7);
  std::vector<LoadResult> parts = {part_of(30, 100), part_of(12, 50)};
  parts[1].protocol_errors = 2;
  parts[1].first_protocol_error = "odd";
  parts[1].interrupted = 2;
  parts[1].seconds = 1.5;
  const LoadResult sum = sum_of(parts, team);
  EXPECT_EQ(sum.done, 42u);
  EXPECT_EQ(sum.refused, 2u);
  EXPECT_EQ(sum.nodes, 3u);
  EXPECT_EQ(sum.connected, 4u);
  EXPECT_EQ(sum.seconds, 2);
  EXPECT_EQ(sum.interrupted, 2);
  EXPECT_EQ(sum.names_left, 42u);
  EXPECT_EQ(sum.names_begin_with, "bench/0/");
  EXPECT_EQ(sum.least_wins, 12u);
  EXPECT_EQ(sum.most_wins, 300u);
  EXPECT_EQ(sum.errors.unknown, 2u);
  EXPECT_EQ(sum.errors.unavailable, 4u);
  EXPECT_EQ(sum.errors.overloaded, 6u);
  EXPECT_EQ(sum.errors.invalid, 8u);
  EXPECT_EQ(sum.errors.connection, 10u);
  EXPECT_EQ(sum.errors.no_answer, 12u);
  EXPECT_EQ(sum.protocol_errors, 2u);
  EXPECT_EQ(sum.first_protocol_error, "odd");
  EXPECT_EQ(sum.latency.count(), 2u);
  EXPECT_EQ(sum.latency.max(), 100u);
  EXPECT_EQ(sum.lag.count(), 2u);
  const Share& share = sum.shares.at(paxos::Operation::kRead);
  EXPECT_EQ(share.done, 42u);
  EXPECT_EQ(share.refused, 4u);
  EXPECT_EQ(share.latency.count(), 2u);
}

TEST(Team, ItsLoadsHaveNamesOfTheirOwn) {
  net::ServerHello map;
  map.members.resize(3);
  map.shard_count = 64;
  NameSource first(map, 7, 0), second(map, 7, 1), last(map, 7, NameSource::kMaxLoads - 1);
  const std::string of_first(first.next());
  EXPECT_EQ(first.prefix(), last.prefix());
  EXPECT_NE(of_first, second.next());
  EXPECT_NE(of_first, last.next());
  EXPECT_EQ(last.next().size(), of_first.size());
  EXPECT_EQ(std::string(last.next()).substr(first.prefix().size()), "fc0000000002");
}

}  // namespace team_test
}  // namespace once::bench

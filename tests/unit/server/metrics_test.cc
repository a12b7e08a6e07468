#include "server/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace once::server {
namespace metrics_test {

uint64_t figure(const NamedCounters& counters, const std::string& name) {
  const auto found = std::find_if(counters.begin(), counters.end(),
                                  [&](const auto& one) { return one.first == name; });
  EXPECT_NE(found, counters.end()) << name;
  return found == counters.end() ? UINT64_MAX : found->second;
}

struct Sources {
  paxos::ReplicaCounters replica;
  wal::LogCounters log;
  net::PeerRefusals refusals{};
  net::ClientDoorCounters door;
  uint64_t claimed = 0;

  CoreSnapshot snapshot() const {
    CoreFigures figures{replica, log, refusals, door};
    figures.claimed = claimed;
    return CoreSnapshot(figures);
  }
};

TEST(Metrics, EachNameStandsOnce) {
  std::set<std::string_view> names;
  for (const CounterRow& row : kCounterTable)
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
  EXPECT_EQ(counter_at(kCounterTable[3].name), 3u);
  EXPECT_EQ(counter_at("no such counter"), kCounters);
}

TEST(Metrics, AreSummedOverTheCoresButForTheLeastAndTheMost) {
  Sources one, two;
  one.replica.names = 10;
  two.replica.names = 5;
  one.refusals[static_cast<size_t>(net::PeerRefusal::kOtherRun)] = 3;
  two.door.closed_idle = 4;
  one.claimed = 1;
  one.log = {.batches = 4,
             .records = 10,
             .bytes_written = 0,
             .sync_ns_total = 40'000,
             .sync_ns_max = 9'000};
  two.log = {.batches = 1,
             .records = 5,
             .bytes_written = 0,
             .sync_ns_total = 10'000,
             .sync_ns_max = 10'000};
  NamedCounters all = summarize({one.snapshot(), two.snapshot()}, {});
  EXPECT_EQ(figure(all, "names"), 15u);
  EXPECT_EQ(figure(all, "peer_messages_of_other_runs"), 3u);
  EXPECT_EQ(figure(all, "clients_closed_idle"), 4u);
  EXPECT_EQ(figure(all, "claimed"), 0u) << "of one core only";
  EXPECT_EQ(figure(all, "log_sync_us_avg"), 10u);
  EXPECT_EQ(figure(all, "log_sync_us_max"), 10u);
  EXPECT_EQ(figure(all, "records_per_batch_x100"), 300u);
  one.replica.catch_up = {
      .behind = 7, .learned = 1, .per_second = 2, .in_sync = 1, .compared_ms = 9};
  two.replica.catch_up = {
      .behind = 5, .learned = 1, .per_second = 3, .in_sync = 0, .compared_ms = 8};
  two.claimed = 1;
  all = summarize({one.snapshot(), two.snapshot()}, {});
  EXPECT_EQ(figure(all, "claimed"), 1u);
  EXPECT_EQ(figure(all, "behind"), 12u);
  EXPECT_EQ(figure(all, "caught_up_per_s"), 5u);
  EXPECT_EQ(figure(all, "in_sync"), 0u);
  EXPECT_EQ(figure(all, "compared_ms"), 9u);
  EXPECT_EQ(
      std::count_if(all.begin(), all.end(),
                    [](const auto& one) { return one.first.find("_ns") != std::string::npos; }),
      0)
      << "what others are made of is not shown";
}

// What is not of one core is of all of them: each row is listed here that says otherwise.
TEST(Metrics, EachRowIsPutTogetherAsItIsMeant) {
  const std::set<std::string_view> least = {"in_sync", "claimed"};
  const std::set<std::string_view> most = {"compared_ms", "log_sync_ns_max"};
  CoreSnapshot one, two;
  one.values.fill(1);
  two.values.fill(3);
  for (const auto& cores : {std::vector{one, two}, std::vector{two, one}}) {
    const CoreSnapshot all = of_all(cores);
    for (const CounterRow& row : kCounterTable) {
      const uint64_t expected = least.contains(row.name) ? 1 : most.contains(row.name) ? 3 : 4;
      EXPECT_EQ(all[row.name], expected) << row.name;
    }
  }
}

TEST(Metrics, OfALinkTheLongestWayAndWhetherAllCoresHaveIt) {
  CoreSnapshot one, two;
  one.peer_round_trip_ns[2] = 70'000;
  two.peer_round_trip_ns[2] = 90'000;
  one.peer_up[2] = two.peer_up[2] = one.peer_up[3] = true;
  const NamedCounters all = summarize({one, two}, {2, 3});
  EXPECT_EQ(figure(all, "peer_2_round_trip_us"), 90u);
  EXPECT_EQ(figure(all, "peer_2_up"), 1u);
  EXPECT_EQ(figure(all, "peer_3_up"), 0u);
  EXPECT_EQ(figure(summarize({}, {2}), "peer_2_up"), 0u);
}

}  // namespace metrics_test
}  // namespace once::server

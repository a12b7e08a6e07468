// No counter hides: what a core counts is published, and what is published has a name in the status
// (tests/system/status.py: and that name a line in docs/operations.md).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <type_traits>

#include "tests/unit/server/shard_fixture.h"

namespace once::server::test {
namespace figures_test {

// Fills a struct of counters with `first`, `first` + 1, ...; returns how many it has.
template <class Counters>
uint64_t number(Counters& counters, uint64_t first) {
  static_assert(std::is_trivially_copyable_v<Counters> && sizeof(Counters) % 8 == 0);
  std::array<uint64_t, sizeof(Counters) / 8> values;
  for (size_t i = 0; i < values.size(); ++i) values[i] = first + i;
  counters = std::bit_cast<Counters>(values);
  return values.size();
}

void expect_published(const CoreSnapshot& snapshot, uint64_t first, uint64_t count,
                      const char* of) {
  for (uint64_t value = first; value < first + count; ++value) {
    EXPECT_EQ(std::count(snapshot.values.begin(), snapshot.values.end(), value), 1)
        << "field " << value - first << " of " << of << " is counted and shown nowhere";
  }
}

TEST(Figures, WhateverACoreCountsIsPublished) {
  Core core{0};
  core.log.report(1);
  const uint64_t of_replica = number(core.replica.figures, 10'000);
  const uint64_t of_log = number(core.log.figures, 20'000);
  const uint64_t of_door = number(core.listener.figures, 30'000);
  const uint64_t of_links = number(core.links.refused, 40'000);
  EXPECT_GE(of_replica, 22u);
  core.shard.client_handler()->on_status({7}, 1);
  expect_published(core.host.published, 10'000, of_replica, "ReplicaCounters");
  expect_published(core.host.published, 20'000, of_log, "LogCounters");
  expect_published(core.host.published, 30'000, of_door, "ClientDoorCounters");
  expect_published(core.host.published, 40'000, of_links, "PeerRefusals");
}

TEST(Figures, WhateverIsPublishedIsInTheStatus) {
  CoreSnapshot plain;
  plain.values.fill(1);
  const NamedCounters before = summarize({plain}, {});
  for (size_t i = 0; i < kCounters; ++i) {
    CoreSnapshot other = plain;
    other.values[i] = i == counter_at("claimed") ? 0 : 1'000'000'007;
    EXPECT_NE(summarize({other}, {}), before) << "counter " << i << " has no name";
  }
}

TEST(Figures, HaveOneNameEach) {
  const NamedCounters figures = summarize({CoreSnapshot{}, CoreSnapshot{}}, {2, 3});
  for (const auto& [name, value] : figures) {
    EXPECT_EQ(std::count_if(figures.begin(), figures.end(),
                            [&](const auto& other) { return other.first == name; }),
              1)
        << name;
  }
}

TEST(Figures, OfSeveralCoresAreSums) {
  CoreSnapshot one, two;
  one.values[counter_at("changes")] = 30, two.values[counter_at("changes")] = 4;
  one.values[counter_at("waiting")] = 5, two.values[counter_at("waiting")] = 6;
  const NamedCounters figures = summarize({one, two}, {});
  const auto value = [&](const char* name) {
    const auto found = std::find_if(figures.begin(), figures.end(),
                                    [&](const auto& figure) { return figure.first == name; });
    return found == figures.end() ? 0 : found->second;
  };
  EXPECT_EQ(value("changes"), 34u);
  EXPECT_EQ(value("waiting"), 11u);
}

}  // namespace figures_test
}  // namespace once::server::test

#include "paxos/table.h"

#include <gtest/gtest.h>

#include <string>

#include "base/hash.h"

namespace once::paxos {
namespace {

State state_of(uint64_t version, std::string_view value) {
  return State{version, true, request_id(version, 7), value};
}

TEST(Table, FindsEveryNameWithItsStateHoweverManyThereAre) {
  Arena arena;
  Table table(arena);
  constexpr uint64_t kNames = 50'000;
  for (uint64_t n = 0; n < kNames; ++n) {
    const std::string name = "name-" + std::to_string(n);
    const std::string value(n % 700, 'v');
    const uint64_t hash = name_hash(name, 1);
    ASSERT_EQ(table.find(hash, name), Table::kNone);
    // With the room that it needs, with less, and with more.
    const EntryIndex index = table.insert(hash, name, n % 3 == 0 ? value.size() : n % 3 * 300);
    table.set_state(table.at(index), state_of(n + 1, value));
  }
  EXPECT_EQ(table.size(), kNames);
  for (uint64_t n = 0; n < kNames; ++n) {
    const std::string name = "name-" + std::to_string(n);
    const EntryIndex index = table.find(name_hash(name, 1), name);
    ASSERT_NE(index, Table::kNone);
    const Entry& entry = table.at(index);
    ASSERT_EQ(entry.name(), name);
    ASSERT_EQ(entry.key(), name_hash(name, 1));
    ASSERT_EQ(entry.state().version, n + 1);
    ASSERT_EQ(entry.value(), std::string(n % 700, 'v'));
    ASSERT_EQ(entry.writer(), request_id(n + 1, 7));
  }
}

// M43: names of one hash are two names.
TEST(Table, TellsNamesOfOneHashApart) {
  Arena arena;
  Table table(arena);
  const EntryIndex a = table.insert(42, "a", 0), b = table.insert(42, "b", 0);
  EXPECT_NE(a, b);
  EXPECT_EQ(table.find(42, "a"), a);
  EXPECT_EQ(table.find(42, "b"), b);
  EXPECT_EQ(table.find(42, "c"), Table::kNone);
}

// What a step has handed out stays as it is until the next one collects.
TEST(Table, KeepsWhatWasHandedOutUntilItIsCollected) {
  Arena arena;
  Table table(arena);
  const EntryIndex index = table.insert(1, "name", 100);
  const std::string_view name = table.at(index).name();
  table.set_state(table.at(index), state_of(1, "first"));
  const State first = table.at(index).state();
  for (uint64_t version = 2; version < 10; ++version) {
    table.set_state(table.at(index), state_of(version, "later" + std::to_string(version)));
    table.insert(version, "another", 100);
    EXPECT_EQ(name, "name");
    EXPECT_EQ(first.value, "first");
  }
  EXPECT_EQ(table.at(index).value(), "later9");
  EXPECT_EQ(table.at(index).name(), "name");
}

TEST(Table, ReusesTheBlocksThatStatesGiveUp) {
  Arena arena;
  Table table(arena);
  const EntryIndex index = table.insert(1, "name", 0);
  table.set_state(table.at(index), state_of(1, "one value"));
  const char* before = table.at(index).name().data();
  table.set_state(table.at(index), state_of(2, "two value"));
  arena.collect();
  table.set_state(table.at(index), state_of(3, "six value"));
  EXPECT_EQ(table.at(index).name().data(), before);
}

}  // namespace
}  // namespace once::paxos

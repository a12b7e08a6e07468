#include "paxos/table.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace once::paxos {
namespace table_test {

constexpr Ballot kBallot{Round{0}, NodeId{2}, Incarnation{3}};

State state_of(uint64_t version, std::string_view value) {
  return State{version, true, request_id(version, 7), value};
}

struct TableTest : testing::Test {
  void hold(EntryIndex index, const State& state, const Ballot& ballot = kBallot) {
    table.hold(table.at(index), ballot, ballot, state);
  }
  EntryIndex insert(std::string_view name, size_t room = 0) {
    return table.insert(hasher.key_of(name), name, room);
  }
  EntryIndex find(std::string_view name) { return table.find(hasher.key_of(name), name); }
  const Entry& at(EntryIndex index) { return table.at(index); }

  NameHasher hasher{1, SipKey{2, 3}};
  Arena arena;
  Table table{arena, hasher};
};

std::string nth_name(uint64_t n) { return "name-" + std::to_string(n); }
std::string nth_value(uint64_t n) { return std::string(n % 700, static_cast<char>('a' + n % 26)); }

// Past every way of growing: more cache lines, two segments of one, a deeper directory.
TEST_F(TableTest, FindsEveryNameWithItsStateHoweverManyThereAre) {
  constexpr uint64_t kNames = 50'000;
  for (uint64_t n = 0; n < kNames; ++n) {
    const std::string value = nth_value(n);
    ASSERT_EQ(find(nth_name(n)), Table::kNone);
    // With the room that it needs, with less, and with more.
    const EntryIndex index = insert(nth_name(n), n % 3 == 0 ? value.size() : n % 3 * 300);
    hold(index, state_of(n + 1, value));
  }
  EXPECT_EQ(table.size(), kNames);
  EntryIndex in_order = table.nth(0);
  for (uint64_t n = 0; n < kNames; ++n) {
    const EntryIndex index = find(nth_name(n));
    ASSERT_EQ(index, in_order) << n;
    ASSERT_EQ(index, table.nth(n));
    ASSERT_EQ(table.number_of(index), n);
    in_order = table.after(index);
    const Entry& entry = at(index);
    ASSERT_EQ(entry.name(), nth_name(n));
    ASSERT_EQ(entry.state().version, n + 1);
    ASSERT_EQ(entry.value(), nth_value(n));
    ASSERT_EQ(entry.writer(), request_id(n + 1, 7));
    ASSERT_EQ(entry.accepted(), kBallot);
  }
  EXPECT_EQ(in_order, Table::kNone);
}

// 16 bytes of name, 32 of value: 80 bytes, and what the index takes.
TEST_F(TableTest, ASmallRegisterTakesItsBytesAndFewMore) {
  constexpr uint64_t kNames = 200'000;
  const std::string value(32, 'v');
  for (uint64_t n = 0; n < kNames; ++n) {
    char name[17];
    std::snprintf(name, sizeof name, "%016llx", static_cast<unsigned long long>(n));
    hold(insert({name, 16}, value.size()), state_of(1, value));
  }
  EXPECT_EQ(arena.bytes(), 0u);
  EXPECT_LE(table.bytes() - 2 * Pieces::kBytes * 8, kNames * 90) << "but the last huge page";
}

// M43: names of one hash are two names.
TEST_F(TableTest, TellsNamesOfOneHashApart) {
  const EntryIndex a = table.insert(42, "a", 0), b = table.insert(42, "b", 0);
  EXPECT_NE(a, b);
  EXPECT_EQ(table.find(42, "a"), a);
  EXPECT_EQ(table.find(42, "b"), b);
  EXPECT_EQ(table.find(42, "c"), Table::kNone);
}

// More than a cache line has places for, at the first and at the last line of a segment.
TEST_F(TableTest, FindsThoseForWhichALineHasNoPlaceLeft) {
  for (const uint64_t key : {uint64_t{0}, uint64_t{0xffff}}) {
    for (int n = 0; n < 40; ++n) table.insert(key, nth_name(n + 1000 * (key != 0)), 0);
    for (int n = 0; n < 40; ++n) {
      const EntryIndex index = table.find(key, nth_name(n + 1000 * (key != 0)));
      ASSERT_NE(index, Table::kNone);
      ASSERT_EQ(at(index).name(), nth_name(n + 1000 * (key != 0)));
    }
  }
}

// What a step has handed out stays as it is until the next one collects.
TEST_F(TableTest, KeepsWhatWasHandedOutUntilItIsCollected) {
  const EntryIndex index = insert("name", 100);
  const std::string_view name = at(index).name();
  hold(index, state_of(1, "first"));
  const State first = at(index).state();
  for (uint64_t version = 2; version < 10; ++version) {
    hold(index, state_of(version, "later" + std::to_string(version)));
    insert(nth_name(version), 100);
    EXPECT_EQ(name, "name");
    EXPECT_EQ(first.value, "first");
  }
  EXPECT_EQ(at(index).value(), "later9");
  EXPECT_EQ(at(index).name(), "name");
}

// The newest name gives back what its entry does not need; but not what somebody may look at.
TEST_F(TableTest, KeepsWhatWasHandedOutOfTheNewestName) {
  const EntryIndex index = insert("name", 100);
  hold(index, state_of(1, "first"));
  const State first = at(index).state();
  table.set_promised(table.at(index), Ballot{Round{1}, NodeId{1}, Incarnation{1}});
  for (uint64_t version = 2; version < 5; ++version) {
    hold(index, state_of(version, "later"), Ballot{Round{2}, NodeId{1}, Incarnation{1}});
  }
  for (uint64_t n = 0; n < 10; ++n) insert(std::string(50, 'x') + nth_name(n));
  EXPECT_EQ(first.value, "first");
  EXPECT_EQ(table.nth(0), index);
  EXPECT_EQ(at(table.nth(1)).name(), std::string(50, 'x') + nth_name(0));
}

TEST_F(TableTest, ReusesTheBlocksThatStatesGiveUp) {
  const EntryIndex index = insert("name");
  hold(index, state_of(1, "one value"));
  hold(index, state_of(2, "two value"));
  const char* before = at(index).value().data();
  hold(index, state_of(3, "six value"));
  arena.collect();
  hold(index, state_of(4, "ten value"));
  EXPECT_EQ(at(index).value().data(), before);
}

// The widest numbers, and the sizes at which a length takes a byte more.
TEST_F(TableTest, HoldsEveryNumberWhole) {
  uint64_t n = 0;
  for (const Ballot& ballot :
       {Ballot{Round{0}, NodeId{1}, Incarnation{1}},
        Ballot{Round{127}, NodeId{127}, Incarnation{127}},
        Ballot{Round{0}, NodeId{1}, Incarnation{128}},
        Ballot{Round{128}, NodeId{2}, Incarnation{1}},
        Ballot{Round{UINT32_MAX}, NodeId{UINT16_MAX}, Incarnation{UINT32_MAX}}}) {
    for (const uint64_t version : {uint64_t{1}, uint64_t{127}, uint64_t{128}, UINT64_MAX}) {
      for (const size_t bytes : {0, 1, 127, 128, 512, 513, 70'000}) {
        for (const bool newest : {true, false}) {
          const std::string name = std::string(n % 300, 'x') + nth_name(n);
          const std::string value(bytes, static_cast<char>('a' + n++ % 26));
          const EntryIndex index = insert(name, value.size());
          if (!newest) insert("after " + name);
          hold(index, state_of(version, value), ballot);
          insert("then " + name);
          const Entry& entry = at(index);
          ASSERT_EQ(entry.name(), name);
          ASSERT_EQ(entry.value(), value);
          ASSERT_EQ(entry.version(), version);
          ASSERT_EQ(entry.accepted(), ballot);
          ASSERT_EQ(entry.promised(), ballot);
          ASSERT_EQ(entry.writer(), request_id(version, 7));
          ASSERT_EQ(find("then " + name), table.after(newest ? index : find("after " + name)));
        }
      }
    }
  }
}

TEST_F(TableTest, APromiseAboveWhatIsAcceptedLeavesTheStateAsItIs) {
  const std::string value(32, 'v');
  const EntryIndex index = insert("name", value.size());
  table.set_promised(table.at(index), Ballot{Round{1}, NodeId{1}, Incarnation{1}});
  EXPECT_EQ(at(index).promised(), (Ballot{Round{1}, NodeId{1}, Incarnation{1}}));
  EXPECT_TRUE(at(index).accepted().is_null());
  EXPECT_EQ(at(index).version(), 0u);

  const EntryIndex other = insert("other", value.size());
  hold(other, state_of(5, value));
  table.mark_decided(table.at(other));
  const State seen = at(other).state();
  for (const uint32_t round : {1u, 2u, 300u}) {
    const Ballot higher{Round{round}, NodeId{3}, Incarnation{9}};
    table.set_promised(table.at(other), higher);
    EXPECT_EQ(at(other).promised(), higher);
    EXPECT_EQ(at(other).accepted(), kBallot);
    EXPECT_FALSE(at(other).is_whole());
    EXPECT_TRUE(at(other).final());
    EXPECT_TRUE(is_same(at(other).state(), seen));
    EXPECT_EQ(seen.value, value);
  }
}

}  // namespace table_test
}  // namespace once::paxos

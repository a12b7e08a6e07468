// The names of one core, a page at a time: each once, in bounded steps, whatever comes meanwhile.
#include "paxos/listing.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "base/limits.h"
#include "paxos/table.h"

namespace once::paxos {
namespace listing_test {

struct Names : testing::Test {
  // Version 0: only promised.
  void add(const std::string& name, uint64_t version = 1, bool decided = true, bool sealed = true,
           std::string_view value = "value") {
    const EntryIndex index = table.insert(hasher.key_of(name), name, 0);
    Entry& entry = table.at(index);
    const Ballot ballot{Round{0}, NodeId{1}, Incarnation{1}};
    if (version == 0) return table.set_promised(entry, ballot);
    table.hold(entry, ballot, ballot,
               State{version, sealed, request_id(1, 2), value, Operation::kWrite});
    if (decided) table.mark_decided(entry);
  }
  std::vector<std::string> all(std::string_view prefix, uint32_t most = kMostListedAtOnce) {
    std::vector<std::string> names;
    uint64_t from = 0;
    pages = 0;
    do {
      const ListPage page = list_names(table, {prefix, from, most});
      EXPECT_LE(page.names.size(), most);
      for (const ListedName& one : page.names) names.emplace_back(one.name);
      const bool goes_on = page.next > from && page.next - from <= kMostLookedAt;
      EXPECT_TRUE(page.next == 0 || goes_on) << from << " to " << page.next;
      from = page.next;
      ++pages;
    } while (from != 0);
    return names;
  }
  Arena arena;
  NameHasher hasher{1, SipKey{}};
  Table table{arena, hasher};
  size_t pages = 0;
};

TEST_F(Names, ATableWithoutNamesHasOneEmptyPage) {
  EXPECT_TRUE(all("").empty());
  EXPECT_EQ(pages, 1u);
  const ListPage beyond = list_names(table, {"", 1'000'000, 10});
  EXPECT_TRUE(beyond.names.empty());
  EXPECT_EQ(beyond.next, 0u);
}

TEST_F(Names, EachIsToldOnceWithWhatIsKnownOfIt) {
  add("sealed", 1, true, true, "four");
  add("only asked for", 0);
  add("variable", 12, true, false, "");
  add("under way", 1, false, true, "no");
  const ListPage page = list_names(table, {"", 0, 10});
  ASSERT_EQ(page.names.size(), 3u);
  EXPECT_EQ(page.next, 0u);
  const ListedName &sealed = page.names[0], &variable = page.names[1], &open = page.names[2];
  EXPECT_EQ(sealed.name, "sealed");
  EXPECT_TRUE(sealed.version == 1 && sealed.value_bytes == 4 && sealed.sealed && sealed.decided);
  EXPECT_EQ(variable.name, "variable");
  EXPECT_TRUE(variable.version == 12 && variable.value_bytes == 0);
  EXPECT_TRUE(!variable.sealed && variable.decided);
  EXPECT_EQ(open.name, "under way");
  EXPECT_FALSE(open.decided);
}

TEST_F(Names, APrefixIsOfBytesAndWhole) {
  for (const char* name : {"job", "job/", "job/1", "jo", "jobs", "other", "\xff\xfe", "\xff"}) {
    add(name);
  }
  EXPECT_EQ(all("job/"), (std::vector<std::string>{"job/", "job/1"}));
  EXPECT_EQ(all("job").size(), 4u);
  EXPECT_EQ(all("\xff"), (std::vector<std::string>{"\xff\xfe", "\xff"}));
  EXPECT_EQ(all("job/10").size(), 0u);
  EXPECT_EQ(all("").size(), 8u);
}

TEST_F(Names, PagesOfAnySizeTellTheSame) {
  std::set<std::string> expected;
  for (int i = 0; i < 5000; ++i) {
    const std::string name = (i % 3 == 0 ? "a/" : "b/") + std::to_string(i);
    add(name, i % 7 == 0 ? 0 : 1);
    if (i % 7 != 0) expected.insert(name);
  }
  for (const uint32_t most : {1u, 7u, 999u, 1000u}) {
    const auto names = all("", most);
    EXPECT_EQ(names.size(), expected.size()) << most;
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), expected) << most;
  }
  EXPECT_EQ(all("none").size(), 0u);
  EXPECT_EQ(pages, 5000 / kMostLookedAt + 1) << "so much is looked at for one page, no more";
}

TEST_F(Names, APageIsBoundedInNamesAndBytes) {
  for (uint32_t i = 0; i < kMostListedAtOnce + 1; ++i) add("n" + std::to_string(i));
  ListPage page = list_names(table, {"", 0, ~0u});
  EXPECT_EQ(page.names.size(), kMostListedAtOnce);
  EXPECT_EQ(page.next, kMostListedAtOnce);
  page = list_names(table, {"", page.next, ~0u});
  EXPECT_EQ(page.names.size(), 1u);
  EXPECT_EQ(page.next, 0u);
  for (int i = 0; i < 100; ++i) add(std::to_string(i) + std::string(kMaxNameBytes - 10, 'x'));
  size_t bytes = 0, names = 0;
  for (uint64_t from = kMostListedAtOnce + 1; from != 0; from = page.next) {
    page = list_names(table, {"", from, kMostListedAtOnce});
    bytes = 0;
    for (const ListedName& one : page.names) bytes += one.name.size();
    EXPECT_LE(bytes, kMostListedBytes);
    EXPECT_FALSE(page.names.empty());
    names += page.names.size();
  }
  EXPECT_EQ(names, 100u);
}

// Who sets names while somebody looks is not told twice, and at the end all are there.
TEST_F(Names, NamesThatComeMeanwhileComeLater) {
  for (int i = 0; i < 10; ++i) add("first" + std::to_string(i));
  ListPage page = list_names(table, {"", 0, 5});
  EXPECT_EQ(page.next, 5u);
  for (int i = 0; i < 10; ++i) add("second" + std::to_string(i));
  page = list_names(table, {"", page.next, 1000});
  EXPECT_EQ(page.names.size(), 15u);
  EXPECT_EQ(page.next, 0u);
}

}  // namespace listing_test
}  // namespace once::paxos

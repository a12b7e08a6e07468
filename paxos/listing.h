// The names that one core knows, a page at a time: for people who look, not for programs that
// decide. What other nodes have decided in the last moments may be missing, and a change whose end
// this node has not heard of is marked so; a read asks a majority.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace once::paxos {

class Table;

inline constexpr uint32_t kMostListedAtOnce = 1000;
inline constexpr uint32_t kMostLookedAt = 2048;        // entries, for one page: bounded work
inline constexpr size_t kMostListedBytes = 64 * 1024;  // of names, for one page

struct ListQuery {
  std::string_view prefix;
  uint64_t from = 0;                  // ListPage::next of the page before; 0: the first one
  uint32_t most = kMostListedAtOnce;  // names; no page has more than kMostListedAtOnce
};

struct ListedName {
  std::string_view name;
  uint64_t version = 0;
  uint32_t value_bytes = 0;
  bool sealed = false;
  bool decided = false;  // false: this version was accepted here, and its end is not known here
};

struct ListPage {
  std::vector<ListedName> names;  // in the order in which this core first heard of them
  uint64_t next = 0;              // where the next page begins; 0: this was the last one
};

// A page may be empty and not the last one. Its views live until the core's next step.
ListPage list_names(Table& table, const ListQuery& query);

}  // namespace once::paxos

#include "paxos/listing.h"

#include <algorithm>

#include "base/assert.h"
#include "paxos/table.h"

namespace once::paxos {

ListPage list_names(Table& table, const ListQuery& query) {
  ListPage page;
  const uint64_t most = std::min(query.most, kMostListedAtOnce);
  const uint64_t end = query.from >= table.size()
                           ? table.size()
                           : std::min<uint64_t>(table.size(), query.from + kMostLookedAt);
  size_t bytes = 0;
  EntryIndex next = query.from < end ? table.nth(query.from) : Table::kNone;
  for (uint64_t index = query.from; index < end; ++index) {
    const Entry& entry = table.at(next);
    next = table.after(next);
    if (entry.version() == 0) continue;  // it was only asked for
    const std::string_view name = entry.name();
    if (!name.starts_with(query.prefix)) continue;
    bytes += name.size();
    if (page.names.size() == most || bytes > kMostListedBytes) {
      page.next = index;
      return page;
    }
    page.names.push_back(
        {name, entry.version(), entry.value_size(), entry.has(kSealed), entry.decided()});
  }
  ONCE_ASSERT(page.names.size() <= most && end <= table.size());
  page.next = end < table.size() ? end : 0;
  return page;
}

}  // namespace once::paxos

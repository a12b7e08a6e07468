// Asks one node for the names that it knows, core by core. Blocks; any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/name_resolver.h"
#include "base/types.h"
#include "client/client.h"

namespace once::client {

// Where a page begins: in which run of which node, on which core, at which of its entries. People
// see it as one word, and hand it back.
struct ListPlace {
  NodeId node;
  uint16_t core = 0;
  uint32_t run = 0;
  uint64_t from = 0;
  friend bool operator==(const ListPlace&, const ListPlace&) = default;
};
std::string text_of(const ListPlace& place);
std::optional<ListPlace> parse_place(std::string_view text);

// `deadline_ns`: of all of it; what came until then is in the page. `on_trouble`: hears what is in
// the way of each endpoint, while nobody answers; nothing: somebody does.
NamesPage ask_names(NameResolver& names, const std::vector<std::string>& endpoints,
                    const std::optional<ClusterId>& expected, const ListOptions& options,
                    int64_t deadline_ns, std::function<void(const std::string&)> on_trouble);

}  // namespace once::client

// Where nodes are, as people write it: HOST:PORT, and lists of them. What is certainly a slip is
// said at once, in words: looked up or dialled, it would be taken for an outage. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace once {

// What HOST:PORT has that makes it no address ("no port", "a scheme, ..."); nothing: it is one, as
// far as can be seen without a look-up.
std::string wrong_with_address(std::string_view text);
// Blanks, tabs and line breaks around it are left out.
Result<std::string> read_endpoint(std::string_view text);
// Each of the list, and no more of them than are used.
Result<std::vector<std::string>> read_endpoints(const std::vector<std::string>& texts);
// A,B,C. Nothing between two commas is a variable that was not set, most likely: that is no list.
Result<std::vector<std::string>> split_endpoints(std::string_view list);

}  // namespace once

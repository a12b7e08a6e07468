// Versions that nobody was shown, below one that somebody was: can those requests whose outcome
// nobody knows have made them, in time, and so that the values come out as they were shown?
#pragma once

#include <string>
#include <vector>

#include "tests/check/register_rules.h"

namespace once::check {

// `versions` ascend and begin with 0; each is consistent by itself. `hidden`: the first call of
// each request that may have made a version which nobody was shown, one each. Empty: yes.
std::string unexplained_gap(const std::vector<Version>& versions,
                            const std::vector<const Call*>& hidden);

}  // namespace once::check

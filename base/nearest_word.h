// The word of a list that somebody who typed another one most likely meant. Pure; any thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/ascii.h"

namespace once {

inline constexpr size_t kMaxTypedBytes = 32;  // nobody mistypes a command into something longer

// How many letters must be put in, left out, exchanged or swapped with their neighbour to make one
// word of the other, upper and lower case being the same. Both at most kMaxTypedBytes long.
inline size_t typing_distance(std::string_view one, std::string_view other) {
  using Row = std::array<size_t, kMaxTypedBytes + 1>;
  Row before_last{}, last{}, now{};
  for (size_t j = 0; j <= other.size(); ++j) now[j] = j;
  for (size_t i = 1; i <= one.size(); ++i) {
    before_last = last;
    last = now;
    now[0] = i;
    for (size_t j = 1; j <= other.size(); ++j) {
      const bool same = small_letter(one[i - 1]) == small_letter(other[j - 1]);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && small_letter(one[i - 1]) == small_letter(other[j - 2]) &&
          small_letter(one[i - 2]) == small_letter(other[j - 1])) {
        now[j] = std::min(now[j], before_last[j - 2] + 1);
      }
    }
  }
  return now[other.size()];
}

// Empty: none is near enough to be worth a question. A word that `typed` begins is near (`stat`,
// `status`); else one letter in three may be wrong. Of those as near as each other, the first.
template <class Words>
std::string nearest_word(std::string_view typed, const Words& words) {
  if (typed.empty() || typed.size() > kMaxTypedBytes) return {};
  std::string best;
  size_t least = std::max<size_t>(1, (typed.size() + 1) / 3) + 1;
  if (typed.size() == 1) least = 1;  // any short word would be one letter away
  for (const std::string_view word : words) {
    if (word.empty() || word.size() > kMaxTypedBytes) continue;
    const bool begun = typed.size() >= 2 && word.size() > typed.size() &&
                       typing_distance(typed, word.substr(0, typed.size())) == 0;
    const size_t distance = begun ? 1 : typing_distance(typed, word);
    if (distance >= least) continue;
    least = distance;
    best = word;
  }
  return best;
}

}  // namespace once

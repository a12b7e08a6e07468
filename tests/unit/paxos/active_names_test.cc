// With which names something is going on: as a map of the standard library says it, whatever comes
// and goes.
#include "paxos/active_names.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "base/prng.h"

namespace once::paxos {
namespace active_names_test {

TEST(ActiveNames, SaysOfEachWhatWasSaidLast) {
  constexpr size_t kEntries = 3000;
  const auto entries = std::make_unique<Entry[]>(kEntries);
  ActiveNames names;
  std::map<const Entry*, Active> model;
  Prng prng(5);
  for (int turn = 0; turn < 100'000; ++turn) {
    const Entry& entry = entries[prng.below(kEntries)];
    const auto there = model.find(&entry);
    if (there != model.end() && prng.below(2) == 0) {
      names.remove(entry);
      model.erase(there);
    } else {
      const Active active(RoundId{static_cast<uint32_t>(turn)});
      names.put(entry, active);
      model[&entry] = active;
    }
    if (turn % 97 != 0) continue;
    ASSERT_EQ(names.size(), model.size());
    for (const auto& [one, active] : model) ASSERT_EQ(names.at(*one), active) << turn;
  }
}

TEST(ActiveNames, OfWhatIsNotThereItSaysNothing) {
  const Entry entry, other;
  ActiveNames names;
  EXPECT_DEATH(names.at(entry), "empty");
  names.put(other, Active(LingerId{1}));
  EXPECT_DEATH(names.at(entry), "nullptr");
  EXPECT_DEATH(names.remove(entry), "entry");
  EXPECT_DEATH(names.put(entry, Active{}), "is_nothing");
}

}  // namespace active_names_test
}  // namespace once::paxos

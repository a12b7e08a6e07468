#include "client/obstacles.h"

#include <algorithm>
#include <utility>

#include "base/printable.h"

namespace once::client {

std::string words_about(const std::vector<Obstacle>& obstacles) {
  std::vector<std::pair<std::string, std::string>> groups;  // why, and whom it is about
  for (const Obstacle& each : obstacles) {
    const std::string why = each.why.empty() ? "no answer yet" : each.why;
    const auto group = std::find_if(groups.begin(), groups.end(),
                                    [&](const auto& known) { return known.first == why; });
    if (group == groups.end()) {
      groups.emplace_back(why, each.address);
    } else {
      group->second += ", " + each.address;
    }
  }
  std::string text;
  for (const auto& [why, addresses] : groups) {
    if (!text.empty()) text += "; ";
    text += addresses + ": " + why;
  }
  return printable(text);
}

}  // namespace once::client

// A tale as text: one line an event.
#include <algorithm>

#include "tests/sim/story.h"

namespace once::sim {
namespace {

// "nodes 2 and 3", of messages that say the same to several.
std::string receivers(const Script& script, const std::vector<HostId>& hosts) {
  if (hosts.size() == 1) return lane_name(script, hosts[0]);
  std::string text = "nodes";
  for (size_t i = 0; i < hosts.size(); ++i) {
    text += fmt::format("{}{}",
                        i == 0                  ? " "
                        : i + 1 == hosts.size() ? " and "
                                                : ", ",
                        hosts[i] + 1);
  }
  return text;
}

bool same_words(const Moment& a, const Moment& b) {
  return b.kind == Moment::Kind::kMessage && a.at_ns == b.at_ns && a.who == b.who &&
         a.verb == b.verb && a.rest == b.rest;
}

std::string line_of(const Script& script, const std::vector<Moment>& all, size_t first,
                    std::vector<bool>& told) {
  const Moment& moment = all[first];
  if (moment.kind == Moment::Kind::kChosen) return moment.verb;
  if (moment.kind != Moment::Kind::kMessage) {
    return fmt::format("{} {}", lane_name(script, moment.who), moment.verb);
  }
  std::vector<HostId> to, lost;
  for (size_t i = first; i < all.size(); ++i) {
    if (told[i] || !same_words(moment, all[i])) continue;
    told[i] = true;
    if (std::ranges::find(to, all[i].to) != to.end()) continue;  // a node says it twice
    to.push_back(all[i].to);
    if (all[i].arrives_ns < 0) lost.push_back(all[i].to);
  }
  std::string text = fmt::format("{} {} {}{}", lane_name(script, moment.who), moment.verb,
                                 receivers(script, to), moment.rest);
  if (lost.size() == to.size()) return text + " (lost)";
  if (!lost.empty()) text += fmt::format(" (lost on the way to {})", receivers(script, lost));
  return text;
}

}  // namespace

std::string as_text(const Tale& tale) {
  const Script& script = tale.script;
  std::string text =
      fmt::format("{} (the name {}; its home is node 1)\n", script.title, script.name);
  std::vector<bool> told(tale.moments.size(), false);
  for (size_t i = 0; i < tale.moments.size(); ++i) {
    if (told[i]) continue;
    const double ms = static_cast<double>(tale.moments[i].at_ns) / static_cast<double>(kMs);
    text += fmt::format("{:7.1f} ms  {}\n", ms, line_of(script, tale.moments, i, told));
  }
  return text;
}

}  // namespace once::sim

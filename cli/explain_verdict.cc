#include "cli/explain_verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "cli/status_verdict.h"
#include "cli/text_table.h"
#include "net/disk_table.h"

namespace once::client {
namespace {

using paxos::Ballot;
using paxos::Work;

struct Count {
  size_t members = 0;
  size_t majority = 0;
  size_t answers = 0;
  size_t silent() const { return members - std::min(members, answers); }
};

Count count_of(const NameExplanation& all) {
  Count count;
  count.members = all.members;
  count.majority = all.members / 2 + 1;
  for (const NodeExplanation& one : all.nodes) count.answers += one.node.reachable ? 1 : 0;
  return count;
}

template <class Is>
size_t how_many(const NameExplanation& all, Is is) {
  return static_cast<size_t>(std::count_if(
      all.nodes.begin(), all.nodes.end(),
      [&](const NodeExplanation& one) { return one.node.reachable && is(one.told); }));
}

std::string hold(size_t nodes) { return nodes == 1 ? "holds" : "hold"; }
std::string of_nodes(size_t some, const Count& count) {
  return fmt::format("{} of {} node{}", some, count.members, count.members == 1 ? "" : "s");
}

// Who does something about it, or how to make somebody do.
std::string what_next(const NameExplanation& all) {
  for (const NodeExplanation& one : all.nodes) {
    const Work work = one.told.under_way.work;
    if (one.node.reachable && work != Work::kNothing && work != Work::kLinger) {
      return fmt::format("node {} is at work on it", one.node.node.value);
    }
  }
  return "a read would settle it";
}

uint64_t highest_version(const NameExplanation& all) {
  uint64_t highest = 0;
  for (const NodeExplanation& one : all.nodes) {
    if (one.node.reachable) highest = std::max(highest, one.told.version);
  }
  return highest;
}

// Of those that know a version to be decided, the one with the highest; null: there is none.
const paxos::Explanation* newest_decided(const NameExplanation& all) {
  const paxos::Explanation* newest = nullptr;
  for (const NodeExplanation& one : all.nodes) {
    if (!one.node.reachable || !one.told.decided) continue;
    if (newest == nullptr || one.told.version > newest->version) newest = &one.told;
  }
  return newest;
}

// What `model` holds was decided; some may hold a newer version that is not.
NameVerdict decided(const NameExplanation& all, const Count& count, const paxos::Explanation& model,
                    const std::string& more) {
  NameVerdict verdict;
  const uint64_t version = model.version;
  verdict.version = version;
  const size_t holders = how_many(all, [&](const paxos::Explanation& told) {
    return told.version == version && told.writer == model.writer;
  });
  if (count.answers < count.majority && !model.sealed) {
    verdict.line =
        fmt::format("version {} was decided, but only {} {}: a newer one may stand", version,
                    of_nodes(count.answers, count), count.answers == 1 ? "answers" : "answer");
    return verdict;
  }
  verdict.standing = NameStanding::kDecided;
  verdict.line = fmt::format("decided: {} {} version {}{}", of_nodes(holders, count), hold(holders),
                             version, more);
  const uint64_t newest = highest_version(all);
  if (newest > version) verdict.line += fmt::format("; version {} is on its way", newest);
  return verdict;
}

// The same state under one ballot on the disks of a majority is chosen, whoever has heard so. A
// ballot may make several versions, one after the other: the last one counts.
struct Held {
  size_t nodes = 0;
  paxos::Explanation newest;
};
using HeldByBallot = std::map<Ballot, Held>;  // what is on disks

HeldByBallot held_by_ballot(const NameExplanation& all) {
  HeldByBallot held;
  for (const NodeExplanation& one : all.nodes) {
    if (!one.node.reachable || one.told.version == 0) continue;
    Held& group = held[one.told.accepted];
    if (one.told.version > group.newest.version) group = {0, one.told};
    const bool same = one.told.version == group.newest.version;
    group.nodes += same && one.told.durable ? 1 : 0;
  }
  return held;
}

NameVerdict nothing_held(const NameExplanation& all, const Count& count) {
  NameVerdict verdict;
  const bool at_work = how_many(all, [](const paxos::Explanation& told) {
                         return told.under_way.work != Work::kNothing;
                       }) > 0;
  verdict.standing = at_work ? NameStanding::kOpen : NameStanding::kEmpty;
  const size_t promised =
      how_many(all, [](const paxos::Explanation& told) { return !told.promised.is_null(); });
  if (at_work) {
    verdict.line = "nobody holds a value yet; " + what_next(all);
  } else {
    verdict.line = fmt::format("nobody wrote it: {} {} nothing", of_nodes(count.answers, count),
                               hold(count.answers));
    if (promised > 0) verdict.line += fmt::format(", {} of them a promise only", promised);
  }
  return verdict;
}

NameVerdict undecided(const NameExplanation& all, const Count& count, const HeldByBallot& held) {
  NameVerdict verdict;
  verdict.standing = NameStanding::kOpen;
  const size_t holders =
      how_many(all, [](const paxos::Explanation& told) { return told.version != 0; });
  if (held.size() > 1) {
    verdict.line = fmt::format("{} nodes hold different ballots, none a majority; {}", holders,
                               what_next(all));
  } else {
    verdict.line =
        fmt::format("no majority holds it yet: {} {} version {}; {}", of_nodes(holders, count),
                    hold(holders), held.begin()->second.newest.version, what_next(all));
  }
  if (count.silent() > 0) verdict.line += " (who does not answer may hold it, too)";
  return verdict;
}

std::string state_of(const NodeExplanation& one) {
  if (!one.node.reachable) {
    return one.node.wrong_port ? "no node" : one.node.other_cluster ? "foreign" : "no answer";
  }
  const paxos::Explanation& told = one.told;
  if (!told.durable) return "writing";
  if (told.version != 0) return told.decided ? (told.sealed ? "sealed" : "decided") : "accepted";
  return told.promised.is_null() ? "nothing" : "promised";
}

Row row_of(const NodeExplanation& one, NodeId home) {
  const std::string number = one.node.node.value == 0 ? "?" : std::to_string(one.node.node.value);
  Row row = {number + (one.node.node == home && home.value != 0 ? " home" : ""), state_of(one)};
  if (!one.node.reachable) {
    row.resize(8, kNoFigure);
    return row;
  }
  const paxos::Explanation& told = one.told;
  const paxos::Queues& queues = told.queues;
  const uint64_t waiting =
      uint64_t{queues.queued} + queues.reading + queues.waits + queues.forwarded;
  const bool holds = told.version != 0;
  row.push_back(holds ? std::to_string(told.version) : kNoFigure);
  row.push_back(holds ? std::to_string(told.value_bytes) : kNoFigure);
  row.push_back(ballot_text(told.promised));
  row.push_back(ballot_text(told.accepted));
  row.push_back(told.under_way.work == Work::kNothing ? kNoFigure : work_name(told.under_way.work));
  row.push_back(waiting == 0 ? kNoFigure : std::to_string(waiting));
  return row;
}

std::string nodes_text(uint16_t votes) {
  const std::string text = net::NodeSet{votes}.text();
  return text.empty() ? "nobody" : text;
}

std::string work_sentence(const paxos::UnderWay& work) {
  const std::string since = fmt::format("for {:.1f} ms", static_cast<double>(work.age_us) / 1000);
  switch (work.work) {
    case Work::kRoundZero:
    case Work::kAccept:
      return fmt::format("{} version {} under ballot {} {}, accepted by {}",
                         work.changes == 0 ? "confirms" : "proposes", work.version,
                         ballot_text(work.ballot), since, nodes_text(work.votes));
    case Work::kPrepare:
      return fmt::format("prepares ballot {} {}, promised by {}", ballot_text(work.ballot), since,
                         nodes_text(work.votes));
    case Work::kBackOff:
      return fmt::format("pauses before it tries again, after {} lost round{}", work.attempts,
                         work.attempts == 1 ? "" : "s");
    case Work::kLinger:
      return "waits a moment for more changes";
    case Work::kNothing:
      return {};
  }
  return {};
}

std::string queues_sentence(const paxos::Queues& queues) {
  std::string text;
  const auto add = [&](uint32_t count, const std::string& what) {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, what);
  };
  add(queues.queued, "queued on it");
  add(queues.reading, "asking a majority");
  add(queues.waits, "waiting for a newer version");
  add(queues.forwarded, fmt::format("sent on to node {}", queues.forwarded_to.value));
  return text.empty() ? text : "has requests: " + text;
}

}  // namespace

std::string name_of(NameStanding standing) {
  switch (standing) {
    case NameStanding::kDecided:
      return "decided";
    case NameStanding::kEmpty:
      return "empty";
    case NameStanding::kOpen:
      return "open";
    case NameStanding::kOtherCluster:
      return "other_cluster";
    case NameStanding::kNoNode:
      return "no_node";
    case NameStanding::kNoMajority:
      break;
  }
  return "no_majority";
}

NameVerdict verdict_of(const NameExplanation& all) {
  std::vector<NodeStatus> asked;
  for (const NodeExplanation& one : all.nodes) asked.push_back(one.node);
  if (const auto others = whom_we_asked(asked)) {
    const bool foreign = *others == Health::kOtherCluster;
    return {foreign ? NameStanding::kOtherCluster : NameStanding::kNoNode, 0,
            std::string(foreign ? kOnlyOtherClusters : kNoNodeThere)};
  }
  const Count count = count_of(all);
  if (const paxos::Explanation* newest = newest_decided(all)) {
    return decided(all, count, *newest, "");
  }
  const HeldByBallot held = held_by_ballot(all);
  for (const auto& [ballot, group] : held) {
    if (group.nodes < count.majority) continue;
    return decided(all, count, group.newest, ", and none has heard so yet");
  }
  if (count.answers < count.majority) {
    NameVerdict verdict;
    verdict.line = count.answers == 0 ? "no node answers"
                                      : fmt::format("only {} {}: too few to tell what stands",
                                                    of_nodes(count.answers, count),
                                                    count.answers == 1 ? "answers" : "answer");
    return verdict;
  }
  return held.empty() ? nothing_held(all, count) : undecided(all, count, held);
}

std::string ballot_text(const Ballot& ballot) {
  if (ballot.is_null()) return kNoFigure;
  return fmt::format("{}.{}.{}", ballot.round.value, ballot.node.value, ballot.incarnation.value);
}

std::string work_name(Work work) {
  switch (work) {
    case Work::kNothing:
      break;
    case Work::kRoundZero:
      return "round 0";
    case Work::kBackOff:
      return "pause";
    case Work::kPrepare:
      return "prepare";
    case Work::kAccept:
      return "accept";
    case Work::kLinger:
      return "linger";
  }
  return "nothing";
}

std::string explanation_table(const NameExplanation& all) {
  NodeId home;
  for (const NodeExplanation& one : all.nodes) {
    if (one.node.reachable) home = one.told.home;
  }
  Rows rows = {
      {"node", "state", "version", "bytes", "promised", "accepted", "under way", "waiting"}};
  for (const NodeExplanation& one : all.nodes) rows.push_back(row_of(one, home));
  constexpr size_t kVersion = 2, kPromised = 4, kAccepted = 5, kLeast = 8;
  make_fit(rows, {{kPromised, kLeast}, {kAccepted, kLeast}, {kVersion, kLeast}});
  return laid_out(rows);
}

std::string explanation_details(const NameExplanation& all) {
  std::string text;
  for (const NodeExplanation& one : all.nodes) {
    if (!one.node.reachable) continue;
    for (const std::string& words :
         {work_sentence(one.told.under_way), queues_sentence(one.told.queues)}) {
      if (!words.empty()) text += fmt::format("node {} {}\n", one.node.node.value, words);
    }
  }
  return text;
}

}  // namespace once::client

// Each invariant of tests/invariants holds of what is right, and bites on a state that breaks it.
#include "tests/invariants/invariants.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>

#include "paxos/core_state.h"

namespace once::invariants {
namespace invariants_test {

using paxos::Ballot;
using paxos::Phase;

constexpr NodeId kSelf{1}, kHome{2}, kOther{3};

// A core of incarnation 2 in the middle of a step, a name homed elsewhere, a round for it.
struct Scene {
  CoreView core_was{.self = kSelf,
                    .incarnation = Incarnation{2},
                    .record = 10,
                    .durable = 8,
                    .claimed = false,
                    .answered = 2,
                    .quorum = 2,
                    .members = 7,
                    .next_sequence = 6,
                    .oldest_open = 4,
                    .self_voted = 5,
                    .announced = 4,
                    .voted_record = 8,
                    .every_step = true};
  CoreView core = [this] {
    CoreView now = core_was;
    now.record = 12;
    now.claimed = true;
    return now;
  }();
  EntryView entry_was{.promised = {Round{3}, kOther, Incarnation{1}},
                      .accepted = {Round{3}, kOther, Incarnation{1}},
                      .version = 1,
                      .writer = request_id(1, 1),
                      .value_size = 3,
                      .sealed = false,
                      .decided = true,
                      .unsettled = true,
                      .record = 9,
                      .home = kHome,
                      .range_promise = Incarnation{4}};
  EntryView entry = [this] {
    EntryView now = entry_was;
    now.promised = now.accepted = {Round{4}, kSelf, Incarnation{2}};
    now.version = 2;
    now.writer = request_id(1, 2);
    now.decided = false;
    now.record = 12;
    return now;
  }();
  RoundView round_was{};
  RoundView round{.asks = true,
                  .phase = Phase::kAccept,
                  .ballot = {Round{4}, kSelf, Incarnation{2}},
                  .best = {Round{4}, kSelf, Incarnation{2}},
                  .version = 2,
                  .votes = 1,
                  .entry = 0};

  // The acceptor repeats what it held.
  void keep_accepted() {
    entry.accepted = entry_was.accepted;
    entry.version = entry_was.version;
    entry.writer = entry_was.writer;
    entry.decided = entry_was.decided;
  }
  void prepare() {
    keep_accepted();
    round.phase = Phase::kPrepare;
    round.best = entry.accepted;
    round.version = entry.version;
  }
  void take_round_zero(uint32_t incarnation) {
    entry_was.promised = entry_was.accepted = Ballot{};
    entry_was.version = 0;
    entry_was.decided = false;
    entry.promised = entry.accepted = Ballot{Round{0}, kHome, Incarnation{incarnation}};
  }
};

using Change = std::function<void(Scene&)>;
using Changes = std::map<std::string, Change>;

// The sentences that do not hold.
std::vector<std::string> broken(const Scene& s) {
  std::vector<std::string> sentences;
  for (const auto& one : of_cores()) {
    if (!one.holds(s.core_was, s.core)) sentences.push_back(one.sentence);
  }
  for (const auto& one : of_entries()) {
    if (!one.holds(s.entry_was, s.entry, s.core)) sentences.push_back(one.sentence);
  }
  for (const auto& one : of_rounds()) {
    if (!one.holds(s.round_was, s.round, s.entry_was, s.entry, s.core)) {
      sentences.push_back(one.sentence);
    }
  }
  return sentences;
}

const Changes kBreaks = {
    {"A run keeps its incarnation.", [](Scene& s) { s.core_was.incarnation = Incarnation{1}; }},
    {"Records are only added, and only what was made is durable, for good.",
     [](Scene& s) { s.core_was.durable = 9; }},
    {"A home says of no accept that its disk has it before it has.",
     [](Scene& s) { s.core.voted_record = 9; }},
    {"A sequence number is used once, and what has ended does not begin again.",
     [](Scene& s) { s.core_was.next_sequence = 7; }},
    {"A complete claim stays complete.",
     [](Scene& s) { s.core_was.claimed = true, s.core.claimed = false; }},
    {"A claim becomes complete only when a majority has told all of its lists.",
     [](Scene& s) { s.core.answered = 1; }},

    {"Under one ballot a name has one state of each version.",
     [](Scene& s) { s.keep_accepted(), s.entry.writer = request_id(1, 7); }},
    {"Under one ballot nothing follows a sealed state.",
     [](Scene& s) { s.entry_was.sealed = true, s.entry.accepted = s.entry_was.accepted; }},
    {"No ballot of this node is of a later run than this one.",
     [](Scene& s) { s.entry.promised.incarnation = Incarnation{3}; }},
    {"What is accepted is at most what is promised.",
     [](Scene& s) { s.entry.accepted.round = Round{5}; }},
    {"A promise never falls.", [](Scene& s) { s.entry_was.promised.round = Round{5}; }},
    {"Below its promise an acceptor takes nothing but what is decided.",
     [](Scene& s) {
       s.entry_was.promised = s.entry.promised = Ballot{Round{6}, kOther, Incarnation{1}};
     }},
    {"What is accepted never falls, ballot before version.",
     [](Scene& s) { s.keep_accepted(), s.entry_was.version = 2; }},
    {"Who has accepted something holds a state of it, and nobody else does.",
     [](Scene& s) { s.entry.version = 0; }},
    {"What is decided stays, until a later version takes its place.",
     [](Scene& s) { s.keep_accepted(), s.entry.decided = false; }},
    {"What is sealed and decided never changes.", [](Scene& s) { s.entry_was.sealed = true; }},
    {"Nothing is never decided.", [](Scene& s) { s.entry.version = 0, s.entry.decided = true; }},
    {"A promise or an accept changes only with a record of it.",
     [](Scene& s) { s.entry.record = s.entry_was.record; }},
    {"A name rests on a record that was made.", [](Scene& s) { s.entry.record = 13; }},
    {"Round 0 of a name is its home's alone.",
     [](Scene& s) { s.take_round_zero(4), s.entry.accepted.node = kOther; }},
    {"After a range promise no round 0 of an earlier incarnation is accepted.",
     [](Scene& s) { s.take_round_zero(3); }},
    {"What is accepted of another's name in round 1 or more is listed for its home.",
     [](Scene& s) { s.entry.unsettled = false; }},

    {"A round asks under a ballot of this run, and not of round 0.",
     [](Scene& s) { s.round.ballot.incarnation = Incarnation{1}; }},
    {"A prepare takes a ballot above all that this node had promised: none is used again.",
     [](Scene& s) { s.prepare(), s.entry_was.promised = s.round.ballot; }},
    {"Who asks has promised the same to himself.",
     [](Scene& s) { s.round.ballot.round = Round{5}; }},
    {"Only members vote, and a majority ends the question.", [](Scene& s) { s.round.votes = 3; }},
    {"Who prepares has heard at least of what his own acceptor holds.",
     [](Scene& s) { s.prepare(), s.round.best = Ballot{}, s.round.version = 0; }},
    {"What others are asked to accept, this node has accepted.",
     [](Scene& s) { s.keep_accepted(); }},
};

TEST(Invariants, HoldOfWhatIsRight) {
  EXPECT_EQ(broken(Scene{}), std::vector<std::string>{});
  Scene prepares;
  prepares.prepare();
  EXPECT_EQ(broken(prepares), std::vector<std::string>{});
  Scene home;
  home.take_round_zero(4);
  home.round.ballot = {Round{4}, kSelf, Incarnation{2}};
  const auto faults = broken(home);  // a round of ours under way would be another name's
  for (const auto& one : of_entries()) {
    EXPECT_EQ(std::count(faults.begin(), faults.end(), one.sentence), 0) << one.sentence;
  }
}

TEST(Invariants, EachBitesOnAStateThatBreaksIt) {
  for (const auto& [sentence, change] : kBreaks) {
    Scene scene;
    change(scene);
    const auto faults = broken(scene);
    EXPECT_EQ(std::count(faults.begin(), faults.end(), sentence), 1) << sentence;
  }
}

TEST(Invariants, NoneIsWithoutSuchAState) {
  size_t all = 0;
  const auto expect_break = [&](const char* sentence) {
    EXPECT_TRUE(kBreaks.contains(sentence)) << sentence;
    ++all;
  };
  for (const auto& one : of_cores()) expect_break(one.sentence);
  for (const auto& one : of_entries()) expect_break(one.sentence);
  for (const auto& one : of_rounds()) expect_break(one.sentence);
  EXPECT_EQ(all, kBreaks.size());
}

}  // namespace invariants_test
}  // namespace once::invariants

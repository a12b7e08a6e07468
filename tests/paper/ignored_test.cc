// What no honest peer says is ignored, and counted by its reason: whoever runs a node sees which.
#include <gtest/gtest.h>

#include "tests/paper/solo.h"
#include "tests/paper/two_cores.h"

namespace once::paxos {
namespace ignored_test {

using test::ballot;
using test::Solo;
using test::World;
using C = ReplicaCounters;
using Reason = uint64_t ReplicaCounters::*;

constexpr Reason kReasons[] = {&C::contradictions,  &C::far_ballots,   &C::ignored_senders,
                               &C::ignored_ballots, &C::ignored_names, &C::ignored_states,
                               &C::ignored_numbers};

uint64_t sum(const ReplicaCounters& counters) {
  uint64_t all = 0;
  for (const Reason reason : kReasons) all += counters.*reason;
  return all;
}

TEST(Ignored, EachMessageIsCountedByItsReason) {
  Solo solo(0, 3);
  const std::string name = solo.name(1), of_another = solo.name(2);
  const State red = test::state(request_id(1, 1), "red");
  struct Row {
    const char* why;
    Message message;  // of member 1
    Reason reason;
  };
  const Row rows[] = {
      {"a prepare with another's ballot", Prepare{1, ballot(1, 2), name}, &C::ignored_ballots},
      {"a prepare of round 0", Prepare{1, ballot(0, 1), name}, &C::ignored_ballots},
      {"a prepare of the last round", Prepare{1, ballot(UINT32_MAX, 1), name}, &C::ignored_ballots},
      {"a prepare of no name", Prepare{1, ballot(1, 1), ""}, &C::ignored_names},
      {"an accept with another's ballot", Accept{1, ballot(1, 2), red, name}, &C::ignored_ballots},
      {"an accept of no name", Accept{1, ballot(1, 1), red, ""}, &C::ignored_names},
      {"an accept of nothing", Accept{1, ballot(1, 1), State{}, name}, &C::ignored_states},
      {"round 0 of another's name", Accept{1, ballot(0, 1), red, of_another}, &C::ignored_ballots},
      {"round 0 without a number", Accept{0, ballot(0, 1), red, name}, &C::ignored_numbers},
      {"an empty range of chosen numbers", ChosenRange{Incarnation{1}, Sequence{3}, Sequence{2}},
       &C::ignored_numbers},
      {"accepts that nobody asked for", AcceptedRange{Incarnation{1}, Sequence{5}, Sequence{6}},
       &C::ignored_numbers},
      {"a decision of another's ballot", Decided{ballot(1, 2), 1, name}, &C::ignored_ballots},
      {"a decision of nothing", Decided{ballot(1, 1), 0, name}, &C::ignored_states},
      {"a refusal beyond the last round", Rejected{1, ballot(1, 0), ballot(UINT32_MAX, 1)},
       &C::ignored_ballots},
  };
  uint64_t ignored = 0;
  for (const Row& row : rows) {
    const uint64_t before = solo.counters().*row.reason;
    solo.receive(1, row.message);
    EXPECT_EQ(solo.counters().*row.reason, before + 1) << row.why;
    EXPECT_EQ(solo.counters().ignored_messages, ++ignored) << row.why;
  }
  EXPECT_EQ(sum(solo.counters()), ignored);
}

// Else a node would vote with two memories, or begin a round of its own twice.
TEST(Ignored, WhatIsOfAnotherCoreOfTheNodeIsNotForThisOne) {
  const ReplicaOptions options = test::one_of_two_cores(0);
  const auto replica = paxos::Replica::make(options);
  Output out;
  replica->start(Incarnation{1}, 0, out);
  replica->on_durable(RecordNumber{1}, 0, out);
  const Event up{World::endpoint(1), LinkUp{1}};
  replica->step(&up, 1, 0, out);
  // Of which this node is the home, by its other core.
  std::string name;
  for (int n = 0; name.empty(); ++n) {
    const std::string text = std::to_string(n);
    const bool at_home = home_slot_of(name_hash(text, options.hash_seed), 3).value == 0;
    if (at_home && replica->core_of_name(text) != options.self.core) name = text;
  }
  const State red = test::state(request_id(1, 1), "red");
  for (const Message& message :
       {Message(Prepare{1, ballot(1, 1), name}), Message(Accept{1, ballot(1, 1), red, name}),
        Message(SettleQuery{ballot(1, 1), ballot(1, 1), name}), Message(SyncFetch{1, name})}) {
    out.clear();
    const Event event{World::endpoint(1), message};
    replica->step(&event, 1, 0, out);
    EXPECT_TRUE(out.messages.empty()) << message.index();
    EXPECT_EQ(replica->counters().names, 0u) << message.index();
  }
}

TEST(Ignored, WhoIsNoOtherMemberIsNotListenedTo) {
  Solo solo(0, 3);
  const Message message = ReadState{1, "name"};
  for (const size_t stranger : {0u, 7u}) solo.step({Event{World::endpoint(stranger), message}});
  solo.step({Event{World::endpoint(1), LinkUp{0}}});
  EXPECT_EQ(solo.counters().ignored_senders, 3u);
  EXPECT_EQ(solo.counters().ignored_messages, 3u);
}

}  // namespace ignored_test
}  // namespace once::paxos

// Whom it asks for what, and what becomes of the answers.
#include "paxos/catch_up.h"

#include "tests/unit/paxos/catch_up_fixture.h"

namespace once::paxos {
namespace catch_up_test {

TEST_F(ACatchUp, IsInSyncWhenAllShardsCompareEqual) {
  learn("known");
  EXPECT_EQ(catch_up.figures().in_sync, 0u);
  uint32_t shard = 0;
  while (shard < 64) {
    const auto asked = await<SyncCompare>();
    EXPECT_EQ(asked.shard, shard);
    shard += asked.shards;
    EXPECT_TRUE(answer(asked, {{"known", 1}}));
    EXPECT_EQ(catch_up.figures().in_sync, 0u);
  }
  tick();
  tick();
  EXPECT_EQ(catch_up.figures().in_sync, 1u);
  for (int i = 0; i < 1'000; ++i) tick();
  EXPECT_TRUE(take<SyncCompare>().empty()) << "for 5 s nothing more is asked";
}

struct OfFive : ACatchUp {
  OfFive() : ACatchUp(5) {}
  void compare_all(const Endpoint& with) {
    for (uint32_t shard = 0; shard < 64;) {
      tick();
      for (; seen < out.messages.size(); ++seen) {
        const auto* asked = std::get_if<SyncCompare>(&out.messages[seen].message);
        if (asked == nullptr || out.messages[seen].to != with) continue;
        shard = asked->shard + asked->shards;
        EXPECT_TRUE(answer(*asked, {}, with));
      }
    }
    tick();
    tick();
  }
};

// Of five, what is chosen may be on three: one of two others has it, or this node.
TEST_F(OfFive, OneThatComparesEqualIsNotEnough) {
  compare_all(kTwo);
  EXPECT_EQ(catch_up.figures().in_sync, 0u);
  meet(kThree);
  compare_all(kThree);
  EXPECT_EQ(catch_up.figures().in_sync, 1u);
}

TEST_F(ACatchUp, IsNoMoreInSyncWhenSomethingIsMissing) {
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(answer(await<SyncCompare>(), {}));
  tick();
  tick();
  EXPECT_EQ(catch_up.figures().in_sync, 1u);
  for (int i = 0; i < 1'900; ++i) tick();
  await_names({{"lost", 1}});
  EXPECT_EQ(catch_up.figures().behind, 1u);
  EXPECT_EQ(catch_up.figures().in_sync, 0u);
}

TEST_F(ACatchUp, AsksAgainWhatDiffersBeforeItAsksForNames) {
  size_t asked_of_shard = 0;
  const std::map<std::string, uint64_t> names = {{"lost", 1}};
  const uint64_t place = cluster.hasher().place_of("lost");
  const uint16_t shard = shard_of(place, 64).value;
  for (int i = 0; i < 400; ++i) {
    tick();
    for (; seen < out.messages.size(); ++seen) {
      if (const auto* asked = std::get_if<SyncCompare>(&out.messages[seen].message)) {
        asked_of_shard += asked->shard <= shard && shard < asked->shard + asked->shards;
        // The last look: what was under way has come.
        EXPECT_TRUE(answer(*asked, asked_of_shard < 4 ? names : decltype(names){}));
      }
      EXPECT_FALSE(std::holds_alternative<SyncNames>(out.messages[seen].message));
    }
  }
  EXPECT_EQ(asked_of_shard, 4u);
  EXPECT_EQ(catch_up.figures().in_sync, 1u);
}

TEST_F(ACatchUp, FetchesWhatIsStillMissingAfterAWhile) {
  const SyncNames asked = await_names({{"lost", 1}, {"late", 1}});
  EXPECT_EQ(catch_up.figures().behind, 2u);
  EXPECT_TRUE(tell(asked, {{"lost", 1}, {"late", 1}}));
  for (int i = 0; i < 38; ++i) tick();
  EXPECT_TRUE(take<SyncFetch>().empty()) << "for 190 ms";
  learn("late");
  const auto fetch = await<SyncFetch>();
  EXPECT_EQ(fetch.name, "lost");
  EXPECT_EQ(answer(fetch, kTwo, kBallot, true, Taken::kLearned), Next::kNothing);
  learn("lost");
  EXPECT_EQ(catch_up.figures().learned, 1u);
  EXPECT_TRUE(take<SyncFetch>().empty());
}

TEST_F(ACatchUp, WhatItHoldsAlreadyNeedsNoFetch) {
  const EntryIndex held = index_of("held");
  acceptor.accept(held, kBallot, state(), Numbered{CoreId{0}, Sequence{0}});
  EXPECT_TRUE(tell(await_names({{"held", 1}}), {{"held", 1}}));
  for (int i = 0; i < 60 && catch_up.decided().empty(); ++i) tick();
  EXPECT_EQ(catch_up.decided(), std::vector<EntryIndex>{held});
  EXPECT_TRUE(take<SyncFetch>().empty());
}

// A page is one peer's word: this node builds on what is decided under its own ballot.
TEST_F(ACatchUp, WhatThisRunHasProposedAMajorityIsAskedAbout) {
  meet(kThree);
  const Ballot own{Round{3}, NodeId{1}, Incarnation{1}};
  acceptor.accept(index_of("held"), own, state(), Numbered{CoreId{0}, Sequence{0}});
  step.set_durable(step.last_record());
  const SyncNames asked = await_names({{"held", 1}});
  std::vector<char> page;
  ByteWriter writer(page);
  put_told({"held", 1, own, 5}, writer);
  EXPECT_TRUE(catch_up.on_page(kTwo, SyncPage{asked.pass, 0, 1, 1, {page.data(), page.size()}}));
  size_t fetches = 0;
  for (int i = 0; i < 60; ++i) {
    tick();
    EXPECT_TRUE(catch_up.decided().empty());
    fetches += take<SyncFetch>().size();
  }
  EXPECT_GE(fetches, 2u) << "both others";
}

TEST_F(ACatchUp, GoesOnFromItsCursor) {
  SyncNames asked = await_names({{"a", 1}, {"b", 1}});
  EXPECT_EQ(asked.cursor, 0u);
  EXPECT_TRUE(tell(asked, {{"a", 1}}, false));
  asked = await<SyncNames>();
  EXPECT_EQ(asked.cursor, 1u);
  EXPECT_FALSE(catch_up.on_page(kTwo, SyncPage{asked.pass, 1, 1, 2, {}})) << "no way on";
  EXPECT_FALSE(catch_up.on_page(kTwo, SyncPage{asked.pass, 1, 2, 2, "x"})) << "no page";
  EXPECT_TRUE(tell(asked, {{"b", 1}}));
}

TEST_F(ACatchUp, ALostPageIsAskedForAgainWhereItWas) {
  const std::map<std::string, uint64_t> names = {{"a", 1}, {"b", 1}};
  EXPECT_TRUE(tell(await_names(names), {{"a", 1}}, false));
  for (int lost = 0; lost < 5; ++lost) EXPECT_EQ(await<SyncNames>().cursor, 1u) << lost;
  EXPECT_EQ(await_names(names).cursor, 0u) << "a teller who says nothing is left";
}

TEST_F(ACatchUp, ALostDigestIsAskedForAgainWhereItWas) {
  EXPECT_TRUE(answer(await<SyncCompare>(), {}));
  const auto asked = await<SyncCompare>();
  EXPECT_EQ(asked.shard, 16u);
  for (int lost = 1; lost < 5; ++lost) EXPECT_EQ(await<SyncCompare>().shard, 16u) << lost;
  EXPECT_EQ(await<SyncCompare>(4'000).shard, 0u);
}

TEST_F(ACatchUp, IsInSyncWhenWhatItLearnedIsDurable) {
  EXPECT_TRUE(tell(await_names({{"lost", 1}}), {{"lost", 1}}));
  const auto fetch = await<SyncFetch>();
  learn("lost");
  answer(fetch, kTwo, kBallot, true, Taken::kLearned);
  for (int i = 0; i < 50; ++i) tick();
  EXPECT_EQ(catch_up.figures().in_sync, 0u);
  step.set_durable(step.last_record());
  tick();
  EXPECT_EQ(catch_up.figures().in_sync, 1u);
}

TEST_F(ACatchUp, AWalkEndsWhereTheTellerEndedWhenItBegan) {
  SyncNames asked = await_names({{"a", 1}, {"b", 1}});
  learn("a");
  learn("b");
  EXPECT_TRUE(catch_up.on_page(kTwo, SyncPage{asked.pass, 0, 1, 2, {}}));
  asked = await<SyncNames>();
  EXPECT_TRUE(catch_up.on_page(kTwo, SyncPage{asked.pass, 1, 2, 3, {}}));
  tick();
  EXPECT_TRUE(take<SyncNames>().empty());
  EXPECT_EQ(catch_up.figures().in_sync, 1u);
}

TEST_F(ACatchUp, AnAnswerToAnotherQuestionCountsForNothing) {
  const auto asked = await<SyncCompare>();
  const std::string bytes = digest_of({}, asked);
  const auto late = [&](const Endpoint& from, SyncDigest m) {
    m.digests = m.digests.empty() ? std::string_view(bytes) : m.digests;
    EXPECT_TRUE(catch_up.on_digest(from, m));
    tick();
    EXPECT_TRUE(take<SyncCompare>().empty());
  };
  late(kTwo, {asked.pass - 1, asked.shard, asked.shards, {}});
  late(kTwo, {asked.pass, static_cast<uint16_t>(asked.shard + 1), asked.shards, {}});
  late(kThree, {asked.pass, asked.shard, asked.shards, {}});
  EXPECT_FALSE(catch_up.on_digest(kTwo, {asked.pass, asked.shard, asked.shards, "short"}));
  EXPECT_FALSE(catch_up.on_digest(kTwo, {asked.pass, asked.shard, 65'535, bytes}));
  EXPECT_TRUE(catch_up.on_page(kTwo, SyncPage{asked.pass, 0, 1, 1, "what nobody asked for"}));
  EXPECT_EQ(catch_up.on_state(kTwo, SyncState{77, true, kBallot, state(), "n"}, Taken::kLearned),
            Next::kNothing);
  EXPECT_EQ(catch_up.figures().learned, 0u);
}

TEST_F(ACatchUp, WhatIsNotAnsweredIsAskedAnew) {
  await<SyncCompare>();
  const auto again = await<SyncCompare>(4'000);
  EXPECT_EQ(again.shard, 0u);
  SyncNames names = await_names({{"lost", 1}});
  names = await_names({{"lost", 1}});
  EXPECT_TRUE(tell(names, {{"lost", 1}}));
  await<SyncFetch>();
  meet(kThree);
  // Of the teller, who is silent; then of everybody.
  const auto fetch = await<SyncFetch>();
  tick();
  EXPECT_EQ(answer(fetch, kThree, kBallot, true, Taken::kLearned), Next::kNothing);
  EXPECT_EQ(catch_up.figures().learned, 1u);
}

TEST_F(ACatchUp, AsksAMajorityWhatTheTellerDoesNotCallDecided) {
  meet(kThree);
  EXPECT_TRUE(tell(await_names({{"name", 1}}), {{"name", 1}}));
  EXPECT_EQ(answer(await<SyncFetch>(), kTwo, kBallot, false, Taken::kLater), Next::kNothing);
  const auto fetch = await<SyncFetch>();
  EXPECT_EQ(answer(fetch, kTwo, kBallot, false, Taken::kLater), Next::kNothing);
  EXPECT_EQ(answer(fetch, kTwo, kBallot, false, Taken::kLater), Next::kNothing) << "once each";
  EXPECT_EQ(answer(fetch, kThree, kBallot, false, Taken::kLater), Next::kLearn);
  catch_up.on_chosen(SyncState{fetch.op, false, kBallot, state(), fetch.name}, Taken::kLearned);
  EXPECT_EQ(catch_up.figures().learned, 1u);
}

TEST_F(ACatchUp, AsksAMajorityWhenTellersContradictEachOther) {
  meet(kThree);
  EXPECT_TRUE(tell(await_names({{"name", 1}}), {{"name", 1}}));
  EXPECT_EQ(answer(await<SyncFetch>(), kTwo, kBallot, true, Taken::kDenied), Next::kNothing);
  await<SyncFetch>();
  EXPECT_EQ(catch_up.figures().learned, 0u);
}

TEST_F(ACatchUp, WhatAMajorityDisputesForLongIsUnfinished) {
  meet(kThree);
  const EntryIndex held = index_of("half");
  acceptor.accept(held, kBallot, state(), Numbered{CoreId{0}, Sequence{0}});
  step.set_durable(step.last_record());
  for (int n = 0; n < 3; ++n) {
    EXPECT_TRUE(catch_up.unfinished().empty());
    SyncFetch fetch;
    while (fetch.name != "half") fetch = await<SyncFetch>();
    answer(fetch, kThree, Ballot{}, false, Taken::kLater);
    answer(fetch, kTwo, Ballot{}, false, Taken::kLater);
  }
  EXPECT_EQ(catch_up.unfinished(), std::vector<EntryIndex>{held});
}

// D1: two of three hold it only if its own disk has it too.
TEST_F(ACatchUp, ItsOwnVoteCountsWhenItIsDurable) {
  meet(kThree);
  const EntryIndex held = index_of("half");
  acceptor.accept(held, kBallot, state(), Numbered{CoreId{0}, Sequence{0}});
  for (int i = 0; i < 3'000; ++i) {
    tick();
    for (const SyncFetch& fetch : take<SyncFetch>()) {
      EXPECT_NE(answer(fetch, kTwo, kBallot, false, Taken::kLater), Next::kLearn);
    }
  }
  step.set_durable(step.last_record());
  const auto fetch = await<SyncFetch>(12'000);
  EXPECT_EQ(fetch.name, "half");
  EXPECT_EQ(answer(fetch, kTwo, kBallot, false, Taken::kLater), Next::kLearn);
}

// A hot name is at work all the time; what is newer here is not missing.
TEST_F(ACatchUp, WhatIsNewerHereIsNotMissingThoughItIsBusy) {
  const EntryIndex hot = index_of("hot");
  acceptor.accept(hot, kBallot, State{3, false, request_id(1, 1), "value"}, {});
  acceptor.set_active(hot, Active(RoundId{0}));
  EXPECT_TRUE(tell(await_names({{"hot", 2}}), {{"hot", 2}}));
  for (int i = 0; i < 60; ++i) tick();
  EXPECT_EQ(catch_up.figures().in_sync, 1u);
}

TEST_F(ACatchUp, ABusyNameIsFetchedWhenItsRoundHasEndedInVain) {
  const EntryIndex busy = index_of("busy");
  acceptor.set_active(busy, Active(RoundId{0}));
  EXPECT_TRUE(tell(await_names({{"busy", 1}}), {{"busy", 1}}));
  for (int i = 0; i < 2'000; ++i) tick();  // more than the looks at a name that is not busy
  EXPECT_EQ(catch_up.figures().in_sync, 0u);
  acceptor.set_active(busy, Active{});
  EXPECT_EQ(await<SyncFetch>(300).name, "busy");
}

TEST_F(ACatchUp, WhatItHoldsItselfAndGivesUpSaysNothingOfThePass) {
  acceptor.accept(index_of("half"), kBallot, state(), {});  // never durable: never asked about
  EXPECT_TRUE(tell(await_names({{"lost", 1}}), {{"lost", 1}}));
  for (int i = 0; i < 1'600; ++i) {
    tick();
    if (i == 1'000) learn("lost");  // in 5 s the own name was given up
  }
  EXPECT_EQ(catch_up.figures().in_sync, 1u);
}

TEST_F(ACatchUp, WhatWasGivenUpIsComparedAgainSoon) {
  EXPECT_TRUE(tell(await_names({{"lost", 1}}), {{"lost", 1}}));
  for (int i = 0; i < 3'000; ++i) {
    tick();
    for (; seen < out.messages.size(); ++seen) {
      if (const auto* fetch = std::get_if<SyncFetch>(&out.messages[seen].message)) {
        answer(*fetch, kTwo, kBallot, true, Taken::kLater);
      }
      if (std::holds_alternative<SyncCompare>(out.messages[seen].message)) {
        EXPECT_LE(i, 1'100);
        return;
      }
    }
  }
  ADD_FAILURE() << "not compared again";
}

TEST_F(ACatchUp, IsInSyncWhenALaterPassFindsNothing) {
  std::map<std::string, uint64_t> names{{"lost", 1}};
  EXPECT_TRUE(tell(await_names(names), names));
  for (int i = 0; i < 6'000; ++i) {
    tick();
    for (; seen < out.messages.size(); ++seen) {
      const Message& message = out.messages[seen].message;
      if (const auto* fetch = std::get_if<SyncFetch>(&message)) {
        answer(*fetch, kTwo, kBallot, true, Taken::kLater);  // and is given up
      } else if (const auto* asked = std::get_if<SyncCompare>(&message)) {
        EXPECT_EQ(catch_up.figures().in_sync, 0u);
        EXPECT_TRUE(answer(*asked, {}));  // what was told of is no more
      }
    }
    if (catch_up.figures().in_sync == 1) return;
  }
  ADD_FAILURE() << "it was given up once, and is for ever";
}

TEST_F(ACatchUp, TellsHowMuchItLearnsASecondNow) {
  std::map<std::string, uint64_t> names;
  for (int n = 0; n < 50; ++n) names["lost-" + std::to_string(n)] = 1;
  EXPECT_TRUE(tell(await_names(names), names));
  uint64_t most = 0, learned = 0;
  for (int i = 0; i < 1'000; ++i) {
    tick();
    for (const SyncFetch& fetch : take<SyncFetch>()) {
      learned += 1;
      answer(fetch, kTwo, kBallot, true, Taken::kLearned);
    }
    most = std::max(most, catch_up.figures().per_second);
  }
  EXPECT_EQ(learned, 50u);
  EXPECT_GE(most, 40u);
  EXPECT_LE(most, 50u);
  EXPECT_EQ(catch_up.figures().per_second, 0u);
}

TEST_F(ACatchUp, ATellerWhoIsGoneIsLeftAndComparedAnewWhenItComesBack) {
  await_names({{"lost", 1}});
  cluster.set_down(kTwo, now);
  catch_up.on_link_down(kTwo);
  for (int i = 0; i < 1'000; ++i) tick();
  EXPECT_EQ(catch_up.figures().in_sync, 0u);
  seen = out.messages.size();
  meet(kTwo);
  EXPECT_EQ(await<SyncCompare>().shard, 0u);
}

}  // namespace catch_up_test
}  // namespace once::paxos

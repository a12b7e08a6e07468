// How much it asks for, writes down and remembers at a time.
#include "paxos/catch_up.h"

#include "tests/unit/paxos/catch_up_fixture.h"

namespace once::paxos {
namespace catch_up_pace_test {

TEST_F(ACatchUp, HasFewQuestionsOpenAtATime) {
  std::map<std::string, uint64_t> names;
  for (int n = 0; n < 900; ++n) names["name-" + std::to_string(n)] = 1;
  EXPECT_TRUE(tell(await_names(names), names));
  EXPECT_EQ(fetches_in(100), 256u);
}

// How large a value is was told with its name.
TEST_F(ACatchUp, WhatATellerHoldsIsAskedForAtABoundedRate) {
  std::vector<char> page;
  ByteWriter writer(page);
  for (int n = 0; n < 300; ++n) {
    put_told({"lost-" + std::to_string(n), 1, kBallot, kMaxValueBytes}, writer);
  }
  const SyncNames asked = await_names({{"lost-0", 1}});
  EXPECT_TRUE(
      catch_up.on_page(kTwo, SyncPage{asked.pass, 0, 300, 300, {page.data(), page.size()}}));
  const size_t open = fetches_in(300);
  EXPECT_GE(open, 16u);
  EXPECT_LE(open, 18u) << "a MiB, and the last one more";
}

// To ask for no name at all is against the rules: the teller would count it as such.
TEST_F(ACatchUp, AsksForNoPageThatItHasNoRoomFor) {
  std::map<std::string, uint64_t> names;
  for (int n = 0; n < 8'192; ++n) names["lost-" + std::to_string(n)] = 1;
  EXPECT_TRUE(tell(await_names(names), names, false));
  for (int i = 0; i < 300; ++i) tick();
  for (; seen < out.messages.size(); ++seen) {
    EXPECT_FALSE(std::holds_alternative<SyncNames>(out.messages[seen].message));
  }
}

TEST_F(ACatchUp, IsModestBesideRequests) {
  std::map<std::string, uint64_t> names;
  for (int n = 0; n < 5'000; ++n) {
    names["held-" + std::to_string(n)] = 1;
    acceptor.accept(index_of("held-" + std::to_string(n)), kBallot, state(), {});
  }
  EXPECT_TRUE(tell(await_names(names), names));
  size_t found = 0;
  int ticks = 0;
  for (int i = 0; i < 2'000 && found < names.size(); ++i) {
    tick(Pace::kModest);
    ticks += found > 0;
    found += catch_up.decided().size();
    for (const EntryIndex index : catch_up.decided()) acceptor.decide(index, InLog::kYes);
    catch_up.forget_found();
  }
  EXPECT_EQ(found, names.size());
  EXPECT_GE(ticks, 3'000 / 25) << "beside what was saved up, a quarter of 20,000 a second";
}

// Each of the others answers with the whole value.
TEST_F(ACatchUp, WhatItHoldsUndecidedIsAskedForAtABoundedRate) {
  meet(kThree);
  const std::string value(kMaxValueBytes, 'v');
  for (int n = 0; n < 300; ++n) {
    const EntryIndex index = index_of("half-" + std::to_string(n));
    acceptor.accept(index, kBallot, State{1, true, request_id(1, 1), value}, {});
  }
  step.set_durable(step.last_record());
  const size_t open = fetches_in(300);
  EXPECT_GE(open, 16u);
  EXPECT_LE(open, 18u) << "a MiB, and the last one more";
  size_t fetched = 0;
  for (int i = 0; i < 600; ++i) {
    tick();
    for (const SyncFetch& fetch : take<SyncFetch>()) {
      fetched += i >= 400;
      answer(fetch, kTwo, kBallot, true, Taken::kLearned);
    }
  }
  EXPECT_GE(fetched, 200u);
  EXPECT_LE(fetched, 300u) << "16 MiB a second, and a tenth";
}

TEST_F(ACatchUp, WhatItHoldsUndecidedLeavesRoomForAPage) {
  for (int n = 0; n < 9'000; ++n) {
    acceptor.accept(index_of("half-" + std::to_string(n)), kBallot, state(), {});
  }
  std::map<std::string, uint64_t> names;
  for (int n = 0; n < 1'000; ++n) names["lost-" + std::to_string(n)] = 1;
  const SyncNames asked = await_names(names);
  ASSERT_GE(asked.most, names.size());
  for (int i = 0; i < 100; ++i) tick(Pace::kNone);
  EXPECT_TRUE(tell(asked, names));
  for (int i = 0; i < 50; ++i) tick(Pace::kNone);
  EXPECT_EQ(catch_up.figures().behind, 7 * 1024u + names.size());
}

TEST_F(ACatchUp, WhoeverHadNoRoomForANameIsNotInSync) {
  std::map<std::string, uint64_t> names;
  for (int n = 0; n < 9'000; ++n) names["lost-" + std::to_string(n)] = 1;
  EXPECT_TRUE(tell(await_names(names), names));
  size_t fetched = 0;
  for (int i = 0; i < 1'000; ++i) {
    tick();
    for (const SyncFetch& fetch : take<SyncFetch>()) {
      ++fetched;
      answer(fetch, kTwo, kBallot, true, Taken::kHeld);
    }
  }
  EXPECT_EQ(fetched, 8192u);
  EXPECT_EQ(catch_up.figures().behind, 0u);
  EXPECT_EQ(catch_up.figures().in_sync, 0u);
}

TEST_F(ACatchUp, AsksForNothingWhileThereIsNoRoom) {
  EXPECT_TRUE(tell(await_names({{"lost", 1}}), {{"lost", 1}}));
  for (int i = 0; i < 200; ++i) tick(Pace::kNone);
  EXPECT_TRUE(take<SyncFetch>().empty());
  EXPECT_EQ(await<SyncFetch>().name, "lost");
}

// Each is a record in the log.
TEST_F(ACatchUp, WhatItHoldsAlreadyIsWrittenDownAtABoundedRate) {
  std::map<std::string, uint64_t> names;
  for (int n = 0; n < 5'000; ++n) {
    names["held-" + std::to_string(n)] = 1;
    acceptor.accept(index_of("held-" + std::to_string(n)), kBallot, state(), {});
  }
  EXPECT_TRUE(tell(await_names(names), names));
  for (int i = 0; i < 200; ++i) tick(Pace::kNone);
  EXPECT_TRUE(catch_up.decided().empty()) << "there is no room for it";
  constexpr size_t kAtOnce = 2'000;  // a tenth of a second, saved up
  size_t found = 0;
  for (int i = 0; i < 200 && found < names.size(); ++i) {
    tick();
    EXPECT_LE(catch_up.decided().size(), kAtOnce);
    found += catch_up.decided().size();
    for (const EntryIndex index : catch_up.decided()) acceptor.decide(index, InLog::kYes);
    catch_up.forget_found();
  }
  EXPECT_EQ(found, names.size());
}

TEST_F(ACatchUp, WhatItRemembersIsCounted) {
  const size_t before = catch_up.bytes();
  std::map<std::string, uint64_t> names;
  for (int n = 0; n < 1'000; ++n) names["lost-" + std::to_string(n)] = 1;
  EXPECT_TRUE(tell(await_names(names), names));
  EXPECT_GE(catch_up.bytes() - before, names.size() * sizeof(Candidate));
}

}  // namespace catch_up_pace_test
}  // namespace once::paxos

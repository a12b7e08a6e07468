// The checkers: accept every history of a simulated register, reject every one that was spoiled,
// and agree with each other on all of them.
#include "tests/check/checks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/check/mutations.h"
#include "tests/check/register_model.h"
#include "tests/check/register_mutations.h"
#include "tests/check/simulated.h"

namespace once::check {
namespace check_test {

constexpr uint64_t kSeeds = 20'000;

bool passes_exact(const History& history) {
  for (const NameCalls& name : by_name(history)) {
    if (!check_register(name).empty()) return false;
  }
  return true;
}

bool passes_search(const History& history) {
  for (const NameCalls& name : by_name(history)) {
    if (!is_linearizable_register(name)) return false;
  }
  return true;
}

std::string text_of(const History& history) {
  std::string text;
  for (const Call& call : history) text += describe(call) + "\n";
  return text;
}

History legal(uint64_t seed, Kind kind = Kind::kAny) {
  return SimulatedRegister(seed, kind).run(2 + Prng(seed * 31 + 1).below(24));
}

TEST(Checkers, AcceptEveryHistoryOfARegister) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const History history = legal(seed);
    const Violations violations = check_all(history);
    ASSERT_TRUE(violations.empty()) << "seed " << seed << ": " << violations[0].text << "\n"
                                    << text_of(history);
    ASSERT_TRUE(passes_search(history)) << "seed " << seed << "\n" << text_of(history);
  }
}

void expect_rejected(const Mutation& mutation, Kind kind) {
  int applied = 0;
  for (uint64_t seed = 1; seed <= 4'000; ++seed) {
    History history = legal(seed, kind);
    Prng prng(seed ^ 0xbad);
    if (!mutation.apply(history, prng)) continue;
    ++applied;
    ASSERT_FALSE(passes_exact(history)) << mutation.name << ", seed " << seed << "\n"
                                        << text_of(history);
    ASSERT_FALSE(passes_search(history)) << mutation.name << ", seed " << seed << "\n"
                                         << text_of(history);
  }
  EXPECT_GT(applied, 150) << mutation.name;
}

TEST(Checkers, RejectEveryMutationOfAWriteOnceRegister) {
  for (const Mutation& mutation : kMutations) expect_rejected(mutation, Kind::kWriteOnce);
}

TEST(Checkers, RejectEveryMutationOfARegister) {
  for (const Mutation& mutation : kRegisterMutations) expect_rejected(mutation, Kind::kOpen);
}

// Changes that may or may not matter: times, outcomes, who is shown.
void disturb(Call& call, const History& history, Prng& prng) {
  const Call& other = history[prng.below(history.size())];
  const int64_t length = call.return_ns == kNever ? kNever : call.return_ns - call.call_ns;
  switch (prng.below(10)) {
    case 0:
      call.call_ns = static_cast<int64_t>(prng.below(1500));
      if (length != kNever) call.return_ns = call.call_ns + length;
      break;
    case 1:
      call.call_ns = std::min(call.call_ns, other.call_ns);
      break;
    case 2:
      call.return_ns = call.call_ns + static_cast<int64_t>(prng.below(20));
      break;
    case 3:
      call.outcome = static_cast<Outcome>(prng.below(kOutcomes));
      if (call.outcome != Outcome::kUnknown && call.return_ns == kNever) {
        call.return_ns = call.call_ns + 10;
      }
      break;
    case 4:
      call.writer = other.id;
      call.result = other.value;
      break;
    case 5:
      call.writer = other.writer;
      call.result = other.result;
      break;
    case 6:
      call.version = other.version;
      break;
    case 7:
      call.version += prng.below(3);
      break;
    case 8:
      call.asked = prng.below(6);
      break;
    default:
      call.value = other.value;
  }
}

TEST(Checkers, AgreeOnRandomHistories) {
  int legal_ones = 0;
  int illegal_ones = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    History history = legal(seed);
    Prng prng(seed ^ 0x5eed);
    for (uint64_t i = 1 + prng.below(3); i > 0; --i) {
      disturb(history[prng.below(history.size())], history, prng);
    }
    if (!check_form(history).empty()) continue;  // nothing is promised of it
    const bool exact = passes_exact(history);
    ASSERT_EQ(exact, passes_search(history)) << "seed " << seed << "\n" << text_of(history);
    ++(exact ? legal_ones : illegal_ones);
  }
  EXPECT_GT(legal_ones, 3'000);
  EXPECT_GT(illegal_ones, 3'000);
}

// A majority was down: dozens of writes that may or may not have happened, and no legal order.
TEST(Checkers, TheSearchStaysSmallOverManyUnknownCalls) {
  History history;
  for (uint64_t i = 1; i <= 50; ++i) {
    Call write;
    write.action = Action::kWrite;
    write.name = "n";
    write.id = request_id(1, i);
    write.value = fmt::format("v{}", i);
    history.push_back(write);
  }
  Call shown;
  shown.name = "n";
  shown.call_ns = 10;
  shown.return_ns = 20;
  shown.outcome = Outcome::kDone;
  shown.version = 1;
  shown.sealed = true;
  shown.writer = request_id(1, 7);
  shown.result = "v7";
  Call empty;
  empty.name = "n";
  empty.call_ns = 30;
  empty.return_ns = 40;
  empty.outcome = Outcome::kEmpty;
  for (bool legal_one : {true, false}) {
    history.push_back(legal_one ? shown : empty);
    const std::vector<NameCalls> names = by_name(history);
    Linearizer<RegisterModel> search(names[0]);
    EXPECT_EQ(search.run(), legal_one);
    EXPECT_EQ(passes_exact(history), legal_one);
    EXPECT_LT(search.visited(), 200u);
  }
}

TEST(Checkers, NamesAreCheckedOneByOne) {
  History history;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    for (Call call : legal(seed, Kind::kWriteOnce)) {
      call.name = fmt::format("n{}", seed);
      call.id.high = seed;
      if (call.writer != RequestId{}) call.writer.high = seed;
      history.push_back(call);
    }
  }
  EXPECT_TRUE(check_all(history).empty());
  Call* call = nullptr;
  for (Call& each : history) {
    if (each.name == "n17" && shows_something(each)) call = &each;
  }
  ASSERT_NE(call, nullptr);
  call->version = 2;
  const Violations violations = check_all(history);
  EXPECT_FALSE(violations.empty());
  for (const Violation& violation : violations) EXPECT_EQ(violation.name, "n17");
}

TEST(Checkers, FormFindsWhatTheHarnessDidWrong) {
  Call call;
  call.action = Action::kWrite;
  call.name = "a";
  call.id = request_id(1, 2);
  call.value = "x";
  call.call_ns = 10;
  call.return_ns = 5;
  EXPECT_EQ(check_form({call}).size(), 1u);
  call.return_ns = kNever;
  EXPECT_TRUE(check_form({call}).empty());
  call.outcome = Outcome::kNothing;
  EXPECT_EQ(check_form({call}).size(), 1u);
  call.return_ns = 20;
  call.outcome = Outcome::kUnknown;
  Call same_id = call;
  EXPECT_TRUE(check_form({call, same_id}).empty());
  same_id.value = "y";
  EXPECT_EQ(check_form({call, same_id}).size(), 1u);
  same_id = call;
  same_id.name = "b";
  EXPECT_EQ(check_form({call, same_id}).size(), 1u);
}

// The text is what a person has to go on.
TEST(Checkers, AViolationNamesCallsAndTimes) {
  Call write;
  write.client = 3;
  write.action = Action::kWrite;
  write.name = "lock 1";
  write.id = request_id(0, 0xab);
  write.value = "me";
  write.call_ns = 100;
  write.return_ns = 200;
  write.outcome = Outcome::kDone;
  write.version = 1;
  write.sealed = true;
  write.writer = write.id;
  write.result = "me";
  Call read;
  read.client = 4;
  read.name = "lock 1";
  read.call_ns = 250;
  read.return_ns = 300;
  read.outcome = Outcome::kEmpty;
  const Violations violations = check_all({write, read});
  ASSERT_EQ(violations.size(), 1u);
  EXPECT_EQ(violations[0].text,
            "a read found nothing, 50 ns after a value had been shown: "
            "[client 4 read \"lock%201\", called 250, returned 300: empty]; but before "
            "[client 3 write \"lock%201\"=\"me\" id 000000000000000000000000000000ab, called 100, "
            "returned 200: done, version 1, sealed, \"me\" by 000000000000000000000000000000ab]");
}

}  // namespace check_test
}  // namespace once::check

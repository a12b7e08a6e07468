// C1 (DESIGN 5): for each name, what is left when a segment goes tells recovery the same, or more.
#include <gtest/gtest.h>

#include "base/prng.h"
#include "tests/paper/cleaned.h"

namespace once::paxos::test {
namespace keep_test {

const RequestId kA = request_id(1, 1), kB = request_id(1, 2);

Ballot ballot(uint32_t round, size_t member, uint32_t incarnation = 1) {
  return {Round{round}, NodeId{static_cast<uint16_t>(member + 1)}, Incarnation{incarnation}};
}
State state(uint64_t version, const RequestId& writer, std::string_view value = "v") {
  return {version, false, writer, value};
}

class Keeping : public testing::Test {
 protected:
  void prepare(const Ballot& b, const std::string& name) {
    log.receive(b.node.value - 1u, Prepare{1, b, name});
  }
  void accept(const Ballot& b, const State& s, const std::string& name, uint64_t sequence = 1) {
    log.receive(b.node.value - 1u, Accept{sequence, b, s, name});
  }
  // Of one name; all others may have any.
  std::vector<Record> of(const std::string& name) {
    std::vector<Record> found;
    for (const Record& record : log.records()) {
      const auto* promise = std::get_if<PromiseRecord>(&record);
      const auto* accept = std::get_if<AcceptRecord>(&record);
      const auto* kept = std::get_if<KeptRecord>(&record);
      if ((promise && promise->name == name) || (accept && accept->name == name) ||
          (kept && kept->name == name)) {
        found.push_back(record);
      }
    }
    return found;
  }
  // The only record that is left of it, of this kind.
  template <class R>
  R only(const std::string& name) {
    const auto found = of(name);
    EXPECT_EQ(found.size(), 1u);
    return std::get<R>(found.front());
  }
  void check() { expect_covers(log.from_what_is_left(), log.from_all()); }

  Cleaned log{1000};
  std::string x = Cleaned::name(0, 1), y = Cleaned::name(2, 2);
};

// --- each kind of record, and each state of the name

TEST_F(Keeping, WhatIsAcceptedIsWrittenAnewWhole) {
  accept(ballot(2, 2), state(1, kA, "red"), x);
  log.clean_all();
  const auto kept = only<KeptRecord>(x);
  EXPECT_EQ(kept.accepted, ballot(2, 2));
  EXPECT_EQ(kept.promised, ballot(2, 2));
  EXPECT_EQ(kept.state.value, "red");
  EXPECT_FALSE(kept.settled);
  EXPECT_FALSE(kept.decided);
  check();
}

TEST_F(Keeping, WhatWasKeptIsKeptAgain) {
  accept(ballot(2, 2), state(1, kA, "red"), x);
  for (int n = 0; n < 3; ++n) {
    log.clean_all();
    EXPECT_EQ(only<KeptRecord>(x).state.value, "red");
    check();
  }
}

TEST_F(Keeping, ALonePromiseIsMadeAgain) {
  prepare(ballot(3, 2), x);
  log.clean_all();
  EXPECT_EQ(only<PromiseRecord>(x).ballot, ballot(3, 2));
  check();
}

TEST_F(Keeping, WhatWasOvertakenIsNot) {
  accept(ballot(1, 2), state(1, kA), x);
  prepare(ballot(2, 2), y);
  log.close_segment();
  accept(ballot(1, 2), state(2, kB), x);
  accept(ballot(4, 2), state(1, kB), y);
  log.clean(0);
  EXPECT_EQ(only<AcceptRecord>(x).state.version, 2u);
  EXPECT_EQ(only<AcceptRecord>(y).ballot, ballot(4, 2));
  check();
}

// The promise is in a later record, and what is accepted in the one that goes.
TEST_F(Keeping, AnAcceptBelowAPromiseIsKeptWithThePromise) {
  accept(ballot(1, 2), state(1, kA, "red"), x);
  log.close_segment();
  prepare(ballot(5, 2), x);
  log.clean(0);
  log.sync();
  check();
  log.clean_all();
  const auto kept = only<KeptRecord>(x);
  EXPECT_EQ(kept.promised, ballot(5, 2));
  EXPECT_EQ(kept.accepted, ballot(1, 2));
  check();
}

// The other way round: the accept stays where it is.
TEST_F(Keeping, APromiseAboveAnAcceptIsMadeAgainAlone) {
  accept(ballot(1, 2), state(1, kA, "red"), x);
  log.close_segment();
  prepare(ballot(5, 2), x);
  log.close_segment();
  log.clean(1);
  EXPECT_EQ(log.count<KeptRecord>(), 0u);
  EXPECT_EQ(log.count<PromiseRecord>(), 1u);
  check();
}

TEST_F(Keeping, NewsAndFactsAreNotNeeded) {
  accept(ballot(2, 2), state(1, kA), x);
  log.receive(2, Decided{ballot(2, 2), 1, x});
  log.receive(0, HomeProgress{Incarnation{1}, Sequence{5}});
  log.receive(0, ChosenRange{Incarnation{1}, Sequence{1}, Sequence{5}});
  log.receive(0, ClaimHome{Incarnation{2}, 0, 0});
  for (const Cleaned::Logged& record : log.log()) {
    const Record decoded = *decode_record(record.bytes);
    EXPECT_EQ(record.needed, std::holds_alternative<AcceptRecord>(decoded)) << decoded.index();
  }
  log.clean_all();
  EXPECT_TRUE(only<KeptRecord>(x).decided) << "this one told it";
  EXPECT_EQ(log.count<DecidedRecord>() + log.count<ChosenRangeRecord>(), 0u);
  check();
}

// A home's own, as it tells the others.
TEST_F(Keeping, WhatANodeAnnouncesItselfIsNews) {
  for (size_t peer : {0, 2}) log.receive(peer, ClaimReply{Incarnation{1}, 1, 0, 0, true, {}});
  log.write(Cleaned::name(1, 1), kA);
  log.sync();
  log.receive(0, AcceptedRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  for (int n = 0; n < 100; ++n) log.tick();
  ASSERT_EQ(log.count<ChosenRangeRecord>(), 1u);
  for (const Cleaned::Logged& record : log.log()) {
    const Record decoded = *decode_record(record.bytes);
    EXPECT_EQ(record.needed, std::holds_alternative<AcceptRecord>(decoded)) << decoded.index();
  }
}

TEST_F(Keeping, TheFactsAreWrittenAnew) {
  log.receive(0, ClaimHome{Incarnation{7}, 0, 0});
  log.receive(2, HomeProgress{Incarnation{4}, Sequence{9}});
  log.clean_all();
  EXPECT_EQ(log.count<IncarnationRecord>(), 1u);
  check();
  log.restart();
  accept(ballot(0, 0, 6), state(1, kA), x);
  EXPECT_TRUE(of(x).empty()) << "the range promise is forgotten";
  accept(ballot(0, 2, 4), state(1, kA), y, 9);
  log.sync();
  EXPECT_FALSE(log.from_what_is_left().unsettled.contains(y)) << "the home said that it has 9";
}

// --- H3: late, never lost

TEST_F(Keeping, WhatTheHomeMayHaveLostIsListedFirst) {
  accept(ballot(0, 0), state(1, kA), x, 3);
  log.receive(0, HomeProgress{Incarnation{1}, Sequence{2}});
  log.clean_all();
  EXPECT_FALSE(only<KeptRecord>(x).settled);
  check();
}

TEST_F(Keeping, WhatTheHomeHasIsNotListed) {
  accept(ballot(0, 0), state(1, kA), x, 3);
  log.receive(0, HomeProgress{Incarnation{1}, Sequence{3}});
  log.clean_all();
  EXPECT_TRUE(only<KeptRecord>(x).settled);
  EXPECT_FALSE(log.from_what_is_left().unsettled.contains(x));
  check();
}

TEST_F(Keeping, ProgressOfALaterRunSaysNothingOfAnEarlierOne) {
  accept(ballot(0, 0), state(1, kA), x, 3);
  log.receive(0, HomeProgress{Incarnation{2}, Sequence{9}});
  log.clean_all();
  EXPECT_FALSE(only<KeptRecord>(x).settled);
  check();
}

TEST_F(Keeping, WhatWasSettledSinceIsKeptAsSettled) {
  accept(ballot(2, 2), state(1, kA), x);
  log.clean_all();
  EXPECT_FALSE(only<KeptRecord>(x).settled);
  log.receive(0, Settled{ballot(2, 2), ballot(2, 2), x});
  log.clean_all();
  EXPECT_TRUE(only<KeptRecord>(x).settled);
}

// --- durability, and crashes on the way

TEST_F(Keeping, NothingIsReleasedBeforeWhatWasKeptIsDurable) {
  accept(ballot(2, 2), state(1, kA), x);
  log.sync();
  log.close_segment();
  log.begin_cleaning(0);
  EXPECT_TRUE(log.keep_some(100));
  EXPECT_FALSE(log.release());
  log.restart();
  check();
  EXPECT_EQ(log.explain(x).accepted, ballot(2, 2));
}

// It was overtaken by what is not on the disk yet: the old one must wait for the new one.
TEST_F(Keeping, WhatOvertookItMustBeDurableToo) {
  accept(ballot(2, 2), state(1, kA), x);
  log.sync();
  log.close_segment();
  accept(ballot(2, 2), state(2, kB), x);
  log.begin_cleaning(0);
  EXPECT_TRUE(log.keep_some(100));
  EXPECT_FALSE(log.release());
  log.restart();
  EXPECT_EQ(log.explain(x).version, 1u);
  check();
}

TEST_F(Keeping, NumbersGoOnOverARestart) {
  accept(ballot(2, 2), state(1, kA, "red"), x);
  prepare(ballot(3, 2), y);
  log.sync();
  log.restart();
  log.clean_all();
  EXPECT_EQ(only<KeptRecord>(x).state.value, "red");
  EXPECT_EQ(only<PromiseRecord>(y).ballot, ballot(3, 2));
  check();
}

TEST_F(Keeping, OfManyRecordsOfANameOneIsNeeded) {
  for (uint64_t version = 1; version <= 20; ++version) {
    accept(ballot(1, 2), state(version, request_id(1, version), std::string(version, 'v')), x);
    if (version % 5 == 0) log.clean_all();
    if (version % 7 == 0) log.sync(), log.restart();
  }
  size_t needed = 0;
  for (const Cleaned::Logged& record : log.log()) needed += record.needed;
  EXPECT_EQ(needed, 1u);
  check();
}

// --- names that another core's log has

TEST_F(Keeping, WhatAnotherCoreHasIsWrittenIntoOnesOwnLog) {
  log.put_elsewhere(AcceptRecord{ballot(1, 2), CoreId{0}, Sequence{0}, state(1, kA, "red"), x});
  log.put_elsewhere(AcceptRecord{ballot(0, 2), CoreId{0}, Sequence{4}, state(1, kB, "blue"), y});
  log.put_elsewhere(PromiseRecord{ballot(6, 2), y});
  log.restart();
  while (log.adopt()) {
  }
  log.sync();
  EXPECT_FALSE(only<KeptRecord>(x).settled);
  EXPECT_EQ(only<KeptRecord>(y).promised, ballot(6, 2));
  EXPECT_FALSE(only<KeptRecord>(y).settled) << "no word of its home is known";
  const Concluded with = log.from_what_is_left();
  log.elsewhere().clear();
  expect_covers(log.from_what_is_left(), with);
}

TEST_F(Keeping, WhatOnesOwnLogHasIsNotAdopted) {
  accept(ballot(1, 2), state(1, kA, "red"), x);
  log.sync();
  log.put_elsewhere(AcceptRecord{ballot(1, 2), CoreId{0}, Sequence{0}, state(1, kA, "red"), x});
  log.restart();
  while (log.adopt()) {
  }
  EXPECT_EQ(only<AcceptRecord>(x).ballot, ballot(1, 2));
}

// The promise is here and what is accepted is there: only both together are whole. A promise of the
// same ballot does not say what was accepted under it either.
TEST_F(Keeping, HalfOfANameElsewhereIsAdoptedToo) {
  const std::pair<std::string, Ballot> halves[] = {{x, ballot(1, 2)}, {y, ballot(5, 2)}};
  for (const auto& [name, accepted] : halves) {
    prepare(ballot(5, 2), name);
    log.sync();
    log.put_elsewhere(AcceptRecord{accepted, CoreId{0}, Sequence{0}, state(1, kA, "red"), name});
  }
  log.restart();
  while (log.adopt()) {
  }
  log.sync();
  log.elsewhere().clear();
  const Concluded left = log.from_what_is_left();
  for (const auto& [name, accepted] : halves) EXPECT_EQ(left.names.at(name).accepted, accepted);
}

// Not of what was read, but no record of this core has all of it either.
TEST_F(Keeping, WhatIsAcceptedAndPromisedOverBetweenTwoAdoptionsIsListed) {
  const std::string large(40'000, 'v');
  for (const int n : {0, 1, 2, 3})
    log.put_elsewhere(
        AcceptRecord{ballot(1, 2), CoreId{0}, {}, state(1, kA, large), Cleaned::name(2, n)});
  log.restart();
  ASSERT_TRUE(log.adopt()) << "more than fits into one";
  accept(ballot(0, 0), state(1, kA), x, 3);
  prepare(ballot(1, 2), x);
  while (log.adopt()) {
  }
  log.clean_all();
  EXPECT_FALSE(only<KeptRecord>(x).settled) << "its home has not said that it has 3";
  check();
}

// --- any order of all that can happen

class AnyOrder {
 public:
  explicit AnyOrder(uint64_t seed) : prng_(seed) {
    for (size_t home = 0; home < 3; ++home) {
      for (int n = 0; n < 3; ++n) names_.push_back({Cleaned::name(home, n), home});
    }
  }
  void run(int steps) {
    for (int n = 0; n < steps && !testing::Test::HasFailure(); ++n) step();
    settle_down();
  }
  size_t released() const { return released_; }

 private:
  struct Named {
    std::string text;
    size_t home;
  };

  void step() {
    const uint64_t what = prng_.below(100);
    if (what < 45) return message();
    if (what < 60) return log_.sync();
    if (what < 63) return log_.tick();
    if (what < 65) return restart();
    clean();
  }
  void message() {
    Named& name = names_[prng_.below(names_.size())];
    const size_t peer = prng_.below(2) * 2;
    const size_t home = name.home == Cleaned::kSelf ? peer : name.home;
    const Ballot any{Round{static_cast<uint32_t>(1 + prng_.below(6))},
                     NodeId{static_cast<uint16_t>(peer + 1)}, incarnation_[peer]};
    const uint64_t version = 1 + prng_.below(4);
    switch (prng_.below(9)) {
      case 0:
        return log_.receive(peer, Prepare{1, any, name.text});
      case 1:
      case 2:
        return log_.receive(peer, Accept{1, any, made(any, version), name.text});
      case 3:
      case 4: {
        if (name.home == Cleaned::kSelf) return;
        const Ballot zero = ballot(0, home, incarnation_[home].value);
        sent_[{home, ++sequence_[home]}] = {name.text, version};
        return log_.receive(home, Accept{sequence_[home], zero, made(zero, version), name.text});
      }
      case 5:
        progress_[home] = std::max(progress_[home], prng_.below(sequence_[home] + 1));
        for (uint64_t n = 1; n <= progress_[home]; ++n) {
          const auto& [text, said] = sent_[{home, n}];
          at_home_.insert({text, ballot(0, home, incarnation_[home].value), said});
        }
        return log_.receive(home, HomeProgress{incarnation_[home], Sequence{progress_[home]}});
      case 6: {
        if (sequence_[home] == 0) return;
        const Sequence first{1 + prng_.below(sequence_[home])}, last{sequence_[home]};
        for (Sequence n = first; n <= last; n = n.next()) chosen_.insert(sent_[{home, n.value}]);
        return log_.receive(home, ChosenRange{incarnation_[home], first, last});
      }
      case 7: {
        const Explanation told = log_.explain(name.text);
        if (name.home == Cleaned::kSelf || told.accepted.is_null()) return;
        settled_[name.text] = std::pair(told.accepted, told.version);
        log_.receive(name.home, Settled{told.promised, told.accepted, name.text});
        if (told.accepted.node == Cleaned::endpoint(peer).node) {
          chosen_.insert({name.text, told.version});
          log_.receive(peer, Decided{told.accepted, told.version, name.text});
        }
        return;
      }
      default:
        if (prng_.below(4) != 0) return;
        incarnation_[home] = incarnation_[home].next();
        sequence_[home] = progress_[home] = 0;
        return log_.receive(home, ClaimHome{incarnation_[home], 0, 0});
    }
  }
  // Under one ballot one state of each version.
  static State made(const Ballot& b, uint64_t version) {
    static const std::string kValue(40, 'v');
    const uint32_t under = b.round.value * 100 + b.node.value * 10 + b.incarnation.value;
    const uint64_t which = under * 10 + version;
    return {version, false, request_id(7, which), std::string_view(kValue).substr(0, which % 40)};
  }
  void clean() {
    if (!log_.cleaning()) {
      const auto sealed = log_.sealed();
      if (sealed.empty()) return;
      reading_ = true;
      return log_.begin_cleaning(sealed[prng_.below(sealed.size())]);
    }
    if (reading_) {
      reading_ = !log_.keep_some(1 + prng_.below(4));
      return;
    }
    if (!log_.release()) return;
    ++released_;
    check();
  }
  void restart() {
    check();
    log_.restart();
    check();
  }
  void check() {
    const Concluded left = log_.from_what_is_left();
    // What its home has said to be on its own disk, too.
    std::set<std::string> settled;
    for (const auto& [name, is] : left.names) {
      const auto told = settled_.find(name);
      const bool said =
          told != settled_.end() && told->second == std::pair(is.accepted, is.version);
      if (said || at_home_.contains({name, is.accepted, is.version})) settled.insert(name);
    }
    expect_covers(left, log_.from_all(), settled);
    for (const auto& [name, is] : left.names) {
      EXPECT_TRUE(!is.decided || chosen_.contains({name, is.version})) << name << " was not chosen";
    }
  }
  // In the end the count is right: of each name one record is needed, and of nothing else.
  void settle_down() {
    log_.sync();
    if (log_.cleaning()) log_.restart();
    for (int n = 0; n < 2; ++n) log_.clean_all();
    check();
    std::map<std::string, int> needed;
    for (const Record& record : needed_records()) {
      if (const auto* promise = std::get_if<PromiseRecord>(&record))
        ++needed[std::string(promise->name)];
      if (const auto* kept = std::get_if<KeptRecord>(&record)) ++needed[std::string(kept->name)];
    }
    EXPECT_EQ(needed.size(), needed_records().size());
    EXPECT_EQ(needed.size(), log_.from_all().names.size());
  }
  std::vector<Record> needed_records() const {
    std::vector<Record> found;
    for (const Cleaned::Logged& record : log_.log()) {
      if (record.needed) found.push_back(*decode_record(record.bytes));
    }
    return found;
  }

  Prng prng_;
  Cleaned log_;
  std::vector<Named> names_;
  Incarnation incarnation_[3] = {Incarnation{1}, Incarnation{1}, Incarnation{1}};
  uint64_t sequence_[3] = {}, progress_[3] = {};
  std::map<std::string, std::pair<Ballot, uint64_t>> settled_;
  std::map<std::pair<size_t, uint64_t>, std::pair<std::string, uint64_t>> sent_;
  std::set<std::pair<std::string, uint64_t>> chosen_;            // as was told
  std::set<std::tuple<std::string, Ballot, uint64_t>> at_home_;  // by its progress
  bool reading_ = false;
  size_t released_ = 0;
};

TEST(KeepingInAnyOrder, RecoveryConcludesTheSameOrListsMore) {
  size_t released = 0;
  for (uint64_t seed = 1; seed <= 120; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    AnyOrder any(seed);
    any.run(400);
    released += any.released();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(released, 1'500u);
}

}  // namespace keep_test
}  // namespace once::paxos::test

// Every limit of the core, met exactly and passed by one: names, values, versions, times, places.
#include <gtest/gtest.h>

#include "paxos/change.h"
#include "tests/paper/solo.h"

namespace once::paxos::test {
namespace limits_test {

const RequestId kA = request_id(1, 1), kB = request_id(1, 2);
constexpr uint64_t k32 = uint64_t{1} << 32;

// A name of that many bytes whose home is that member.
std::string name_of_size(size_t size, size_t home) {
  for (int k = 0;; ++k) {
    std::string name = std::to_string(k) + std::string(size, '-');
    if (size == 1) name = std::string(1, static_cast<char>(k));
    name.resize(size);
    if (home_slot_of(name_hash(name, Solo::kHashSeed), 3).value == home) return name;
  }
}

// Peer 1 agrees to everything and holds nothing.
void agree(Solo& solo) {
  for (int ms = 0; ms < 60; ++ms) {
    solo.sync();
    for (const Prepare& m : solo.take<Prepare>()) {
      solo.receive(1, Promise{m.op, m.ballot, Ballot{}, State{}});
    }
    for (const Accept& m : solo.take<Accept>()) {
      if (m.ballot.is_round_zero()) {
        solo.receive(1, AcceptedRange{m.ballot.incarnation, Sequence{m.op}, Sequence{m.op}});
      } else {
        solo.receive(1, Accepted{m.op, m.ballot, m.state.version});
      }
    }
    for (const ReadState& m : solo.take<ReadState>()) {
      solo.receive(1, ReadReply{m.op, false, Ballot{}, State{}});
    }
    solo.wait(1);
  }
}

// --- names and values
// --------------------------------------------------------------------------------

struct Size {
  size_t name, value;
  bool fits;
};
const Size kSizes[] = {{1, 1, true},        {1024, 1, true},     {1025, 1, false},
                       {5, 0, true},        {5, 65535, true},    {5, 65536, true},
                       {5, 65537, false},   {1024, 65536, true}, {1025, 65536, false},
                       {1024, 65537, false}};

TEST(Limits, OfNamesAndValuesThroughTheDoorOfClients) {
  for (const Size& size : kSizes) {
    Solo solo{0, 3};
    const std::string name = name_of_size(size.name, 0), value(size.value, 'v');
    const auto token = solo.write(name, value, kA);
    if (!size.fits) {
      EXPECT_EQ(solo.answer(token).status, Status::kInvalid) << size.name << " " << size.value;
      EXPECT_EQ(solo.unsynced(), 0u);
      continue;
    }
    agree(solo);
    ASSERT_TRUE(solo.answered(token)) << size.name << " " << size.value;
    EXPECT_EQ(solo.answer(token).status, Status::kDone);
    const auto read = solo.read(name);
    EXPECT_EQ(solo.answer(read).value, value);
    solo.restart();
    EXPECT_EQ(solo.state_of(name).accepted.value, value) << "after a restart";
  }
}

TEST(Limits, OfNamesAndValuesThroughTheDoorOfPeers) {
  for (const Size& size : kSizes) {
    Solo solo{0, 3};
    const std::string name = name_of_size(size.name, 0), value(size.value, 'v');
    solo.receive(2, Forward{7, Incarnation{1}, 1, Operation::kWrite, kA, 1000, name, value});
    agree(solo);
    const auto replies = solo.take<ForwardReply>();
    ASSERT_EQ(replies.size(), 1u) << size.name << " " << size.value;
    EXPECT_EQ(replies[0].status, size.fits ? Status::kDone : Status::kInvalid);
  }
}

TEST(Limits, NoNameAtAllIsInvalidForEveryOperation) {
  Solo solo{0, 3};
  for (int o = 1; o <= static_cast<int>(kLastOperation); ++o) {
    const auto token = solo.ask({0, static_cast<Operation>(o), kA, 1000, "", ""});
    EXPECT_EQ(solo.answer(token).status, Status::kInvalid) << o;
  }
}

// Whom the door of a node lets in is the door's business: the system keeps names of its own.
TEST(Limits, NamesOfTheSystemAreServedToTheSystem) {
  Solo solo{0, 3};
  std::string name = "_";
  while (home_slot_of(name_hash(name, Solo::kHashSeed), 3).value != 0) name += '0';
  const auto token = solo.write(name, "v", kA);
  agree(solo);
  ASSERT_TRUE(solo.answered(token));
  EXPECT_EQ(solo.answer(token).status, Status::kDone);
  solo.receive(2, Forward{7, Incarnation{1}, 1, Operation::kRead, {}, 1000, name, ""});
  agree(solo);
  const auto replies = solo.take<ForwardReply>();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].status, Status::kDone);
}

TEST(Limits, AValueOfWhatTakesNoneIsInvalid) {
  Solo solo{0, 3};
  for (int o = 1; o <= static_cast<int>(kLastOperation); ++o) {
    const auto operation = static_cast<Operation>(o);
    const auto token = solo.ask({0, operation, kA, 1000, solo.name(0, o), "v"});
    const bool invalid = solo.answered(token) && solo.answer(token).status == Status::kInvalid;
    EXPECT_EQ(invalid, !takes_value(operation)) << o;
  }
}

// An acceptor takes what a proposer may send, and has it after a restart.
TEST(Limits, OfTheAcceptor) {
  Solo solo{1, 3};
  const std::string name = name_of_size(1024, 0), value(65536, 'v');
  solo.receive(2, Accept{1, ballot(1, 2), state(kA, value), name});
  solo.sync();
  EXPECT_EQ(solo.take<Accepted>().size(), 1u);
  solo.restart();
  EXPECT_EQ(solo.state_of(name).accepted.value, value);
  EXPECT_EQ(solo.claim(0, 2), std::vector<std::string>{name});
}

TEST(Limits, OfNamesThatAreToBeSettled) {
  Solo solo{0, 3};
  const std::string longest = name_of_size(1024, 0), longer = name_of_size(1025, 0);
  for (const std::string& name : {longest, longer}) {
    solo.receive(1, SettleQuery{ballot(3, 2), ballot(3, 2), name});
    EXPECT_EQ(!solo.take<Prepare>().empty(), name == longest);  // it finishes what it lacks
  }
}

// --- versions
// ----------------------------------------------------------------------------------------

class Versions : public testing::TestWithParam<uint64_t> {
 protected:
  // The register has that version, not sealed, as an earlier run left it.
  void begin(uint64_t version) {
    solo.put_on_disk(
        AcceptRecord{ballot(1, 1), CoreId{0}, Sequence{0}, State{version, false, kB, "old"}, x});
    solo.restart();
  }
  Answer ask(Operation operation, uint64_t version, std::string_view value = {}) {
    const auto token = solo.ask({0, operation, kA, 1000, x, value, version});
    agree(solo);
    if (!solo.answered(token)) solo.wait(1000);
    return solo.answer(token);
  }
  Solo solo{0, 3};
  const std::string x = solo.name(0);
};

TEST_P(Versions, ACasExpectsAllOfIt) {
  const uint64_t version = GetParam();
  begin(version);
  for (const uint64_t other : {version ^ k32, version - 1, version + 1, version % k32}) {
    if (other == version) continue;
    const Answer refused = ask(Operation::kCas, other, "new");
    EXPECT_EQ(refused.status, Status::kConflict) << other;
    EXPECT_EQ(refused.version, version);
  }
  const Answer done = ask(Operation::kCas, version, "new");
  EXPECT_EQ(done.status, Status::kDone);
  EXPECT_EQ(done.version, version + 1);
}

TEST_P(Versions, SoDoASealACheckAndAWait) {
  const uint64_t version = GetParam();
  begin(version);
  EXPECT_EQ(ask(Operation::kSeal, version ^ k32).status, Status::kConflict);
  EXPECT_EQ(ask(Operation::kCheck, version ^ k32).status, Status::kConflict);
  EXPECT_EQ(ask(Operation::kCheck, version).status, Status::kDone);
  EXPECT_EQ(ask(Operation::kWait, version - 1).status, Status::kDone);
  EXPECT_EQ(ask(Operation::kWait, version).status, Status::kNotYet);
  EXPECT_EQ(ask(Operation::kSeal, version).version, version + 1);
}

TEST_P(Versions, ATokenIsTheNextOfThem) {
  begin(GetParam());
  EXPECT_EQ(ask(Operation::kNext, 0).version, GetParam() + 1);
  EXPECT_EQ(ask(Operation::kRead, 0).value, "old");
  solo.restart();
  EXPECT_EQ(solo.state_of(x).accepted.version, GetParam() + 1);
}

INSTANTIATE_TEST_SUITE_P(AroundEachPower, Versions,
                         testing::Values(1, k32 - 1, k32, k32 + 1, uint64_t{1} << 63,
                                         kMaxVersion - 1));

class LastVersion : public Versions {};

TEST_F(LastVersion, IsFollowedByNone) {
  begin(kMaxVersion);
  for (const Operation o : {Operation::kSet, Operation::kNext}) {
    const Answer refused = ask(o, 0);
    EXPECT_EQ(refused.status, Status::kSealed);
    EXPECT_EQ(refused.version, kMaxVersion);
  }
  EXPECT_EQ(ask(Operation::kCas, kMaxVersion, "new").status, Status::kSealed);
  EXPECT_EQ(ask(Operation::kCheck, kMaxVersion).status, Status::kDone);
}

TEST(Limits, OfTheVersionsThatAnAcceptorTakes) {
  for (const auto& [version, fits] : {std::pair<uint64_t, bool>{0, false},
                                      {1, true},
                                      {kMaxVersion, true},
                                      {kMaxVersion + 1, false}}) {
    Solo solo{1, 3};
    const std::string x = solo.name(0);
    solo.receive(2, Accept{1, ballot(1, 2), State{version, false, kA, "v"}, x});
    EXPECT_EQ(solo.state_of(x).accepted.version, fits ? version : 0);
    EXPECT_EQ(solo.counters().ignored_messages, fits ? 0u : 1u);
  }
}

// What an acceptor reports is adopted, written down and reported in turn: a state that no log can
// hold would go from node to node, and none of them would read its log again.
TEST(Limits, OfTheVersionsThatAreAdopted) {
  for (const auto& [version, fits] :
       {std::pair<uint64_t, bool>{kMaxVersion, true}, {kMaxVersion + 1, false}}) {
    const State reported{version, false, kB, "theirs"};
    Solo solo{0, 3};
    const std::string x = solo.name(2);
    solo.link_down(2);
    solo.ask({0, Operation::kWrite, kA, 2000, x, "mine"});
    solo.sync();
    const auto prepares = solo.take<Prepare>();
    ASSERT_FALSE(prepares.empty());
    const Prepare& prepare = prepares.front();
    solo.receive(1, Promise{prepare.op, prepare.ballot, ballot(0, 2), reported});
    EXPECT_EQ(solo.state_of(x).accepted.version, fits ? version : 0);
    EXPECT_EQ(solo.counters().ignored_messages, fits ? 0u : 1u);
    solo.sync();
    solo.restart();  // which reads all of the log
  }
}

TEST(Limits, OfTheVersionsThatAReadTells) {
  for (const auto& [version, fits] :
       {std::pair<uint64_t, bool>{kMaxVersion, true}, {kMaxVersion + 1, false}}) {
    Solo solo{0, 3};
    const std::string x = solo.name(2);
    solo.ask({0, Operation::kRead, {}, 2000, x, ""});
    const auto asked = solo.take<ReadState>();
    ASSERT_FALSE(asked.empty());
    solo.receive(1, ReadReply{asked[0].op, true, ballot(0, 2), State{version, false, kB, "v"}});
    EXPECT_EQ(solo.counters().ignored_messages, fits ? 0u : 1u);
    solo.sync();
    solo.restart();
  }
}

// --- times
// --------------------------------------------------------------------------------------------

// The ms after which a write that nobody answers is told so.
int64_t patience(uint32_t timeout_ms) {
  Solo solo{0, 3};
  const auto token = solo.write(solo.name(0), "v", kA, timeout_ms);
  for (int64_t ms = 0; ms < 70'000; ++ms) {
    if (solo.answered(token)) return ms;
    solo.wait(1);
  }
  return -1;
}

TEST(Limits, OfTheTimeThatARequestMayTake) {
  EXPECT_EQ(patience(1), 1);
  EXPECT_EQ(patience(250), 250);
  EXPECT_EQ(patience(59'999), 59'999);
  for (const uint32_t long_time : {60'000u, 60'001u, UINT32_MAX}) {
    EXPECT_EQ(patience(long_time), 60'000) << long_time;
  }
}

// docs/protocol.md: "0: the server chooses".
TEST(Limits, NoTimeIsNoShortTime) { EXPECT_EQ(patience(0), kChosenTimeoutMs); }

// The other node has chosen already, and has none left.
TEST(Limits, NoTimeThatIsLeftOfAForwardedRequestIsShort) {
  Solo solo{0, 3};
  solo.receive(1, Forward{7, Incarnation{1}, 1, Operation::kWrite, kA, 0, solo.name(0), "v"});
  solo.sync();
  solo.wait(2);
  EXPECT_EQ(solo.take<ForwardReply>().size(), 1u);
}

// --- places
// -------------------------------------------------------------------------------------------

bool is_overloaded(Solo& solo, uint64_t token) {
  return solo.answered(token) && solo.answer(token).status == Status::kOverloaded;
}

TEST(Limits, OfRequestsThatWait) {
  Solo solo{1, 3};
  for (int n = 0; n < 256; ++n) {
    EXPECT_FALSE(solo.answered(solo.write(solo.name(0, n), "v", kA))) << n;
  }
  EXPECT_TRUE(is_overloaded(solo, solo.write(solo.name(0, 256), "v", kA)));
  const auto forwards = solo.take<Forward>();
  ASSERT_EQ(forwards.size(), 256u);
  solo.receive(0, ForwardReply{forwards[9].op, Status::kDone, state(kA, {})});
  EXPECT_FALSE(solo.answered(solo.write(solo.name(0, 257), "v", kA)));
  EXPECT_TRUE(is_overloaded(solo, solo.write(solo.name(0, 258), "v", kA)));
}

TEST(Limits, OfWaitsThatLeaveRoomForOthers) {
  Solo solo{1, 3};
  for (int n = 0; n < 128; ++n) {
    const auto token = solo.ask({0, Operation::kWait, {}, 1000, solo.name(0, n), {}, 0});
    EXPECT_FALSE(solo.answered(token)) << n;
  }
  EXPECT_TRUE(is_overloaded(solo, solo.ask({0, Operation::kWait, {}, 1000, solo.name(0), {}, 0})));
  EXPECT_FALSE(solo.answered(solo.write(solo.name(0), "v", kA)));
}

TEST(Limits, OfRoundZeroProposals) {
  Solo solo{0, 3};
  for (size_t n = 0; n < Solo::kWindow; ++n) {
    EXPECT_FALSE(solo.answered(solo.write(solo.name(0, static_cast<int>(n)), "v", kA)));
  }
  EXPECT_TRUE(is_overloaded(solo, solo.write(solo.name(0, 90), "v", kA)));
  solo.receive(1, AcceptedRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  solo.receive(2, AcceptedRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  EXPECT_TRUE(is_overloaded(solo, solo.write(solo.name(0, 91), "v", kA)))
      << "its place is free once its own accept is durable";
  solo.sync(1);
  EXPECT_FALSE(solo.answered(solo.write(solo.name(0, 92), "v", kA)));
  EXPECT_TRUE(is_overloaded(solo, solo.write(solo.name(0, 93), "v", kA)));
}

TEST(Limits, OfMembers) {
  Solo solo{0, 15};
  const auto token = solo.write(solo.name(0), "v", kA);
  solo.sync();
  for (size_t peer = 14; peer > 8; --peer)
    solo.receive(peer, AcceptedRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  EXPECT_FALSE(solo.answered(token)) << "seven of fifteen";
  solo.receive(14, AcceptedRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  EXPECT_FALSE(solo.answered(token)) << "one of them twice";
  solo.receive(1, AcceptedRange{Incarnation{1}, Sequence{1}, Sequence{1}});
  ASSERT_TRUE(solo.answered(token));
  EXPECT_EQ(solo.answer(token).status, Status::kDone);
}

}  // namespace limits_test
}  // namespace once::paxos::test

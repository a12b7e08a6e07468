// Records at their limits and one beyond, cut short and run on, and of kinds that nobody knows:
// what is not a record of ours is said to be none, by the decoder and by the recovery of a core.
#include "paxos/record.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <tuple>

#include "base/bytes.h"
#include "base/limits.h"
#include "paxos/replica.h"

namespace once::paxos {
namespace record_test {

constexpr uint64_t k32 = uint64_t{1} << 32;
const Ballot kBallot{Round{3}, NodeId{2}, Incarnation{5}};
const Ballot kRoundZero{Round{0}, NodeId{2}, Incarnation{5}};
const std::string kLongestName(kMaxNameBytes, 'n'), kLongestValue(kMaxValueBytes, 'v');

std::string bytes_of(const Record& record) {
  std::vector<char> out;
  encode_record(record, out);
  return {out.begin(), out.end()};
}
bool decodes(const std::string& bytes) { return decode_record(bytes).has_value(); }

State state_of(std::string_view value, uint64_t version = 1) {
  return {version, true, request_id(1, 2), value};
}

std::map<std::string, Record> one_of_each() {
  return {
      {"incarnation", IncarnationRecord{Incarnation{7}}},
      {"promise", PromiseRecord{kBallot, "name"}},
      {"accept", AcceptRecord{kRoundZero, CoreId{3}, Sequence{9}, state_of("value"), "name"}},
      {"range promise", RangePromiseRecord{NodeId{2}, Incarnation{7}}},
      {"chosen range",
       ChosenRangeRecord{{NodeId{2}, CoreId{3}}, Incarnation{7}, Sequence{8}, Sequence{9}}},
      {"home progress", HomeProgressRecord{{NodeId{2}, CoreId{3}}, Incarnation{7}, Sequence{8}}},
      {"decided", DecidedRecord{kBallot, 9, "name"}},
      {"kept", KeptRecord{kBallot, kRoundZero, state_of("value"), true, false, "name"}}};
}
// What is left of one that is cut may be one with a shorter name, or value.
size_t shortest(const Record& record) {
  const std::string whole = bytes_of(record);
  const bool has_value =
      std::holds_alternative<AcceptRecord>(record) || std::holds_alternative<KeptRecord>(record);
  if (has_value) return whole.size() - 5;
  const bool named = std::holds_alternative<PromiseRecord>(record) ||
                     std::holds_alternative<DecidedRecord>(record);
  return named ? whole.size() - 3 : whole.size();
}

struct Recovering {
  explicit Recovering(uint16_t index = 0, uint16_t cores = 1) {
    ReplicaOptions options;
    options.self = {NodeId{1}, CoreId{index}};
    options.cores = cores;
    options.members = {NodeId{1}, NodeId{2}, NodeId{3}};
    options.shard_count = 64;
    options.max_operations = options.max_tasks = options.round_zero_window = 16;
    replica = Replica::make(options);
  }
  bool operator()(const std::string& bytes) { return replica->recover(bytes); }
  bool operator()(const Record& record) { return replica->recover(bytes_of(record)); }
  std::unique_ptr<Replica> replica;
};

TEST(Records, EveryKindComesBackWhole) {
  for (const auto& [kind, record] : one_of_each()) {
    const std::string bytes = bytes_of(record);
    const auto back = decode_record(bytes);  // its views are into them
    ASSERT_TRUE(back) << kind;
    EXPECT_EQ(back->index(), record.index());
    EXPECT_EQ(bytes_of(*back), bytes) << kind;
    EXPECT_TRUE(Recovering()(record)) << kind;
  }
}

TEST(Records, AKindThatNobodyKnowsIsNoneOfOurs) {
  const std::string tail = bytes_of(one_of_each().at("accept")).substr(1);
  for (int kind = 0; kind < 256; ++kind) {
    if (kind >= 1 && kind <= 7) continue;
    const std::string alone(1, static_cast<char>(kind));
    for (const std::string& bytes : {alone, alone + tail, alone + std::string(4, '\0')}) {
      EXPECT_FALSE(decodes(bytes)) << kind;
      EXPECT_FALSE(Recovering()(bytes)) << kind;
    }
  }
  EXPECT_FALSE(Recovering()(std::string()));
}

TEST(Records, OneThatIsCutShortIsNoneOfOurs) {
  for (const auto& [kind, record] : one_of_each()) {
    const std::string whole = bytes_of(record);
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(decodes(whole.substr(0, size)), size >= shortest(record)) << kind << " " << size;
      EXPECT_EQ(Recovering()(whole.substr(0, size)), size >= shortest(record)) << kind;
    }
  }
}

TEST(Records, OneThatRunsOnIsNoneOfOurs) {
  for (const char* kind : {"incarnation", "range promise", "chosen range", "home progress"}) {
    const std::string longer = bytes_of(one_of_each().at(kind)) + '\0';
    EXPECT_FALSE(decodes(longer)) << kind;
    EXPECT_FALSE(Recovering()(longer)) << kind;
  }
}

TEST(Records, NamesHaveOneTo1024Bytes) {
  for (const size_t size : {0u, 1u, 1023u, 1024u, 1025u, 65535u}) {
    const std::string name(size, 'n');
    const bool fits = size >= 1 && size <= 1024;
    for (const Record& record :
         {Record{PromiseRecord{kBallot, name}}, Record{DecidedRecord{kBallot, 1, name}},
          Record{AcceptRecord{kBallot, CoreId{0}, Sequence{0}, state_of("v"), name}},
          Record{AcceptRecord{kRoundZero, CoreId{0}, Sequence{1}, state_of(""), name}}}) {
      EXPECT_EQ(decodes(bytes_of(record)), fits) << size << " of kind " << record.index();
      EXPECT_EQ(Recovering()(record), fits) << size << " of kind " << record.index();
    }
  }
}

TEST(Records, ValuesHaveUpTo65536Bytes) {
  for (const std::string& name : {std::string("n"), kLongestName}) {
    for (const size_t size : {0u, 65535u, 65536u, 65537u}) {
      const std::string value(size, 'v');
      const Record record = AcceptRecord{kBallot, CoreId{0}, Sequence{0}, state_of(value), name};
      EXPECT_EQ(decodes(bytes_of(record)), size <= 65536) << size;
      EXPECT_EQ(Recovering()(record), size <= 65536) << size;
    }
  }
}

TEST(Records, TheLargestIsOneThatTheLogTakes) {
  const Record largest =
      AcceptRecord{kBallot, CoreId{0}, Sequence{0}, state_of(kLongestValue), kLongestName};
  EXPECT_LE(bytes_of(largest).size(), kMaxRecordBytes);
}

TEST(Records, ANameThatClaimsMoreThanThereIsIsNoneOfOurs) {
  std::string bytes = bytes_of(AcceptRecord{kBallot, CoreId{0}, Sequence{0}, state_of(""), "name"});
  const size_t size_at = bytes.size() - 4 - 2;
  for (const auto& [size, fits] : {std::pair<uint16_t, bool>{3, true},
                                   {4, true},
                                   {5, false},
                                   {1024, false},
                                   {0xffff, false}}) {
    store(bytes.data() + size_at, size);
    EXPECT_EQ(decodes(bytes), fits) << size;
  }
}

TEST(Records, AFlagOfWhichNoBitIsKnownIsNoneOfOurs) {
  std::string bytes = bytes_of(one_of_each().at("accept"));
  const size_t sealed = 1 + 10 + 2 + 8 + 8;  // kind, ballot, lane, sequence, version
  bytes[sealed] = static_cast<char>(0xff);
  EXPECT_FALSE(decodes(bytes));
  EXPECT_FALSE(Recovering()(bytes));
}

TEST(Records, WhatIsKeptIsMarkedAsItWas) {
  for (const bool decided : {false, true}) {
    for (const bool settled : {false, true}) {
      const KeptRecord record{kBallot, kRoundZero, state_of("v", 7), decided, settled, "name"};
      const std::string bytes = bytes_of(record);
      const auto read = std::get<KeptRecord>(*decode_record(bytes));
      EXPECT_EQ(read.promised, kBallot);
      EXPECT_EQ(read.accepted, kRoundZero);
      EXPECT_EQ(read.decided, decided);
      EXPECT_EQ(read.settled, settled);
      EXPECT_EQ(read.state.version, 7u);
      EXPECT_EQ(read.state.value, "v");
      EXPECT_EQ(read.name, "name");
    }
  }
}

TEST(Records, WhatIsKeptIsPromisedAsHighAsItIsAccepted) {
  EXPECT_TRUE(decodes(bytes_of(KeptRecord{kBallot, kBallot, state_of("v"), true, true, "n"})));
  EXPECT_FALSE(decodes(bytes_of(KeptRecord{kRoundZero, kBallot, state_of("v"), true, true, "n"})));
}

TEST(Records, NumbersKeepAllOfTheirBits) {
  const Ballot high{Round{UINT32_MAX - 1}, NodeId{15}, Incarnation{UINT32_MAX - 2}};
  const auto accept = std::get<AcceptRecord>(*decode_record(
      bytes_of(AcceptRecord{high,
                            CoreId{63},
                            Sequence{k32 + 5},
                            {UINT64_MAX - 1, false, request_id(k32 + 1, k32 + 2), "v"},
                            "n"})));
  EXPECT_EQ(accept.ballot, high);
  EXPECT_EQ(accept.lane.value, 63u);
  EXPECT_EQ(accept.sequence, Sequence{k32 + 5});
  EXPECT_EQ(accept.state.version, UINT64_MAX - 1);
  EXPECT_EQ(accept.state.writer, request_id(k32 + 1, k32 + 2));
  EXPECT_FALSE(accept.state.sealed);
  const Endpoint home{NodeId{15}, CoreId{63}};
  const auto range = std::get<ChosenRangeRecord>(*decode_record(bytes_of(
      ChosenRangeRecord{home, Incarnation{UINT32_MAX}, Sequence{k32 + 1}, Sequence{k32 + 2}})));
  EXPECT_EQ(range.home, home);
  EXPECT_EQ(range.first, Sequence{k32 + 1});
  EXPECT_EQ(range.last, Sequence{k32 + 2});
  const auto progress = std::get<HomeProgressRecord>(*decode_record(
      bytes_of(HomeProgressRecord{home, Incarnation{UINT32_MAX}, Sequence{k32 + 3}})));
  EXPECT_EQ(progress.durable, Sequence{k32 + 3});
  const auto decided =
      std::get<DecidedRecord>(*decode_record(bytes_of(DecidedRecord{high, k32 + 4, "n"})));
  EXPECT_EQ(decided.version, k32 + 4);
}

// --- what no run of a node can have written
// -----------------------------------------------------

TEST(RecoveredRecords, AMemberAndACoreThatThereCanBe) {
  for (const auto& [node, core, possible] : {std::tuple<uint16_t, uint16_t, bool>{1, 0, true},
                                             {3, 63, true},
                                             {3, 64, false},
                                             {0, 0, false},
                                             {4, 0, false},
                                             {0xffff, 0, false},
                                             {3, 0xffff, false}}) {
    const Endpoint home{NodeId{node}, CoreId{core}};
    const Ballot ballot{Round{0}, home.node, Incarnation{1}};
    EXPECT_EQ(Recovering()(AcceptRecord{ballot, home.core, Sequence{1}, state_of("v"), "n"}),
              possible);
    EXPECT_EQ(Recovering()(ChosenRangeRecord{home, Incarnation{1}, Sequence{1}, Sequence{1}}),
              possible)
        << node << " " << core;
    EXPECT_EQ(Recovering()(HomeProgressRecord{home, Incarnation{1}, Sequence{1}}), possible)
        << node << " " << core;
    const bool member = node >= 1 && node <= 3;
    const Ballot above{Round{1}, home.node, Incarnation{1}};
    EXPECT_EQ(Recovering()(PromiseRecord{above, "n"}), member) << node;
    EXPECT_EQ(Recovering()(RangePromiseRecord{home.node, Incarnation{1}}), member) << node;
    EXPECT_EQ(Recovering()(DecidedRecord{above, 1, "n"}), member) << node;
    const Ballot highest{Round{9}, NodeId{1}, Incarnation{1}};
    EXPECT_EQ(Recovering()(KeptRecord{highest, above, state_of("v"), true, true, "n"}), member);
    const Ballot promised{Round{9}, home.node, Incarnation{1}};
    EXPECT_EQ(Recovering()(KeptRecord{promised, kBallot, state_of("v"), true, true, "n"}), member);
  }
}

// A round above would wrap when the node tries the next one.
TEST(RecoveredRecords, RoundsThatCanBe) {
  for (const auto& [round, possible] : {std::pair<uint32_t, bool>{kMaxRound.value, true},
                                        {kMaxRound.value + 1, false},
                                        {UINT32_MAX, false}}) {
    const Ballot far{Round{round}, NodeId{2}, Incarnation{1}};
    EXPECT_EQ(Recovering()(PromiseRecord{far, "n"}), possible) << round;
    EXPECT_EQ(Recovering()(AcceptRecord{far, CoreId{0}, Sequence{1}, state_of("v"), "n"}),
              possible);
    EXPECT_EQ(Recovering()(DecidedRecord{far, 1, "n"}), possible) << round;
    EXPECT_EQ(Recovering()(KeptRecord{far, kBallot, state_of("v"), true, true, "n"}), possible);
    EXPECT_EQ(Recovering()(KeptRecord{far, far, state_of("v"), true, true, "n"}), possible);
  }
}

TEST(RecoveredRecords, NumbersThatCanBe) {
  const Endpoint home{NodeId{2}, CoreId{0}};
  const auto accept = [](uint64_t sequence, uint64_t version) {
    return AcceptRecord{kRoundZero, CoreId{0}, Sequence{sequence}, state_of("v", version), "n"};
  };
  EXPECT_TRUE(Recovering()(accept(1, 1)));
  EXPECT_TRUE(Recovering()(accept(UINT64_MAX, k32)));
  EXPECT_TRUE(Recovering()(accept(1, UINT64_MAX - 1)));
  EXPECT_FALSE(Recovering()(accept(1, UINT64_MAX))) << "above the highest version";
  EXPECT_FALSE(Recovering()(accept(1, 0)));
  EXPECT_FALSE(Recovering()(accept(0, 1))) << "the numbers of a home begin at 1";
  EXPECT_TRUE(
      Recovering()(ChosenRangeRecord{home, Incarnation{1}, Sequence{1}, Sequence{UINT64_MAX}}));
  EXPECT_TRUE(Recovering()(ChosenRangeRecord{home, Incarnation{1}, Sequence{5}, Sequence{5}}));
  EXPECT_FALSE(Recovering()(ChosenRangeRecord{home, Incarnation{1}, Sequence{5}, Sequence{4}}));
  EXPECT_FALSE(Recovering()(ChosenRangeRecord{home, Incarnation{1}, Sequence{0}, Sequence{4}}));
  EXPECT_FALSE(Recovering()(DecidedRecord{kBallot, 0, "n"}));
  const auto kept = [](uint64_t version) {
    return KeptRecord{kBallot, kBallot, state_of("v", version), true, true, "n"};
  };
  EXPECT_TRUE(Recovering()(kept(UINT64_MAX - 1)));
  EXPECT_FALSE(Recovering()(kept(UINT64_MAX)));
  EXPECT_FALSE(Recovering()(kept(0)));
  EXPECT_TRUE(Recovering()(IncarnationRecord{Incarnation{UINT32_MAX - 1}}));
  EXPECT_FALSE(Recovering()(IncarnationRecord{Incarnation{UINT32_MAX}}));
}

// --- another number of cores than the run had that wrote them
// ------------------------------------

// Each core reads every stream: every name goes to the one that it belongs to now.
TEST(RecoveredRecords, EachNameIsOfOneCoreHoweverManyThereAre) {
  constexpr size_t kNames = 40;
  for (const uint16_t cores : {1, 2, 3, 64}) {
    uint64_t names = 0;
    for (uint16_t index = 0; index < cores; ++index) {
      Recovering core(index, cores);
      for (size_t n = 0; n < kNames; ++n) {
        const std::string name = std::to_string(n).append("n");
        const CoreId lane{static_cast<uint16_t>(n % 4)};  // the home had four
        switch (n % 3) {
          case 0:
            EXPECT_TRUE(core(PromiseRecord{kBallot, name}));
            break;
          case 1:
            EXPECT_TRUE(core(AcceptRecord{kBallot, lane, Sequence{0}, state_of("v"), name}));
            break;
          default:
            EXPECT_TRUE(core(AcceptRecord{kRoundZero, lane, Sequence{n}, state_of("v"), name}));
        }
        EXPECT_TRUE(core(DecidedRecord{kBallot, 1, name}));
      }
      for (uint16_t lane = 0; lane < 4; ++lane) {
        const Endpoint home{NodeId{2}, CoreId{lane}};
        EXPECT_TRUE(core(HomeProgressRecord{home, Incarnation{5}, Sequence{3}}));
        EXPECT_TRUE(core(ChosenRangeRecord{home, Incarnation{5}, Sequence{1}, Sequence{30}}));
      }
      EXPECT_TRUE(core(RangePromiseRecord{NodeId{2}, Incarnation{6}}));
      EXPECT_TRUE(core(IncarnationRecord{Incarnation{9}}));
      EXPECT_EQ(core.replica->recovered_incarnation(), Incarnation{9}) << "every core must know";
      names += core.replica->counters().names;
    }
    EXPECT_EQ(names, kNames) << cores;
  }
}

}  // namespace record_test
}  // namespace once::paxos

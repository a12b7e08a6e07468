// What the nodes hold of a name, in one sentence: said only where it is sure, whoever is silent.
#include "cli/explain_verdict.h"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/output.h"

namespace once::client {
namespace explain_verdict_test {

using paxos::Ballot;
using paxos::Explanation;
using paxos::Work;

constexpr RequestId kMine = request_id(1, 1);
constexpr RequestId kOther = request_id(2, 2);

Ballot ballot(uint32_t round, uint16_t node) {
  return {Round{round}, NodeId{node}, Incarnation{1}};
}

Explanation nothing() {
  Explanation told;
  told.home = NodeId{2};
  return told;
}
Explanation promised(const Ballot& promise) {
  Explanation told = nothing();
  told.known = true;
  told.promised = promise;
  return told;
}
Explanation accepted(const Ballot& under, uint64_t version, RequestId writer = kMine) {
  Explanation told = promised(under);
  told.accepted = under;
  told.version = version;
  told.value_bytes = 5;
  told.writer = writer;
  return told;
}
Explanation decided(const Ballot& under, uint64_t version, RequestId writer = kMine) {
  Explanation told = accepted(under, version, writer);
  told.decided = true;
  return told;
}
Explanation sealed(Explanation told) {
  told.sealed = true;
  return told;
}
Explanation writing(Explanation told) {
  told.durable = false;
  return told;
}
Explanation at_work(Explanation told, Work work) {
  told.under_way = {work, 1, 0x6, 1, 5, ballot(3, 1), 1500};
  return told;
}

// As told by nodes 1, 2, ...; those that are missing do not answer.
NameExplanation of(std::vector<std::optional<Explanation>> told) {
  NameExplanation all;
  all.members = told.size();
  for (size_t i = 0; i < told.size(); ++i) {
    NodeExplanation& one = all.nodes.emplace_back();
    one.node.node = NodeId{static_cast<uint16_t>(i + 1)};
    one.node.address = "127.0.0.1:" + std::to_string(7401 + i);
    one.node.reachable = told[i].has_value();
    if (told[i]) one.told = *told[i];
  }
  return all;
}
const std::optional<Explanation> kSilent;

void expect(const NameExplanation& all, NameStanding standing, const std::string& line) {
  const NameVerdict verdict = verdict_of(all);
  EXPECT_EQ(name_of(verdict.standing), name_of(standing)) << line;
  EXPECT_EQ(verdict.line, line);
}

TEST(NameVerdict, CountsWhoHoldsTheDecidedVersion) {
  const auto four = decided(ballot(0, 2), 4);
  expect(of({four, four, four}), NameStanding::kDecided, "decided: 3 of 3 nodes hold version 4");
  expect(of({four, four, accepted(ballot(0, 2), 3)}), NameStanding::kDecided,
         "decided: 2 of 3 nodes hold version 4");
  expect(of({four, accepted(ballot(0, 2), 4), kSilent}), NameStanding::kDecided,
         "decided: 2 of 3 nodes hold version 4");
  expect(of({decided(ballot(0, 1), 1)}), NameStanding::kDecided,
         "decided: 1 of 1 node holds version 1");
  EXPECT_EQ(verdict_of(of({four, four, four})).version, 4u);
}

TEST(NameVerdict, AnothersStateOfThatVersionIsNoHolder) {
  expect(
      of({decided(ballot(3, 1), 4), decided(ballot(3, 1), 4), accepted(ballot(0, 2), 4, kOther)}),
      NameStanding::kDecided, "decided: 2 of 3 nodes hold version 4");
}

TEST(NameVerdict, ANewerVersionIsOnItsWay) {
  const auto four = decided(ballot(0, 2), 4);
  expect(of({four, accepted(ballot(0, 2), 5), four}), NameStanding::kDecided,
         "decided: 2 of 3 nodes hold version 4; version 5 is on its way");
}

// A variable may have gone on among those that do not answer; what is sealed cannot.
TEST(NameVerdict, TooFewKnowOnlyWhatNeverChangesAgain) {
  const auto one = decided(ballot(0, 2), 1);
  expect(of({one, kSilent, kSilent}), NameStanding::kNoMajority,
         "version 1 was decided, but only 1 of 3 nodes answers: a newer one may stand");
  expect(of({sealed(one), kSilent, kSilent}), NameStanding::kDecided,
         "decided: 1 of 3 nodes holds version 1");
  expect(of({accepted(ballot(0, 2), 1), kSilent, kSilent}), NameStanding::kNoMajority,
         "only 1 of 3 nodes answers: too few to tell what stands");
  expect(of({nothing(), nothing(), kSilent, kSilent, kSilent}), NameStanding::kNoMajority,
         "only 2 of 5 nodes answer: too few to tell what stands");
  expect(of({kSilent, kSilent, kSilent}), NameStanding::kNoMajority, "no node answers");
}

// One ballot on the disks of a majority is chosen, though nobody has counted the votes.
TEST(NameVerdict, AMajorityOfOneBallotIsADecision) {
  const auto held = accepted(ballot(0, 2), 1);
  expect(of({held, held, nothing()}), NameStanding::kDecided,
         "decided: 2 of 3 nodes hold version 1, and none has heard so yet");
  expect(of({held, writing(held), nothing()}), NameStanding::kOpen,
         "no majority holds it yet: 2 of 3 nodes hold version 1; a read would settle it");
  expect(of({held, accepted(ballot(0, 2), 2), nothing()}), NameStanding::kOpen,
         "no majority holds it yet: 2 of 3 nodes hold version 2; a read would settle it");
}

TEST(NameVerdict, WhatNoMajorityHoldsIsOpen) {
  const auto held = accepted(ballot(0, 2), 1);
  expect(of({held, nothing(), nothing()}), NameStanding::kOpen,
         "no majority holds it yet: 1 of 3 nodes holds version 1; a read would settle it");
  expect(of({at_work(held, Work::kPrepare), nothing(), nothing()}), NameStanding::kOpen,
         "no majority holds it yet: 1 of 3 nodes holds version 1; node 1 is at work on it");
  expect(of({held, nothing(), kSilent}), NameStanding::kOpen,
         "no majority holds it yet: 1 of 3 nodes holds version 1; a read would settle it "
         "(who does not answer may hold it, too)");
}

TEST(NameVerdict, DifferentBallotsAreSaid) {
  expect(of({accepted(ballot(0, 2), 1), accepted(ballot(1, 3), 1, kOther), nothing()}),
         NameStanding::kOpen,
         "2 nodes hold different ballots, none a majority; a read would settle it");
  expect(of({accepted(ballot(0, 2), 1), accepted(ballot(1, 3), 1), accepted(ballot(1, 3), 1)}),
         NameStanding::kDecided, "decided: 3 of 3 nodes hold version 1, and none has heard so yet");
}

TEST(NameVerdict, WhatNobodyHoldsWasNotWritten) {
  expect(of({nothing(), nothing(), nothing()}), NameStanding::kEmpty,
         "nobody wrote it: 3 of 3 nodes hold nothing");
  expect(of({nothing(), promised(ballot(1, 1)), kSilent}), NameStanding::kEmpty,
         "nobody wrote it: 2 of 3 nodes hold nothing, 1 of them a promise only");
  expect(of({at_work(promised(ballot(3, 1)), Work::kPrepare), nothing(), nothing()}),
         NameStanding::kOpen, "nobody holds a value yet; node 1 is at work on it");
}

TEST(NameVerdict, WhoAsksOthersHearsNothingOfTheName) {
  NameExplanation all = of({kSilent, kSilent});
  all.nodes[0].node.other_cluster = true;
  EXPECT_EQ(verdict_of(all).standing, NameStanding::kNoMajority) << "the other one may be meant";
  all.nodes[1].node.wrong_port = true;
  expect(all, NameStanding::kOtherCluster,
         "no node of the cluster that is meant: those that answer are of another one");
  EXPECT_EQ(name_of(NameStanding::kOtherCluster), "other_cluster");
  EXPECT_NE(explanation_table(all).find("foreign"), std::string::npos);
  all.nodes[0].node = all.nodes[1].node;
  expect(all, NameStanding::kNoNode, "no node answers: what is there is no port for clients");
  EXPECT_EQ(name_of(NameStanding::kNoNode), "no_node");
}

TEST(ExplanationTable, FitsTheScreen) {
  Explanation far = decided({Round{UINT32_MAX}, NodeId{15}, Incarnation{UINT32_MAX}}, UINT64_MAX);
  far.promised = far.accepted;
  far.value_bytes = 65536;
  far.queues = {UINT32_MAX, 1, 1, 1, NodeId{1}};
  far.under_way.work = Work::kPrepare;
  const NameExplanation all = of({far, kSilent, nothing()});
  std::istringstream lines(explanation_table(all));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_LE(line.size(), 80u) << line;
  EXPECT_EQ(count, 4);
}

TEST(ExplanationTable, SaysTheStateOfEachNode) {
  const std::string table = explanation_table(
      of({sealed(decided(ballot(0, 2), 4)), decided(ballot(0, 2), 4), accepted(ballot(7, 3), 2),
          promised(ballot(8, 1)), nothing(), writing(accepted(ballot(7, 3), 1)), kSilent}));
  std::istringstream lines(table);
  std::string line;
  std::getline(lines, line);
  for (const char* words : {"1       sealed     4", "2 home  decided    4", "3       accepted   2",
                            "4       promised   -", "5       nothing    -", "6       writing    1",
                            "7       no answer  -"}) {
    std::getline(lines, line);
    EXPECT_TRUE(line.starts_with(words)) << line << "\n" << table;
  }
  EXPECT_NE(table.find("7.3.1"), std::string::npos) << "ballots";
}

TEST(ExplanationDetails, TellWhatIsUnderWayAndWhoWaits) {
  EXPECT_EQ(explanation_details(of({nothing(), kSilent})), "");
  Explanation busy = at_work(accepted(ballot(3, 1), 5), Work::kAccept);
  busy.queues = {1, 2, 3, 4, NodeId{3}};
  EXPECT_EQ(explanation_details(of({busy})),
            "node 1 proposes version 5 under ballot 3.1.1 for 1.5 ms, accepted by 1, 2\n"
            "node 1 has requests: 1 queued on it, 2 asking a majority, 3 waiting for a newer "
            "version, 4 sent on to node 3\n");
  EXPECT_EQ(explanation_details(of({at_work(nothing(), Work::kPrepare)})),
            "node 1 prepares ballot 3.1.1 for 1.5 ms, promised by 1, 2\n");
  EXPECT_EQ(explanation_details(of({at_work(nothing(), Work::kBackOff)})),
            "node 1 pauses before it tries again, after 1 lost round\n");
}

TEST(ExplanationJson, HasAllThatIsKnown) {
  const NameExplanation all = of({at_work(accepted(ballot(3, 1), 5), Work::kAccept), kSilent});
  const std::string json = explanation_json("a\nb", all, verdict_of(all));
  for (const char* part :
       {R"("name":"a\nb")", R"("verdict":"no_majority")", R"("members":2)", R"("reachable":false)",
        R"("accepted":{"round":3,"node":1,"incarnation":1})", R"("value_bytes":5)",
        R"("phase":"accept")", R"("votes":[1,2])", R"("version":5)", R"("durable":true)",
        R"("writer":"00000000000000010000000000000001")", R"("home":2)"}) {
    EXPECT_NE(json.find(part), std::string::npos) << part << " in " << json;
  }
  EXPECT_EQ(json.find("\n"), std::string::npos) << "one line";
}

}  // namespace explain_verdict_test
}  // namespace once::client

// How a cluster is, from what its nodes tell: the verdict, and the table in 80 columns.
#include "cli/status_verdict.h"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/status_table.h"

namespace once::client {
namespace status_verdict_test {

std::string peer(size_t number, const char* what) {
  return "peer_" + std::to_string(number) + what;
}

// A cluster of which every member is up and well.
Survey well(size_t members) {
  Survey survey;
  survey.members = members;
  for (size_t number = 1; number <= members; ++number) {
    NodeStatus node;
    node.node = NodeId{static_cast<uint16_t>(number)};
    node.address = "127.0.0.1:" + std::to_string(7400 + number);
    node.reachable = true;
    node.counters = {{"admitted", 1}, {"uptime_s", 100}, {"names", 12'345'678}};
    for (size_t other = 1; other <= members; ++other) {
      node.members.emplace_back(NodeId{static_cast<uint16_t>(other)}, "");
      if (other != number) node.counters.emplace_back(peer(other, "_up"), 1);
    }
    survey.nodes.push_back(std::move(node));
  }
  return survey;
}

void set(Survey& survey, size_t number, const std::string& counter, uint64_t value) {
  for (auto& [key, old] : survey.nodes[number - 1].counters) {
    if (key == counter) {
      old = value;
      return;
    }
  }
  survey.nodes[number - 1].counters.emplace_back(counter, value);
}

void kill(Survey& survey, size_t number) {
  NodeStatus& node = survey.nodes[number - 1];
  node.reachable = false;
  node.counters.clear();
  node.members.clear();
  node.message = "cannot connect: Connection refused";
  for (size_t other = 1; other <= survey.members; ++other) {
    if (survey.nodes[other - 1].reachable) set(survey, other, peer(number, "_up"), 0);
  }
}

void expect(const Survey& survey, Health health, const std::string& line) {
  const Verdict verdict = verdict_of(survey);
  EXPECT_EQ(health_name(verdict.health), health_name(health));
  EXPECT_EQ(verdict.line, line);
}

TEST(Verdict, CountsWhatMayStillFail) {
  Survey three = well(3);
  expect(three, Health::kHealthy, "3 of 3 up, healthy");
  kill(three, 2);
  expect(three, Health::kDegraded, "2 of 3 up: one more failure stops writes");
  kill(three, 3);
  expect(three, Health::kNoMajority, "1 of 3 up: no majority, nothing can be written");
  kill(three, 1);
  expect(three, Health::kNoMajority, "0 of 3 up: no majority, nothing can be written");
  Survey seven = well(7);
  kill(seven, 7);
  expect(seven, Health::kDegraded, "6 of 7 up: writes go on, also after 2 more failures");
  kill(seven, 1);
  expect(seven, Health::kDegraded, "5 of 7 up: writes go on, also after one more failure");
  Survey two = well(2);
  expect(two, Health::kHealthy, "2 of 2 up, healthy");
  kill(two, 1);
  expect(two, Health::kNoMajority, "1 of 2 up: no majority, nothing can be written");
  Survey four = well(4);
  kill(four, 4);
  expect(four, Health::kDegraded, "3 of 4 up: one more failure stops writes");
  kill(four, 3);
  expect(four, Health::kNoMajority, "2 of 4 up: no majority, nothing can be written");
  expect(well(1), Health::kHealthy, "1 of 1 up, healthy");
}

// All are up, and all is not well.
TEST(Verdict, WhoIsUpMayStillNotDoItsWork) {
  for (const auto& [counter, value, words] : std::vector<std::tuple<std::string, int, std::string>>{
           {"log_full", 1, "node 2 has no room for its log"},
           {"disk_slow", 1, "node 2 has a slow disk"},
           {"memory_short", 2, "node 2 is short of memory"},
           {"withdrawn", 1, "node 2 votes no more: look at its log"},
           {"admitted", 0,
            "node 2 does not vote yet: it waits until every member has met its disk, or is shut "
            "out for good: look at its log"},
           {"peer_3_up", 0, "node 2 does not reach node 3"}}) {
    Survey survey = well(3);
    set(survey, 2, counter, static_cast<uint64_t>(value));
    expect(survey, Health::kDegraded, "3 of 3 up, degraded: " + words);
  }
  Survey survey = well(3);
  set(survey, 1, "log_full", 1);
  set(survey, 3, "log_full", 1);
  expect(survey, Health::kDegraded,
         "3 of 3 up, degraded: node 1 has no room for its log (and 1 more)");
}

TEST(Verdict, WhoDoesNotVoteIsNoPartOfAMajority) {
  Survey survey = well(3);
  set(survey, 1, "admitted", 0);
  set(survey, 2, "admitted", 0);
  EXPECT_EQ(verdict_of(survey).health, Health::kNoMajority);
  survey = well(3);
  kill(survey, 1);
  set(survey, 2, "admitted", 0);
  EXPECT_EQ(verdict_of(survey).health, Health::kNoMajority);
}

// Each is reached from here, and none reaches enough of the others.
TEST(Verdict, APartitionIsNoMajority) {
  Survey survey = well(3);
  for (size_t from = 1; from <= 3; ++from) {
    for (size_t to = 1; to <= 3; ++to) {
      if (to != from) set(survey, from, peer(to, "_up"), 0);
    }
  }
  expect(survey, Health::kNoMajority,
         "3 of 3 up, but they do not reach each other: no majority, nothing can be written");
  set(survey, 3, "peer_1_up", 1);
  EXPECT_EQ(verdict_of(survey).health, Health::kDegraded) << "node 3 and node 1 are a majority";
}

TEST(Verdict, ANodeThatHasJustBegunMayLackALink) {
  Survey survey = well(3);
  set(survey, 2, "peer_3_up", 0);
  set(survey, 3, "uptime_s", 4);
  expect(survey, Health::kHealthy, "3 of 3 up, healthy");
  set(survey, 3, "uptime_s", 5);
  EXPECT_EQ(verdict_of(survey).health, Health::kDegraded);
}

TEST(Verdict, WhoIsOutOfReachFromHereAloneIsSaid) {
  Survey survey = well(3);
  kill(survey, 3);
  set(survey, 1, "peer_3_up", 1);
  const Verdict verdict = verdict_of(survey);
  EXPECT_EQ(verdict.health, Health::kDegraded);
  ASSERT_EQ(verdict.reasons.size(), 1u);
  EXPECT_EQ(verdict.reasons[0], "node 3 does not answer here, but node 1 reaches it");
}

TEST(StatusTable, FitsTheScreen) {
  Survey survey = well(15);
  survey.nodes[0].address = "[2001:0db8:85a3:0000:0000:8a2e:0370:7334]:17401";
  survey.nodes[1].address = "a-host-of-a-long-name.in-a-long-domain.example.org:7401";
  for (size_t number = 3; number <= 14; ++number) kill(survey, number);
  const std::vector<NodeStatus> before = survey.nodes;
  for (const Since& since : {Since{}, Since{&before, 2.0}}) {
    std::istringstream lines(status_table(survey.nodes, since, Width::kScreen));
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) EXPECT_LE(line.size(), 80u) << line;
    EXPECT_EQ(count, 16);
    const std::string wide = status_table(survey.nodes, since, Width::kWide);
    EXPECT_NE(wide.find(survey.nodes[1].address), std::string::npos) << "whole, if it is asked for";
  }
  survey = well(3);
  const std::string table = status_table(survey.nodes, {}, Width::kScreen);
  EXPECT_NE(table.find("127.0.0.1:7402"), std::string::npos) << "what fits is not cut";
  EXPECT_EQ(table.find("..."), std::string::npos);
}

// A hot name makes hundreds of changes in one proposal: the changes are what people ask for.
TEST(StatusTable, ShowsChangesAndNotProposals) {
  Survey survey = well(1);
  set(survey, 1, "changes", 1000);
  set(survey, 1, "fast_path_writes", 10);
  set(survey, 1, "classic_rounds", 10);
  const std::vector<NodeStatus> before = survey.nodes;
  set(survey, 1, "changes", 91'000);
  set(survey, 1, "fast_path_writes", 210);
  const Since since{&before, 2.0};
  for (const Width width : {Width::kScreen, Width::kWide}) {
    const std::string table = status_table(survey.nodes, since, width);
    EXPECT_NE(table.find(" 45000 "), std::string::npos) << table;
    EXPECT_EQ(table.find(" 100 "), std::string::npos) << table;
  }
}

TEST(StatusTable, SaysWhichLinksAndWhichState) {
  Survey survey = well(3);
  kill(survey, 3);
  set(survey, 1, "peer_2_met", 0);
  set(survey, 2, "log_full", 1);
  const std::string table = status_table(survey.nodes, {}, Width::kScreen);
  EXPECT_NE(table.find("2 new, 3 down\n"), std::string::npos) << table;
  EXPECT_NE(table.find("log full"), std::string::npos) << table;
  EXPECT_NE(status_table(well(3).nodes, {}, Width::kScreen).find("all up\n"), std::string::npos);
}

TEST(StatusTable, SaysWhetherANodeHasCaughtUp) {
  Survey survey = well(3);
  set(survey, 1, "in_sync", 1);
  set(survey, 1, "behind", 0);
  set(survey, 2, "in_sync", 0);
  set(survey, 2, "behind", 812'345);
  set(survey, 2, "caught_up_per_s", 20'000);
  const std::string table = status_table(survey.nodes, {}, Width::kScreen);
  EXPECT_NE(table.find(" in sync "), std::string::npos) << table;
  EXPECT_NE(table.find(" behind "), std::string::npos) << table;
  EXPECT_NE(table.find(" up "), std::string::npos) << "one that does not say";
  EXPECT_EQ(status_problems(survey, verdict_of(survey)),
            "node 2: 812345 names behind, 20000/s, about 41 s left\n");
  set(survey, 2, "caught_up_per_s", 100);
  EXPECT_NE(status_problems(survey, verdict_of(survey)).find("about 2 h left"), std::string::npos);
  set(survey, 2, "caught_up_per_s", 0);
  EXPECT_EQ(status_problems(survey, verdict_of(survey)), "node 2: 812345 names behind, 0/s\n");
  set(survey, 2, "behind", 0);
  EXPECT_NE(status_table(survey.nodes, {}, Width::kScreen).find(" compares "), std::string::npos);
  EXPECT_EQ(status_problems(survey, verdict_of(survey)), "");
}

TEST(StatusTable, ColoursOnlyWhereTheyAreTaken) {
  Survey survey = well(3);
  EXPECT_EQ(verdict_text(verdict_of(survey), false), "3 of 3 up, healthy\n");
  EXPECT_EQ(verdict_text(verdict_of(survey), true), "\x1b[32m3 of 3 up, healthy\x1b[0m\n");
  kill(survey, 1);
  EXPECT_TRUE(verdict_text(verdict_of(survey), true).starts_with("\x1b[33m"));
  kill(survey, 2);
  EXPECT_TRUE(verdict_text(verdict_of(survey), true).starts_with("\x1b[31m"));
}

// All of its nodes may be well: nobody has asked them.
TEST(Verdict, WhoAsksOthersHearsNothingOfTheCluster) {
  Survey survey = well(3);
  for (size_t number : {1, 2, 3}) {
    kill(survey, number);
    survey.nodes[number - 1].other_cluster = true;
    if (number == 3) break;
    EXPECT_EQ(verdict_of(survey).health, number == 1 ? Health::kDegraded : Health::kNoMajority);
  }
  expect(survey, Health::kOtherCluster,
         "no node of the cluster that is meant: those that answer are of another one");
  EXPECT_EQ(health_name(Health::kOtherCluster), "other_cluster");
  std::string told = status_problems(survey, verdict_of(survey));
  EXPECT_NE(told.find("--cluster-id"), std::string::npos) << told;
  EXPECT_EQ(told.find("no majority"), std::string::npos) << told;
  EXPECT_NE(status_table(survey.nodes, {}, Width::kScreen).find("foreign"), std::string::npos);
  survey.nodes[0].other_cluster = false;
  survey.nodes[0].wrong_port = true;
  EXPECT_EQ(verdict_of(survey).health, Health::kOtherCluster);
  for (NodeStatus& node : survey.nodes) {
    node.other_cluster = false;
    node.wrong_port = true;
  }
  expect(survey, Health::kNoNode, "no node answers: what is there is no port for clients");
  EXPECT_EQ(health_name(Health::kNoNode), "no_node");
  told = status_problems(survey, verdict_of(survey));
  EXPECT_EQ(told.find("no majority"), std::string::npos) << told;
}

TEST(StatusProblems, NobodyThereIsAskedWhetherThereIsACluster) {
  Survey survey = well(3);
  EXPECT_EQ(status_problems(survey, verdict_of(survey)), "");
  kill(survey, 1);
  const std::string one = status_problems(survey, verdict_of(survey));
  EXPECT_EQ(one, "127.0.0.1:7401: cannot connect: Connection refused\n");
  kill(survey, 2);
  kill(survey, 3);
  const std::string all = status_problems(survey, verdict_of(survey));
  EXPECT_NE(all.find("is a cluster running?"), std::string::npos) << all;
}

}  // namespace status_verdict_test
}  // namespace once::client

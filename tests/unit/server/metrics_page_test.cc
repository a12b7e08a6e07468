#include "server/metrics_page.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "paxos/words.h"
#include "server/node_report.h"

namespace once::server {
namespace metrics_page_test {

MetricsPage small_page() {
  MetricsPage page;
  page.version = "9.8.7";
  page.start_time_seconds = 1700000000.5;
  page.node.node = NodeId{1};
  page.node.incarnation = Incarnation{4};
  page.node.admitted = true;
  page.node.silent_ns = {2'000'000, 0};
  page.node.peers = {{NodeId{2}, true, true, 150'000}, {NodeId{3}, false, false, 0}};
  page.node.all.values[counter_at("names")] = 12;
  page.node.all.values[counter_at("log_bytes")] = 8192;
  page.node.all.values[counter_at("compared_ms")] = 1500;
  page.node.all.values[counter_at("log_sync_ns_max")] = 2'500'000;
  Traffic traffic;
  traffic.answered(paxos::Operation::kWrite, paxos::Status::kDone, 300'000);
  traffic.answered(paxos::Operation::kWrite, paxos::Status::kAlreadySet, 0);
  traffic.answered(paxos::Operation::kWait, paxos::Status::kNotYet, 31'000'000'000);
  traffic.synced(100'000);
  traffic.add_to(page.node.traffic);
  page.process = {.cpu_seconds = 1.25,
                  .resident_bytes = 4096,
                  .virtual_bytes = 8192,
                  .open_files = 17,
                  .most_open_files = 1024};
  return page;
}

// The lines from the family's HELP to the next family.
std::string family(const std::string& text, const std::string& name) {
  const size_t begin = text.find("# HELP " + name + " ");
  if (begin == std::string::npos) return {};
  const size_t end = text.find("# HELP ", begin + 1);
  return text.substr(begin, end == std::string::npos ? end : end - begin);
}

std::string without_comments(const std::string& lines) {
  std::istringstream in(lines);
  std::string kept, line;
  while (std::getline(in, line)) {
    if (line[0] != '#') kept += line + "\n";
  }
  return kept;
}

TEST(MetricsPage, BeginsWithTheNodeAndItsPeers) {
  const std::string text = metrics_page(small_page());
  const std::string wanted =
      "# HELP once_build_info The release, its protocol of clients, and the node\n"
      "# TYPE once_build_info gauge\n"
      "once_build_info{version=\"9.8.7\",protocol=\"2\",node=\"1\"} 1\n"
      "# HELP once_has_quorum 1: it reaches a majority of the members, itself included\n"
      "# TYPE once_has_quorum gauge\n"
      "once_has_quorum 1\n"
      "# HELP once_admitted 1: every member has met its disk, and it votes\n"
      "# TYPE once_admitted gauge\n"
      "once_admitted 1\n"
      "# HELP once_withdrawn 1: formatted as a cluster of one and called by others\n"
      "# TYPE once_withdrawn gauge\n"
      "once_withdrawn 0\n"
      "# HELP once_stopping 1: it was told to stop\n"
      "# TYPE once_stopping gauge\n"
      "once_stopping 0\n"
      "# HELP once_members Nodes of the cluster\n"
      "# TYPE once_members gauge\n"
      "once_members 3\n"
      "# HELP once_cores Threads, one core each\n"
      "# TYPE once_cores gauge\n"
      "once_cores 2\n"
      "# HELP once_incarnation How often the data directory was started\n"
      "# TYPE once_incarnation gauge\n"
      "once_incarnation 4\n"
      "# HELP once_loop_silent_seconds Since the loop of each core turned\n"
      "# TYPE once_loop_silent_seconds gauge\n"
      "once_loop_silent_seconds{core=\"0\"} 0.002\n"
      "once_loop_silent_seconds{core=\"1\"} 0\n"
      "# HELP once_peer_up 1: every core has a link to that node\n"
      "# TYPE once_peer_up gauge\n"
      "once_peer_up{peer=\"2\"} 1\n"
      "once_peer_up{peer=\"3\"} 0\n"
      "# HELP once_peer_met 1: that node knows the disk of this one\n"
      "# TYPE once_peer_met gauge\n"
      "once_peer_met{peer=\"2\"} 1\n"
      "once_peer_met{peer=\"3\"} 0\n"
      "# HELP once_peer_round_trip_seconds Smoothed round trip to that node, of the slowest core; "
      "0: not known\n"
      "# TYPE once_peer_round_trip_seconds gauge\n"
      "once_peer_round_trip_seconds{peer=\"2\"} 0.00015\n"
      "once_peer_round_trip_seconds{peer=\"3\"} 0\n"
      "# HELP once_requests_total Requests of clients that were answered\n"
      "# TYPE once_requests_total counter\n"
      "once_requests_total{op=\"write\",outcome=\"done\"} 1\n"
      "once_requests_total{op=\"write\",outcome=\"empty\"} 0\n"
      "once_requests_total{op=\"write\",outcome=\"already_set\"} 1\n";
  EXPECT_EQ(text.substr(0, wanted.size()), wanted);
}

TEST(MetricsPage, HasAFlagForEachThingThatANodeCanBe) {
  const auto told = [](bool NodeFigures::*flag) {
    MetricsPage page = small_page();
    page.node.admitted = false;
    page.node.*flag = true;
    const std::string text = metrics_page(page);
    std::string flags;
    for (const char* name : {"once_admitted", "once_withdrawn", "once_stopping"}) {
      flags += without_comments(family(text, name)).back() == '\n'
                   ? without_comments(family(text, name)).substr(std::string(name).size() + 1, 1)
                   : "?";
    }
    return flags;
  };
  EXPECT_EQ(told(&NodeFigures::admitted), "100");
  EXPECT_EQ(told(&NodeFigures::withdrawn), "010");
  EXPECT_EQ(told(&NodeFigures::stopping), "001");
}

TEST(MetricsPage, TellsAPeerThatIsUpFromOneThatHasMetTheDisk) {
  MetricsPage page = small_page();
  page.node.peers = {{NodeId{2}, true, false, 0}, {NodeId{3}, false, true, 0}};
  const std::string text = metrics_page(page);
  EXPECT_EQ(without_comments(family(text, "once_peer_up")),
            "once_peer_up{peer=\"2\"} 1\nonce_peer_up{peer=\"3\"} 0\n");
  EXPECT_EQ(without_comments(family(text, "once_peer_met")),
            "once_peer_met{peer=\"2\"} 0\nonce_peer_met{peer=\"3\"} 1\n");
}

// Dashboards and alerts ask for them by these names, and a counter's name ends with _total.
TEST(MetricsPage, WhatGoesUpAndDownIsAGauge) {
  std::set<std::string_view> gauges;
  for (const CounterRow& row : kCounterTable) {
    if (row.kind == Kind::kGauge) gauges.insert(row.name);
  }
  const std::set<std::string_view> wanted = {
      "names",          "unsettled",           "behind",
      "in_sync",        "compared_ms",         "waiting",
      "connections",    "operations",          "log_full",
      "log_file_bytes", "log_needed_bytes",    "disk_slow",
      "memory_bytes",   "memory_budget_bytes", "memory_short",
      "claimed",        "log_sync_ns_max"};
  EXPECT_EQ(gauges, wanted);
}

TEST(MetricsPage, AddsUpTheBucketsOfEachOperation) {
  const std::string text = metrics_page(small_page());
  const std::string durations = without_comments(family(text, "once_request_duration_seconds"));
  const std::string wanted =
      "once_request_duration_seconds_bucket{op=\"write\",le=\"5e-05\"} 1\n"
      "once_request_duration_seconds_bucket{op=\"write\",le=\"0.0001\"} 1\n"
      "once_request_duration_seconds_bucket{op=\"write\",le=\"0.00025\"} 1\n"
      "once_request_duration_seconds_bucket{op=\"write\",le=\"0.0005\"} 2\n"
      "once_request_duration_seconds_bucket{op=\"write\",le=\"0.001\"} 2\n";
  EXPECT_EQ(durations.substr(0, wanted.size()), wanted);
  EXPECT_NE(durations.find("_bucket{op=\"write\",le=\"30\"} 2\n"
                           "once_request_duration_seconds_bucket{op=\"write\",le=\"+Inf\"} 2\n"
                           "once_request_duration_seconds_sum{op=\"write\"} 0.0003\n"
                           "once_request_duration_seconds_count{op=\"write\"} 2\n"),
            std::string::npos);
  EXPECT_NE(text.find("once_log_sync_duration_seconds_bucket{le=\"0.0001\"} 1\n"),
            std::string::npos);
  EXPECT_NE(text.find("once_log_sync_duration_seconds_count 1\n"), std::string::npos);
  EXPECT_NE(durations.find("_bucket{op=\"wait\",le=\"30\"} 0\n"
                           "once_request_duration_seconds_bucket{op=\"wait\",le=\"+Inf\"} 1\n"
                           "once_request_duration_seconds_sum{op=\"wait\"} 31\n"
                           "once_request_duration_seconds_count{op=\"wait\"} 1\n"),
            std::string::npos)
      << "longer than all bounds";
}

TEST(MetricsPage, HasEachCounterInBaseUnits) {
  const std::string text = metrics_page(small_page());
  EXPECT_EQ(family(text, "once_names"),
            "# HELP once_names Registers in memory\n# TYPE once_names gauge\nonce_names 12\n");
  EXPECT_EQ(without_comments(family(text, "once_log_bytes_total")), "once_log_bytes_total 8192\n");
  EXPECT_EQ(without_comments(family(text, "once_compared_ago_seconds")),
            "once_compared_ago_seconds 1.5\n");
  EXPECT_EQ(without_comments(family(text, "once_log_sync_longest_seconds")),
            "once_log_sync_longest_seconds 0.0025\n");
  EXPECT_EQ(text.find("_per_s"), std::string::npos) << "a rate is taken of the counter";
}

TEST(MetricsPage, EndsWithTheProcess) {
  const std::string text = metrics_page(small_page());
  const size_t begin = text.find("# HELP process_cpu_seconds_total");
  ASSERT_NE(begin, std::string::npos);
  EXPECT_EQ(without_comments(text.substr(begin)),
            "process_cpu_seconds_total 1.25\n"
            "process_resident_memory_bytes 4096\n"
            "process_virtual_memory_bytes 8192\n"
            "process_open_fds 17\n"
            "process_max_fds 1024\n"
            "process_start_time_seconds 1700000000.5\n");
}

TEST(MetricsPage, HasEachFamilyOnceAndTotalBehindCountersAlone) {
  std::istringstream in(metrics_page(small_page()));
  std::map<std::string, std::string> types;
  std::set<std::string> helped;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string hash, what, name, rest;
    words >> hash >> what >> name;
    std::getline(words, rest);
    if (hash != "#") continue;
    EXPECT_GT(rest.size(), 4u) << line;
    if (what == "HELP") {
      EXPECT_TRUE(helped.insert(name).second) << name;
    } else {
      EXPECT_TRUE(types.emplace(name, rest).second) << name;
      EXPECT_TRUE(helped.count(name)) << name;
    }
  }
  EXPECT_EQ(types.size(), helped.size());
  for (const auto& [name, type] : types) {
    EXPECT_EQ(type == " counter", name.ends_with("_total")) << name;
  }
}

TEST(MetricsPage, HasNoFamilyOfPeersWhereThereAreNone) {
  MetricsPage page = small_page();
  page.node.peers.clear();
  EXPECT_EQ(metrics_page(page).find("once_peer_up"), std::string::npos);
}

TEST(CounterTable, SaysOfEachRowWhatItIsAndWhatItMeans) {
  std::set<std::string> names;
  for (const CounterRow& row : kCounterTable) {
    EXPECT_FALSE(row.help.empty()) << row.name;
    EXPECT_GE(row.per, 1u) << row.name;
    if (row.kind == Kind::kElsewhere) {
      EXPECT_NE(metrics_page(small_page()).find("# TYPE " + std::string(row.help) + " "),
                std::string::npos)
          << row.name << " is said by " << row.help;
    } else {
      EXPECT_TRUE(names.insert(metric_name(row)).second) << row.name;
    }
  }
}

TEST(Labels, DifferForEachOperationAndOutcome) {
  std::set<std::string_view> labels;
  for (size_t i = 0; i < kOperations; ++i) labels.insert(paxos::word_of(operation_at(i)));
  EXPECT_EQ(labels.size(), kOperations);
  EXPECT_EQ(labels.count("other"), 0u);
  labels.clear();
  for (size_t i = 0; i < kOutcomes; ++i) labels.insert(paxos::word_of(paxos::Status(i)));
  EXPECT_EQ(labels.size(), kOutcomes);
  EXPECT_EQ(labels.count("other"), 0u);
}

class FakeSource final : public NodeSource {
 public:
  int64_t now_ns() const override { return now; }
  NodeFigures figures() override {
    ++asked;
    return small_page().node;
  }
  std::vector<int64_t> silent_ns() const override { return {silent}; }
  int64_t now = 1;
  int asked = 0;
  int64_t silent = 0;
};

TEST(NodeReport, MakesItsMetricsTenTimesASecondAtMost) {
  FakeSource source;
  const NodeReport report(source);
  const std::string first = report.metrics();
  source.now += NodeReport::kKeptNs - 1;
  EXPECT_EQ(report.metrics(), first);
  EXPECT_EQ(source.asked, 1);
  source.now += 1;
  EXPECT_FALSE(report.metrics().empty());
  EXPECT_EQ(source.asked, 2);
}

TEST(NodeReport, SaysWhetherItLivesWithoutAskingForTheRest) {
  FakeSource source;
  const NodeReport report(source);
  EXPECT_TRUE(report.live().well);
  source.silent = 20'000'000'000;
  EXPECT_FALSE(report.live().well);
  EXPECT_EQ(source.asked, 0);
  EXPECT_FALSE(report.ready().well) << "its figures say that the log is not read";
}

TEST(NodeReport, HasTheFiguresOfThisProcess) {
  FakeSource source;
  const std::string text = NodeReport(source).metrics();
  const std::string line = without_comments(family(text, "process_resident_memory_bytes"));
  EXPECT_GT(std::stoull(line.substr(line.find(' '))), 100'000u);
  EXPECT_GE(process_figures().open_files, 3u);
  EXPECT_GT(process_figures().most_open_files, process_figures().open_files);
  EXPECT_GT(process_figures().cpu_seconds, 0);
  EXPECT_GT(process_figures().virtual_bytes, process_figures().resident_bytes);
}

}  // namespace metrics_page_test
}  // namespace once::server

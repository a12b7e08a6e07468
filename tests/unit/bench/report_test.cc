// The result of a load for scripts: its keys, and the form of its numbers.
#include "bench/report.h"

#include <gtest/gtest.h>

#include "bench/figures.h"

namespace once::bench {
namespace report_test {

LoadResult result() {
  LoadResult r;
  r.seconds = 2.00049;
  r.done = 30'001;
  r.refused = 4;
  r.nodes = r.connected = 3;
  for (int i = 0; i < 100; ++i) r.latency.record(1'250);
  return r;
}

bool has(const std::string& json, const std::string& part) {
  return json.find(part) != std::string::npos;
}

TEST(ReportJson, ShowsAsManyDigitsAsMeanSomething) {
  Options o;
  o.rate = 1000;
  o.seconds = 2.5;
  const std::string json = json_of(o, result(), Floor{20.04, 100.06});
  for (const char* part :
       {R"({"op":"write","names":"unique","value_size":64,"threads":1,"connections":3,)"
        R"("in_flight":64,"seconds":2.5,"measured_s":2.0,)"
        R"("interrupted":false,"rate":1000,"nodes":3,)",
        R"("throughput_per_s":14998.8,"done":30001,"refused":4,)",
        R"("errors":{"total":0,"unknown":0,"unavailable":0,"overloaded":0,"invalid":0,)"
        R"("connection":0,"no_answer":0},"protocol_errors":0,)",
        R"("floor":{"round_trip_us":20.0,"log_write_us":100.1},"p50_over_floor":0.0)",
        R"(,"names_left":0,"names_begin_with":""})"}) {
    EXPECT_TRUE(has(json, part)) << part << " in " << json;
  }
  EXPECT_EQ(json.back(), '\n');
  EXPECT_EQ(json.find('\n'), json.size() - 1) << "one line";
}

TEST(ReportJson, WholeNumbersThatWereGivenStayWhole) {
  Options o;
  o.seconds = 10;
  const std::string json = json_of(o, result(), std::nullopt);
  EXPECT_TRUE(has(json, R"("seconds":10,)")) << json;
  EXPECT_FALSE(has(json, "floor")) << json;
}

TEST(ReportJson, TellsOfACasAndOfAMix) {
  Options o;
  o.operation = paxos::Operation::kCas;
  LoadResult r = result();
  r.done = r.refused = 2;
  r.shares[paxos::Operation::kSet].done = 7;
  r.shares[paxos::Operation::kRead].refused = 1;
  const std::string json = json_of(o, r, std::nullopt);
  EXPECT_TRUE(has(json, R"("success":0.5,"least_wins":0,"most_wins":0,"by_operation":{)")) << json;
  EXPECT_TRUE(has(json, R"("set":{"done":7,"refused":0,)")) << json;
}

// Two ways between nodes, and one write of the log.
TEST(ReportJson, TheFloorIsTwoRoundTripsAndAWrite) {
  LoadResult r = result();
  r.latency = {};
  for (int i = 0; i < 100; ++i) r.latency.record(280'000);
  EXPECT_NEAR(p50_over_floor(r, Floor{20, 100}), 2.0, 0.05);
  EXPECT_NEAR(p50_over_floor(r, Floor{20, 240}), 1.0, 0.05);
}

TEST(ExitCode, TellsWhetherTheRunWasRight) {
  LoadResult r = result();
  EXPECT_EQ(exit_code(r), 0);
  r.interrupted = 2;
  EXPECT_EQ(exit_code(r), 130);
  r.protocol_errors = 1;
  EXPECT_EQ(exit_code(r), 1);
  EXPECT_EQ(exit_code(LoadResult{}), 1) << "nothing came of it";
}

TEST(Leaves, OneNameIsNotSeveral) {
  LoadResult r = result();
  EXPECT_EQ(leaves({}, r), "");
  r.names_begin_with = "bench/0123/";
  r.names_left = 1;
  EXPECT_EQ(leaves({}, r), "1 name stays for ever, bench/0123/..., 64 B");
  r.names_left = 2;
  EXPECT_EQ(leaves({}, r), "2 names stay for ever, bench/0123/..., 64 B each");
}

// A node may say anything.
TEST(ReportJson, BytesOfOthersBreakNoLineAndNoTerminal) {
  LoadResult r = result();
  r.first_protocol_error = "a \"word\"\n\x1b[2J \xff \xc2\x9b";
  const std::string json = json_of({}, r, std::nullopt);
  EXPECT_TRUE(has(json, R"("first_protocol_error":"a \"word\"\n\u001b[2J )")) << json;
  for (const char c : json.substr(0, json.size() - 1)) {
    EXPECT_GE(static_cast<unsigned char>(c), 0x20) << json;
  }
  EXPECT_FALSE(has(json, "\x9b")) << json;
}

}  // namespace report_test
}  // namespace once::bench

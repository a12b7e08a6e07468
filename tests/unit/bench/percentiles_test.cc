// Histograms as other tools read them, drawn names, marks of an axis.
#include "bench/percentiles.h"

#include <gtest/gtest.h>

#include <sstream>
#include <vector>

#include "bench/chart.h"
#include "bench/zipf.h"

namespace once::bench {
namespace percentiles_test {

struct Row {
  double value = 0, part = 0;
  uint64_t seen = 0;
};

std::vector<Row> rows_of(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "       Value     Percentile TotalCount 1/(1-Percentile)");
  std::vector<Row> rows;
  while (std::getline(lines, line) && !line.starts_with("#")) {
    Row row;
    if (std::istringstream(line) >> row.value >> row.part >> row.seen) rows.push_back(row);
  }
  return rows;
}

TEST(Percentiles, GrowToAllOfThem) {
  Histogram latency;
  for (uint64_t i = 1; i <= 10'000; ++i) latency.record(i * 1000);
  const std::vector<Row> rows = rows_of(percentiles_of(latency));
  ASSERT_GT(rows.size(), 20u);
  EXPECT_LT(rows.size(), 200u) << "a few for each halving";
  for (size_t i = 1; i < rows.size(); ++i) {
    EXPECT_GT(rows[i].part, rows[i - 1].part);
    EXPECT_GE(rows[i].value, rows[i - 1].value);
    EXPECT_NEAR(rows[i].part, static_cast<double>(rows[i].seen) / 10'000, 1e-9);
    EXPECT_NEAR(rows[i].value, rows[i].part * 10'000, 100) << "microseconds";
  }
  EXPECT_EQ(rows.back().part, 1);
  EXPECT_EQ(rows.back().seen, 10'000u);
  const std::string text = percentiles_of(latency);
  EXPECT_NE(text.find("#[Mean    =     5000.500, StdDeviation   =     288"), std::string::npos)
      << text.substr(text.find('#'));
  EXPECT_NE(text.find("#[Max     =    10000.000, Total count    =        10000]"),
            std::string::npos);
}

TEST(Percentiles, OfNothingAreNone) { EXPECT_TRUE(rows_of(percentiles_of(Histogram{})).empty()); }

TEST(ZipfTest, TheFirstOnesComeMostOften) {
  const Zipf zipf(1000);
  Prng prng(3);
  std::vector<int> drawn(1000);
  for (int i = 0; i < 100'000; ++i) ++drawn[zipf.draw(prng, 1000)];
  EXPECT_NEAR(drawn[0], 100'000 / 7.73, 500) << "one over the sum of all weights";
  EXPECT_NEAR(static_cast<double>(drawn[0]) / drawn[9], 9.8, 1.5);
  EXPECT_GT(drawn[999] + drawn[998] + drawn[997], 0) << "none is left out";
}

TEST(ZipfTest, DrawsOfTheFirstOnesOnly) {
  const Zipf zipf(1000);
  Prng prng(4);
  for (int i = 0; i < 10'000; ++i) ASSERT_LT(zipf.draw(prng, 3), 3u);
  EXPECT_EQ(zipf.draw(prng, 1), 0u);
}

TEST(ChartTest, MarksAreRoundAndReachTheEnd) {
  EXPECT_EQ(round_marks(10), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  for (const double most : {0.3, 1.0, 7.0, 99.0, 123'456.0, 1e6}) {
    const std::vector<double> marks = round_marks(most);
    EXPECT_EQ(marks.front(), 0);
    EXPECT_GE(marks.back(), most * (1 - 1e-9)) << most;
    EXPECT_LT(marks.back(), most * 1.5) << most;
    EXPECT_GE(marks.size(), 4u);
    EXPECT_LE(marks.size(), 12u) << most;
  }
}

TEST(ChartTest, WhatPeopleNameIsNoMarkup) {
  const Chart chart{"a<b & c", "x", {{0, "0"}, {1, "1"}}, {{"l", {{0.5, 1000}}}}};
  const std::string picture = svg_of(chart);
  EXPECT_NE(picture.find("a&lt;b &amp; c"), std::string::npos) << picture;
}

}  // namespace percentiles_test
}  // namespace once::bench

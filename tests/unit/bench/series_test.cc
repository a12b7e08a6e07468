// Runs in their order, what is made of several, and the search of a rate: with a load that is made
// up.
#include "bench/series.h"

#include <gtest/gtest.h>

#include "bench/medians.h"
#include "bench/plot.h"
#include "bench/series_report.h"

namespace once::bench {
namespace series_test {

LoadResult result_of(uint64_t done, uint64_t latency_ns) {
  LoadResult r;
  r.seconds = 1;
  r.done = done;
  r.nodes = r.connected = 3;
  for (int i = 0; i < 1000; ++i) r.latency.record(latency_ns);
  return r;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Series, TakesEachValueByTurns) {
  Options o;
  o.swept = Swept::kInFlight;
  o.swept_values = {1, 16};
  o.repeats = 3;
  std::vector<size_t> order;
  const Series series = run_series(o, [&](const Options& one) {
    order.push_back(one.in_flight);
    return result_of(100, 1000);
  });
  EXPECT_EQ(order, (std::vector<size_t>{1, 16, 1, 16, 1, 16}));
  ASSERT_EQ(series.steps.size(), 2u);
  EXPECT_EQ(series.steps[1].runs.size(), 3u);
  EXPECT_EQ(series.runs(), 6u);
}

TEST(Series, SweepsRates) {
  Options o;
  o.swept = Swept::kRate;
  o.swept_values = {10, 2.5};
  std::vector<double> rates;
  run_series(o, [&](const Options& one) {
    rates.push_back(one.rate);
    EXPECT_EQ(one.in_flight, o.in_flight);
    return result_of(100, 1000);
  });
  EXPECT_EQ(rates, (std::vector<double>{10, 2.5}));
}

TEST(Series, NothingFollowsARunThatFailedOrWasInterrupted) {
  Options o;
  o.repeats = 5;
  int runs = 0;
  const Series failed = run_series(o, [&](const Options&) {
    LoadResult r = result_of(1, 1);
    if (++runs == 2) r.failure = "gone";
    return r;
  });
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(failed.failure, "gone");
  EXPECT_EQ(failed.runs(), 1u) << "what was measured before counts";
  runs = 0;
  const Series interrupted = run_series(o, [&](const Options&) {
    LoadResult r = result_of(1, 1);
    if (++runs == 3) r.interrupted = 2;
    return r;
  });
  EXPECT_EQ(interrupted.interrupted, 2);
  EXPECT_EQ(interrupted.runs(), 3u) << "and so does the one that was cut short";
}

// Also of the run that failed: its names are in the cluster like the others.
TEST(Series, KnowsTheNamesThatAllItsRunsLeave) {
  Options o;
  o.repeats = 3;
  int run = 0;
  const auto one = [&](const Options&) {
    LoadResult r = result_of(100, 1000);
    r.names_left = 5;
    r.names_begin_with = "bench/" + std::to_string(++run) + "/";
    if (run == 2) r.failure = "gone";
    return r;
  };
  const Series series = run_series(o, one);
  EXPECT_EQ(series.left.count, 10u);
  EXPECT_EQ(series.left.begin_with, "bench/");
  EXPECT_TRUE(has(table_of(o, series), "10 names stay for ever, bench/..., 64 B each\n"));
  EXPECT_TRUE(has(json_of(o, series), R"("names_left":10,"names_begin_with":"bench/",)"));
  run = 1;
  o.target = RateTarget{};
  const RateSearch search = search_rate(o, one);
  EXPECT_TRUE(search.tries.empty());
  EXPECT_EQ(search.left.count, 5u);
  EXPECT_EQ(search.left.begin_with, "bench/2/");
}

TEST(Medians, AreOfEachFigureByItself) {
  std::vector<LoadResult> runs = {result_of(100, 3'000), result_of(300, 1'000),
                                  result_of(200, 2'000)};
  runs[1].errors.unknown = 4;
  const Medians m = medians_of(runs);
  EXPECT_DOUBLE_EQ(m.throughput, 200);
  EXPECT_DOUBLE_EQ(m.spread, 1.0);
  EXPECT_NEAR(m.p99_ns, 2'000, 10);
  EXPECT_EQ(m.errors, 4u);
  EXPECT_DOUBLE_EQ(median_of({1, 2, 3, 10}), 2.5);
}

// A made-up cluster that takes 1,000 a second, and is as slow as its load is near that.
LoadResult under(double rate) {
  if (rate == 0) return result_of(1'000, 9'000'000);
  LoadResult r = result_of(static_cast<uint64_t>(rate), static_cast<uint64_t>(rate * 5'000));
  return r;
}

TEST(RateSearch, FindsTheHighestRateThatKeepsTheTarget) {
  Options o;
  o.target = RateTarget{99, 3'000'000};  // at 600 a second
  const RateSearch search = search_rate(o, [](const Options& one) { return under(one.rate); });
  EXPECT_LE(search.best, 600);
  EXPECT_GE(search.best, 565);
  EXPECT_EQ(search.tries.front().rate, 0) << "first what there is at most";
  EXPECT_TRUE(has(table_of(o, search), "is the highest rate found with p99 within 3.00 ms"));
}

TEST(RateSearch, KeepsNothingThatIsVoidOrHasErrors) {
  Options o;
  o.target = RateTarget{99, 3'000'000};
  const RateSearch late = search_rate(o, [](const Options& one) {
    LoadResult r = under(one.rate);
    for (int i = 0; i < 100; ++i) r.lag.record(1'100'000);
    return r;
  });
  EXPECT_EQ(late.best, 0);
  EXPECT_TRUE(has(table_of(o, late), "void: sent late"));
  EXPECT_TRUE(has(table_of(o, late), "no rate was found with p99 within 3.00 ms"));
  const RateSearch wrong = search_rate(o, [](const Options& one) {
    LoadResult r = under(one.rate);
    r.errors.unknown = 1;
    return r;
  });
  EXPECT_EQ(wrong.best, 0);
}

TEST(SeriesReport, SaysHowFarRunsLieApartAndWhichAreVoid) {
  Options o;
  o.swept = Swept::kRate;
  o.swept_values = {1000};
  o.repeats = 2;
  int run = 0;
  const Series series = run_series(o, [&](const Options&) {
    LoadResult r = result_of(++run == 1 ? 900 : 1100, 2'000);
    if (run == 2) r.lag.record(5'000'000);
    return r;
  });
  const std::string table = table_of(o, series);
  EXPECT_TRUE(has(table, "1000 /s")) << table;
  EXPECT_TRUE(has(table, "20 %")) << table;
  EXPECT_TRUE(has(table, "void: 1 of 2")) << table;
  const std::string json = json_of(o, series);
  EXPECT_TRUE(has(json, R"("medians":{"throughput_per_s":1000.0,"spread":0.2,)")) << json;
  EXPECT_TRUE(has(json, R"("void":true)")) << json;
  const std::string csv = csv_of(series);
  EXPECT_TRUE(has(csv, "\nwrite,unique,64,3,64,1000,1,900.0,2.0,2.0,2.0,2.0,2.0,0.0,0,0\n")) << csv;
  EXPECT_TRUE(has(csv, "\nwrite,unique,64,3,64,1000,2,1100.0,2.0,2.0,2.0,2.0,2.0,5000.0,1,0\n"))
      << csv;
}

TEST(Plot, ShowsASeriesOverItsThroughputAndOneRunOverThePercentiles) {
  Options o;
  o.swept = Swept::kInFlight;
  o.swept_values = {1, 2};
  uint64_t done = 0;
  const Series series =
      run_series(o, [&](const Options&) { return result_of(done += 1000, 1'000'000); });
  const std::string picture = plot_of(o, series);
  EXPECT_TRUE(picture.starts_with("<svg ")) << picture;
  EXPECT_TRUE(picture.ends_with("</svg>\n")) << picture;
  for (const char* part : {">p50<", ">p99.9<", ">answers a second<", ">2000<", "1.00 ms"}) {
    EXPECT_TRUE(has(picture, part)) << part << " in " << picture;
  }
  EXPECT_FALSE(has(picture, "nan"));
  Series one;
  one.steps.push_back({Options{}, {result_of(1000, 700)}});
  EXPECT_TRUE(has(plot_of(Options{}, one), ">99.9<"));
  Series none;
  none.steps.push_back({Options{}, {LoadResult{}}});
  EXPECT_EQ(plot_of(Options{}, none), "");
}

}  // namespace series_test
}  // namespace once::bench

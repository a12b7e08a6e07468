#include "bench/series_report.h"

#include <fmt/format.h>

#include <iterator>

#include "bench/figures.h"
#include "bench/medians.h"
#include "bench/report.h"
#include "bench/time_text.h"

namespace once::bench {
namespace {

std::string swept_text(const Options& o) {
  if (o.swept == Swept::kRate) return fmt::format("{:.0f} /s", o.rate);
  return fmt::format("{}", o.in_flight);
}

std::string left_behind(const Options& o, const NamesLeft& left) {
  const std::string words = words_of(left, o.value_bytes);
  return words.empty() ? words : words + "\n";
}

std::string heading(const Options& o, const LoadResult* any) {
  return fmt::format("{} {} names, {} B values, {} connections to {} nodes, {} s a run\n",
                     o.operation_name, names_of(o), o.value_bytes, o.connections,
                     any == nullptr ? 0 : any->nodes, o.seconds);
}

constexpr const char* kColumns = "{:>12} {:>12} {:>8} {:>11} {:>11} {:>11} {:>11} {:>8}{}\n";

}  // namespace

std::string table_of(const Options& o, const Series& series) {
  const LoadResult* any = nullptr;
  std::string rows;
  auto out = std::back_inserter(rows);
  for (const Step& step : series.steps) {
    if (step.runs.empty()) continue;
    any = &step.runs.front();
    const Medians m = medians_of(step.runs);
    fmt::format_to(out, kColumns, swept_text(step.options), fmt::format("{:.0f} /s", m.throughput),
                   fmt::format("{:.0f} %", m.spread * 100), time_text(m.p50_ns),
                   time_text(m.p99_ns), time_text(m.p999_ns), time_text(m.max_ns), m.errors,
                   m.voids > 0 ? fmt::format("  void: {} of {}", m.voids, step.runs.size()) : "");
  }
  return heading(o, any) +
         fmt::format(kColumns, o.swept == Swept::kRate ? "rate" : "in flight", "throughput",
                     "spread", "p50", "p99", "p99.9", "max", "errors", "") +
         rows + left_behind(o, series.left);
}

std::string table_of(const Options& o, const RateSearch& search) {
  const LoadResult* any = search.tries.empty() ? nullptr : &search.tries.front().result;
  std::string text = heading(o, any);
  auto out = std::back_inserter(text);
  const std::string percentile = fmt::format("p{:g}", o.target->percent);
  fmt::format_to(out, "{:>12} {:>12} {:>11} {:>8}\n", "rate", "throughput", percentile, "errors");
  for (const Try& one : search.tries) {
    fmt::format_to(out, "{:>12} {:>12} {:>11} {:>8}  {}\n",
                   one.rate == 0 ? "most" : fmt::format("{:.0f} /s", one.rate),
                   fmt::format("{:.0f} /s", throughput(one.result)),
                   time_text(percentile_ns(one.result.latency, o.target->percent)),
                   one.result.errors.total(),
                   one.kept              ? "kept"
                   : is_void(one.result) ? "void: sent late"
                   : one.rate == 0       ? "as many as the requests in flight allow"
                                         : "too slow");
  }
  const std::string limit = time_text(o.target->limit_ns);
  if (search.best > 0) {
    fmt::format_to(out, "{:.0f} /s is the highest rate found with {} within {}\n", search.best,
                   percentile, limit);
  } else {
    fmt::format_to(out, "no rate was found with {} within {}\n", percentile, limit);
  }
  return text + left_behind(o, search.left);
}

std::string csv_of(const Series& series) {
  std::string text =
      "op,names,value_size,connections,in_flight,rate,run,throughput_per_s,p50_us,p99_us,p999_us,"
      "max_us,mean_us,lag_p99_us,void,errors\n";
  auto out = std::back_inserter(text);
  for (const Step& step : series.steps) {
    const Options& o = step.options;
    for (size_t run = 0; run < step.runs.size(); ++run) {
      const LoadResult& r = step.runs[run];
      fmt::format_to(
          out, "{},{},{},{},{},{:g},{},{:.1f},{:.1f},{:.1f},{:.1f},{:.1f},{:.1f},{:.1f},{},{}\n",
          o.operation_name, names_of(o), o.value_bytes, r.connected, o.in_flight, o.rate, run + 1,
          throughput(r), percentile_us(r.latency, 50), percentile_us(r.latency, 99),
          percentile_us(r.latency, 99.9), static_cast<double>(r.latency.max()) / 1e3,
          r.latency.mean() / 1e3, percentile_us(r.lag, 99), is_void(r) ? 1 : 0, r.errors.total());
    }
  }
  return text;
}

}  // namespace once::bench

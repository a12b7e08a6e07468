// The result as JSON. Its numbers have so many digits as mean something, and no more.
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "bench/figures.h"
#include "bench/medians.h"
#include "bench/report.h"
#include "bench/series_report.h"
#include "paxos/words.h"

namespace once::bench {
namespace {

using Json = nlohmann::ordered_json;

double rounded(double value, int digits) {
  const double scale = std::pow(10, digits);
  return std::round(value * scale) / scale;
}

// What people gave: 10 stays 10, and is not 10.0.
Json as_given(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<int64_t>(value);
  return value;
}

Json by_operation(const LoadResult& r) {
  Json all;
  for (const auto& [operation, share] : r.shares) {
    all[paxos::word_of(operation)] = {{"done", share.done},
                                      {"refused", share.refused},
                                      {"p50_us", rounded(percentile_us(share.latency, 50), 1)},
                                      {"p99_us", rounded(percentile_us(share.latency, 99), 1)}};
  }
  return all;
}

Json errors_of(const Errors& e) {
  return {{"total", e.total()},         {"unknown", e.unknown}, {"unavailable", e.unavailable},
          {"overloaded", e.overloaded}, {"invalid", e.invalid}, {"connection", e.connection},
          {"no_answer", e.no_answer}};
}

std::string text_of(const Json& json) {
  // What a node said may be no UTF-8.
  const auto replace = Json::error_handler_t::replace;
  return printable(json.dump(-1, ' ', false, replace), Shown::kJson) + "\n";
}

Json object_of(const Options& o, const LoadResult& r, const std::optional<Floor>& floor) {
  Json json = {{"op", o.operation_name},
               {"names", names_of(o)},
               {"value_size", o.value_bytes},
               {"threads", o.threads},
               {"connections", r.connected},
               {"in_flight", o.in_flight},
               {"seconds", as_given(o.seconds)},
               {"measured_s", rounded(r.seconds, 3)},
               {"interrupted", r.interrupted != 0},
               {"rate", as_given(o.rate)},
               {"nodes", r.nodes},
               {"throughput_per_s", rounded(throughput(r), 1)},
               {"done", r.done},
               {"refused", r.refused},
               {"p50_us", rounded(percentile_us(r.latency, 50), 1)},
               {"p99_us", rounded(percentile_us(r.latency, 99), 1)},
               {"p999_us", rounded(percentile_us(r.latency, 99.9), 1)},
               {"max_us", rounded(static_cast<double>(r.latency.max()) / 1e3, 1)},
               {"mean_us", rounded(r.latency.mean() / 1e3, 1)}};
  if (o.operation == paxos::Operation::kCas) {
    json["success"] = rounded(success(r), 6);
    json["least_wins"] = r.least_wins;
    json["most_wins"] = r.most_wins;
  }
  if (!r.shares.empty()) json["by_operation"] = by_operation(r);
  if (o.rate > 0) {
    json["schedule"] = o.poisson ? "poisson" : "constant";
    json["lag_p99_us"] = rounded(percentile_us(r.lag, 99), 1);
    json["lag_max_us"] = rounded(static_cast<double>(r.lag.max()) / 1e3, 1);
    json["void"] = is_void(r);
  }
  json["errors"] = errors_of(r.errors);
  json["protocol_errors"] = r.protocol_errors;
  if (floor) {
    json["floor"] = {{"round_trip_us", rounded(floor->round_trip_us, 1)},
                     {"log_write_us", rounded(floor->log_write_us, 1)}};
    json["p50_over_floor"] = rounded(p50_over_floor(r, *floor), 3);
  }
  if (!r.first_protocol_error.empty()) json["first_protocol_error"] = r.first_protocol_error;
  json["names_left"] = r.names_left;
  json["names_begin_with"] = r.names_begin_with;
  return json;
}

Json medians_object(const Medians& m) {
  return {{"throughput_per_s", rounded(m.throughput, 1)},
          {"spread", rounded(m.spread, 4)},
          {"p50_us", rounded(m.p50_ns / 1e3, 1)},
          {"p99_us", rounded(m.p99_ns / 1e3, 1)},
          {"p999_us", rounded(m.p999_ns / 1e3, 1)},
          {"max_us", rounded(m.max_ns / 1e3, 1)},
          {"errors", m.errors},
          {"void", m.voids}};
}

}  // namespace

std::string json_of(const Options& o, const LoadResult& r, const std::optional<Floor>& floor) {
  return text_of(object_of(o, r, floor));
}

std::string json_of(const Options&, const Series& series) {
  Json steps = Json::array();
  for (const Step& step : series.steps) {
    if (step.runs.empty()) continue;
    Json runs = Json::array();
    for (const LoadResult& run : step.runs) {
      runs.push_back(object_of(step.options, run, std::nullopt));
    }
    steps.push_back({{"in_flight", step.options.in_flight},
                     {"rate", as_given(step.options.rate)},
                     {"medians", medians_object(medians_of(step.runs))},
                     {"runs", std::move(runs)}});
  }
  return text_of({{"interrupted", series.interrupted != 0},
                  {"names_left", series.left.count},
                  {"names_begin_with", series.left.begin_with},
                  {"series", std::move(steps)}});
}

std::string json_of(const Options& o, const RateSearch& search) {
  Json tries = Json::array();
  for (const Try& one : search.tries) {
    Options options = o;
    options.rate = one.rate;
    Json json = object_of(options, one.result, std::nullopt);
    json["kept"] = one.kept;
    tries.push_back(std::move(json));
  }
  return text_of({{"interrupted", search.interrupted != 0},
                  {"names_left", search.left.count},
                  {"names_begin_with", search.left.begin_with},
                  {"percent", as_given(o.target->percent)},
                  {"limit_us", rounded(o.target->limit_ns / 1e3, 1)},
                  {"best_rate", rounded(search.best, 1)},
                  {"tries", std::move(tries)}});
}

}  // namespace once::bench

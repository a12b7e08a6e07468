#include "bench/report.h"

#include <fmt/format.h>

#include <iterator>

#include "bench/time_text.h"

namespace once::bench {
namespace {

double percentile_ns(const Histogram& latency, double percent) {
  return static_cast<double>(latency.percentile(percent));
}
double percentile_us(const Histogram& latency, double percent) {
  return percentile_ns(latency, percent) / 1e3;
}

double throughput(const LoadResult& result) {
  return static_cast<double>(result.done + result.refused) / result.seconds;
}

std::string time_row(const char* name, double ns) {
  const std::string text = time_text(ns);
  const size_t blank = text.find(' ');
  return fmt::format("{:<14}{:>12} {}\n", name, text.substr(0, blank), text.substr(blank + 1));
}

// One write at best: to the home, from there to another node's disk, and both ways back.
double p50_over_floor(const LoadResult& result, const Floor& floor) {
  return percentile_us(result.latency, 50) / (2 * floor.round_trip_us + floor.log_write_us);
}

std::string names_of(const Options& options) {
  return options.hot_names == 0 ? "unique" : fmt::format("hot:{}", options.hot_names);
}

// For JSON: text that may come from a node.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += static_cast<char>(c);
    } else if (c < 0x20 || c >= 0x7f) {
      result += fmt::format("\\u{:04x}", c);
    } else {
      result += static_cast<char>(c);
    }
  }
  return result + '"';
}

double success(const LoadResult& r) {
  const uint64_t tries = r.done + r.refused;
  return tries == 0 ? 0 : static_cast<double>(r.done) / static_cast<double>(tries);
}

const char* operation_name(paxos::Operation operation) {
  switch (operation) {
    case paxos::Operation::kRead:
      return "read";
    case paxos::Operation::kSet:
      return "set";
    case paxos::Operation::kNext:
      return "next";
    case paxos::Operation::kCas:
      return "cas";
    default:
      return "other";
  }
}

std::string shares_of(const LoadResult& r) {
  std::string text;
  for (const auto& [operation, share] : r.shares) {
    fmt::format_to(std::back_inserter(text),
                   R"({}"{}":{{"done":{},"refused":{},"p50_us":{:.1f},"p99_us":{:.1f}}})",
                   text.empty() ? "" : ",", operation_name(operation), share.done, share.refused,
                   percentile_us(share.latency, 50), percentile_us(share.latency, 99));
  }
  return text;
}

}  // namespace

std::string leaves(const Options& o, const LoadResult& r) {
  if (r.names_left == 0) return {};
  return fmt::format("{} names stay for ever, {}..., {} B each", r.names_left, r.names_begin_with,
                     o.value_bytes);
}

std::string table_of(const Options& o, const LoadResult& r, const std::optional<Floor>& floor) {
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "{} {} names, {} B values, {} connections to {} nodes, {} in flight, {} s\n",
                 o.operation_name, names_of(o), o.value_bytes, r.connected, r.nodes, o.in_flight,
                 o.seconds);
  if (r.interrupted != 0) {
    fmt::format_to(out, "{:<14}{:>12.1f} s, then it was interrupted\n", "measured", r.seconds);
  }
  if (o.rate > 0) fmt::format_to(out, "{:<14}{:>12.0f} /s asked for\n", "rate", o.rate);
  fmt::format_to(out, "{:<14}{:>12.0f} /s\n", "throughput", throughput(r));
  fmt::format_to(out, "{:<14}{:>12}\n", "done", r.done);
  fmt::format_to(out, "{:<14}{:>12}\n", "refused", r.refused);
  if (o.operation == paxos::Operation::kCas) {
    fmt::format_to(out, "{:<14}{:>12.2f} %   of all tries; a caller won {} to {} times\n",
                   "success", 100 * success(r), r.least_wins, r.most_wins);
  }
  text += time_row("p50", percentile_ns(r.latency, 50));
  text += time_row("p99", percentile_ns(r.latency, 99));
  text += time_row("p99.9", percentile_ns(r.latency, 99.9));
  text += time_row("max", static_cast<double>(r.latency.max()));
  for (const auto& [operation, share] : r.shares) {
    fmt::format_to(out, "{:<14}{:>12}      refused {}, p50 {}, p99 {}\n", operation_name(operation),
                   share.done, share.refused, time_text(percentile_ns(share.latency, 50)),
                   time_text(percentile_ns(share.latency, 99)));
  }
  fmt::format_to(out, "{:<14}{:>12}", "errors", r.errors.total());
  if (r.errors.total() > 0) {
    const Errors& e = r.errors;
    fmt::format_to(out,
                   "  (unknown {}, unavailable {}, overloaded {}, invalid {}, connection {}, "
                   "no answer {})",
                   e.unknown, e.unavailable, e.overloaded, e.invalid, e.connection, e.no_answer);
  }
  text += '\n';
  if (floor) {
    text += time_row("floor: echo", floor->round_trip_us * 1e3);
    text += time_row("floor: log", floor->log_write_us * 1e3);
    fmt::format_to(out, "{:<14}{:>12.2f} x (2 echoes + 1 log write)\n", "p50 / floor",
                   p50_over_floor(r, *floor));
  }
  const std::string left = leaves(o, r);
  return text + (left.empty() ? "" : fmt::format("{:<14}{}\n", "left behind", left));
}

std::string json_of(const Options& o, const LoadResult& r, const std::optional<Floor>& floor) {
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out,
                 R"({{"op":"{}","names":"{}","value_size":{},"connections":{},"in_flight":{},)"
                 R"("seconds":{},"measured_s":{:.3f},"interrupted":{},"rate":{},"nodes":{},)"
                 R"("throughput_per_s":{:.1f},"done":{},"refused":{},)",
                 o.operation_name, names_of(o), o.value_bytes, r.connected, o.in_flight, o.seconds,
                 r.seconds, r.interrupted != 0, o.rate, r.nodes, throughput(r), r.done, r.refused);
  fmt::format_to(out,
                 R"("p50_us":{:.1f},"p99_us":{:.1f},"p999_us":{:.1f},"max_us":{:.1f},)"
                 R"("mean_us":{:.1f},)",
                 percentile_us(r.latency, 50), percentile_us(r.latency, 99),
                 percentile_us(r.latency, 99.9), static_cast<double>(r.latency.max()) / 1e3,
                 r.latency.mean() / 1e3);
  if (o.operation == paxos::Operation::kCas) {
    fmt::format_to(out, R"("success":{:.6f},"least_wins":{},"most_wins":{},)", success(r),
                   r.least_wins, r.most_wins);
  }
  if (!r.shares.empty()) fmt::format_to(out, R"("by_operation":{{{}}},)", shares_of(r));
  const Errors& e = r.errors;
  fmt::format_to(out,
                 R"("errors":{{"total":{},"unknown":{},"unavailable":{},"overloaded":{},)"
                 R"("invalid":{},"connection":{},"no_answer":{}}},"protocol_errors":{})",
                 e.total(), e.unknown, e.unavailable, e.overloaded, e.invalid, e.connection,
                 e.no_answer, r.protocol_errors);
  if (floor) {
    fmt::format_to(out, R"(,"floor":{{"round_trip_us":{:.1f},"log_write_us":{:.1f}}})",
                   floor->round_trip_us, floor->log_write_us);
    fmt::format_to(out, R"(,"p50_over_floor":{:.3f})", p50_over_floor(r, *floor));
  }
  if (!r.first_protocol_error.empty()) {
    fmt::format_to(out, R"(,"first_protocol_error":{})", quoted(r.first_protocol_error));
  }
  fmt::format_to(out, R"(,"names_left":{},"names_begin_with":{})", r.names_left,
                 quoted(r.names_begin_with));
  return text + "}\n";
}

}  // namespace once::bench

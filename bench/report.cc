#include "bench/report.h"

#include <fmt/format.h>

#include <iterator>

#include "bench/figures.h"
#include "bench/time_text.h"
#include "paxos/words.h"

namespace once::bench {
namespace {

std::string time_row(const char* name, double ns) {
  const std::string text = time_text(ns);
  const size_t blank = text.find(' ');
  return fmt::format("{:<14}{:>12} {}\n", name, text.substr(0, blank), text.substr(blank + 1));
}

std::string threads_of(const Options& o) {
  return o.threads > 1 ? fmt::format("{} threads, ", o.threads) : "";
}

}  // namespace

std::string words_of(const NamesLeft& left, size_t value_bytes) {
  if (left.count == 0) return {};
  if (left.count == 1) {
    return fmt::format("1 name stays for ever, {}..., {} B", left.begin_with, value_bytes);
  }
  return fmt::format("{} names stay for ever, {}..., {} B each", left.count, left.begin_with,
                     value_bytes);
}

std::string leaves(const Options& o, const LoadResult& r) {
  NamesLeft left;
  left.add(r);
  return words_of(left, o.value_bytes);
}

std::string table_of(const Options& o, const LoadResult& r, const std::optional<Floor>& floor) {
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out,
                 "{} {} names, {} B values, {}{} connections to {} nodes, {} in flight, {} s\n",
                 o.operation_name, names_of(o), o.value_bytes, threads_of(o), r.connected, r.nodes,
                 o.in_flight, o.seconds);
  if (r.interrupted != 0) {
    fmt::format_to(out, "{:<14}{:>12.1f} s, then it was interrupted\n", "measured", r.seconds);
  }
  if (o.rate > 0) {
    fmt::format_to(out, "{:<14}{:>12.0f} /s asked for{}\n", "rate", o.rate,
                   o.poisson ? ", at random times" : "");
    text += time_row("sent late, p99", percentile_ns(r.lag, 99));
  }
  if (is_void(r)) {
    text +=
        "void: requests were sent too late to say anything of the nodes; give a lower --rate, "
        "or more --in-flight\n";
  }
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
    fmt::format_to(out, "{:<14}{:>12}      refused {}, p50 {}, p99 {}\n", paxos::word_of(operation),
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

}  // namespace once::bench

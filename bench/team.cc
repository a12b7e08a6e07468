#include "bench/team.h"

#include <algorithm>

namespace once::bench {
namespace {

void add(Errors& sum, const Errors& part) {
  sum.unknown += part.unknown;
  sum.unavailable += part.unavailable;
  sum.overloaded += part.overloaded;
  sum.invalid += part.invalid;
  sum.connection += part.connection;
  sum.no_answer += part.no_answer;
}

void add(LoadResult& sum, const LoadResult& part) {
  sum.latency.merge(part.latency);
  sum.lag.merge(part.lag);
  sum.done += part.done;
  sum.refused += part.refused;
  for (const auto& [operation, share] : part.shares) {
    Share& of = sum.shares[operation];
    of.done += share.done;
    of.refused += share.refused;
    of.latency.merge(share.latency);
  }
  sum.least_wins = std::min(sum.least_wins, part.least_wins);
  sum.most_wins = std::max(sum.most_wins, part.most_wins);
  add(sum.errors, part.errors);
  if (sum.protocol_errors == 0) sum.first_protocol_error = part.first_protocol_error;
  sum.protocol_errors += part.protocol_errors;
  sum.connected += part.connected;
  sum.seconds = std::max(sum.seconds, part.seconds);
  sum.interrupted = std::max(sum.interrupted, part.interrupted);
  sum.names_left += part.names_left;
}

}  // namespace

uint64_t Team::answers() const {
  uint64_t sum = 0;
  for (const auto& count : answers_) sum += count.load(std::memory_order_relaxed);
  return sum;
}

LoadResult sum_of(const std::vector<LoadResult>& parts, const Team& team) {
  LoadResult sum = parts.front();
  for (size_t i = 1; i < parts.size(); ++i) add(sum, parts[i]);
  if (team.is_over()) sum.failure = parts[team.first_to_give_up()].failure;
  return sum;
}

}  // namespace once::bench

// What came of a run.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/histogram.h"
#include "paxos/messages.h"

namespace once::bench {

struct Errors {
  uint64_t unknown = 0;
  uint64_t unavailable = 0;
  uint64_t overloaded = 0;
  uint64_t invalid = 0;
  uint64_t connection = 0;  // the connection broke with the request in flight
  uint64_t no_answer = 0;   // still waiting when the drain ended
  uint64_t total() const {
    return unknown + unavailable + overloaded + invalid + connection + no_answer;
  }
};

// Of one operation of a mix.
struct Share {
  uint64_t done = 0;
  uint64_t refused = 0;
  Histogram latency;
};

struct LoadResult {
  std::string failure;  // not empty: the run did not take place
  Histogram latency;    // ns, answers only: errors are counted apart
  Histogram lag;        // ns, with a rate: how long after it was due a request was sent
  uint64_t done = 0;
  uint64_t refused = 0;
  std::map<paxos::Operation, Share> shares;  // of a mix
  uint64_t least_wins = 0;  // cas: of one of the callers, of whom there are `in_flight`
  uint64_t most_wins = 0;
  Errors errors;
  uint64_t protocol_errors = 0;  // broken frames, and answers that cannot be true
  std::string first_protocol_error;
  size_t nodes = 0;
  size_t connected = 0;
  double seconds = 0;            // that were measured
  int interrupted = 0;           // by that signal; 0: it ran to its end
  uint64_t names_left = 0;       // written, warm-up and preparation included; they stay
  std::string names_begin_with;  // all of them
};

// The names that runs have written, and those too that then failed: they stay.
struct NamesLeft {
  uint64_t count = 0;
  std::string begin_with;  // all of them
  void add(const LoadResult& result) {
    if (result.names_left == 0) return;
    const std::string& other = result.names_begin_with;
    if (count == 0) begin_with = other;
    if (begin_with != other) begin_with.resize(begin_with.find('/') + 1);  // each run has its own
    count += result.names_left;
  }
};

}  // namespace once::bench

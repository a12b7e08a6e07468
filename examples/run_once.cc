// A job that runs once on many hosts.
//
//   run_once JOB WORKER [SECONDS] < input
//
// Start it on as many hosts as you like, at the same moment if you like. One of them does the job
// (here: it counts the bytes of its input); all others say who does it, wait up to SECONDS (10) for
// the result, and print that. Exit code 0: the result is printed; 3: claimed, but no result yet.
//
// How: a name can be written once and for ever. Whoever writes "jobs/JOB" first has the job. It is
// never run twice, at the price that a worker may die in the middle: then everybody sees "claimed,
// no result yet", for ever, and a person (or another rule) decides. If two runs do less harm than
// none, use a lock instead: see leader.cc.
#include <once/client.h>

#include <iostream>
#include <iterator>
#include <string>

#include "common.h"

using once::client::Outcome;
using once::client::Result;

namespace {

std::string do_the_job() {
  const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  return std::to_string(input.size()) + " bytes";
}

int do_it(once::client::Client& client, const std::string& job) {
  std::cout << "won: doing the job" << std::endl;
  const std::string result = do_the_job();
  const Result told = until_known(
      [&](const auto& options) { return client.write(job + "/result", result, options); });
  if (told.outcome != Outcome::kDone) give_up(told);
  std::cout << "result: " << shown(result) << '\n';
  return 0;
}

int wait_for_it(once::client::Client& client, const std::string& job, const std::string& winner,
                int64_t seconds) {
  std::cout << "lost: " << shown(winner) << " does it" << std::endl;
  // Version 0 is "nothing was written": this returns as soon as somebody writes.
  const Result result = client.wait(job + "/result", 0, {.timeout_ms = seconds * 1000});
  if (result.outcome == Outcome::kNotYet) {
    std::cout << "claimed by " << shown(winner) << ", no result yet\n";
    return 3;
  }
  if (result.outcome != Outcome::kDone) give_up(result);
  std::cout << "result: " << shown(result.value) << '\n';
  return 0;
}

}  // namespace

int main(int count, char** words) {
  if (count < 3 || count > 4) {
    std::cerr << "usage: run_once JOB WORKER [SECONDS] < input\n";
    return 2;
  }
  const std::string job = std::string("jobs/") + words[1];
  const std::string worker = words[2];
  const int64_t seconds = count == 4 ? std::atoi(words[3]) : 10;

  once::client::Client client(nodes());
  const Result claim =
      until_known([&](const auto& options) { return client.write(job, worker, options); });
  switch (claim.outcome) {
    case Outcome::kDone:
      return do_it(client, job);
    case Outcome::kRefused:  // the answer shows what stands there
      return wait_for_it(client, job, claim.value, seconds);
    default:
      give_up(claim);
  }
}

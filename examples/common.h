// What the examples share: where the nodes are, and what to do when things go wrong.
#pragma once

#include <once/client.h>
#include <once/printable.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>

// ONCE_ENDPOINTS, as for the command `once`: HOST:PORT,... Without it, the nodes of `make run`.
inline once::client::Options nodes() {
  const char* given = std::getenv("ONCE_ENDPOINTS");
  std::string rest = given ? given : "127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403";
  once::client::Options options;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    options.endpoints.push_back(rest.substr(0, comma));
    rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
  }
  return options;
}

// "Unknown" means: a node died with the request in its hands, and it may have happened. Asking
// again with the same request id is safe: it happens once, however often it is asked for.
inline once::client::Result until_known(
    const std::function<once::client::Result(const once::client::CallOptions&)>& ask) {
  once::client::Result result = ask({});
  for (int i = 0; i < 10 && result.outcome == once::client::Outcome::kUnknown; ++i) {
    result = ask({.id = result.request_id});
  }
  return result;
}

// What somebody else wrote, for standard output: on a terminal it must not act on it.
inline std::string shown(const std::string& text) {
  return isatty(STDOUT_FILENO) ? once::printable(text, once::Shown::kLines) : text;
}

// What went wrong, for standard error: of a Result or a LockResult.
template <class Result>
std::string told(const Result& result) {
  return once::printable(result.message);
}

// Ends the program when the cluster gave no useful answer.
[[noreturn]] inline void give_up(const once::client::Result& result) {
  std::cerr << outcome_name(result.outcome) << ": " << told(result) << '\n';
  std::exit(1);
}

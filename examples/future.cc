// A distributed future: a value that somebody sets once, and that any number of others wait for.
//
//   future set NAME VALUE        exit code 0: set; 3: it was set before, and that value is printed
//   future get NAME [SECONDS]    prints the value as soon as there is one; 4: none came in time
//
// How: a name can be written once and for ever, so a future never changes after it is set. Those
// who wait are told by a node as soon as the value is decided; they do not ask again and again.
#include <once/client.h>

#include <iostream>
#include <string>

#include "common.h"

using once::client::Outcome;
using once::client::Result;

namespace {

int set(once::client::Client& client, const std::string& name, const std::string& value) {
  const Result result =
      until_known([&](const auto& options) { return client.write(name, value, options); });
  if (result.outcome == Outcome::kDone) return 0;
  if (result.outcome != Outcome::kRefused) give_up(result);
  std::cout << shown(result.value) << '\n';
  return 3;
}

int get(once::client::Client& client, const std::string& name, int64_t seconds) {
  // Versions begin at 1: "newer than 0" is the first value, which is also the last.
  const Result result = client.wait(name, 0, {.timeout_ms = seconds * 1000});
  if (result.outcome == Outcome::kNotYet) return 4;
  if (result.outcome != Outcome::kDone) give_up(result);
  std::cout << shown(result.value) << '\n';
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const std::string what = count > 1 ? words[1] : "";
  once::client::Client client(nodes());
  if (what == "set" && count == 4) return set(client, std::string("futures/") + words[2], words[3]);
  if (what == "get" && (count == 3 || count == 4)) {
    return get(client, std::string("futures/") + words[2], count == 4 ? std::atoi(words[3]) : 10);
  }
  std::cerr << "usage: future set NAME VALUE | future get NAME [SECONDS]\n";
  return 2;
}

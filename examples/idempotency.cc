// A store of idempotency keys: a payment that is asked for twice is made once.
//
//   idempotency KEY REQUEST
//
// A caller that got no answer asks again with the same KEY. This program tells apart:
//   new            it does the work (here: what it reads from its input is the result)     exit 0
//   done           it prints the result of the first time and does nothing                 exit 0
//   in progress    somebody is at it, or died at it: ask again later                       exit 4
//   other request  the key was used for something else: a mistake of the caller            exit 3
//
// How: a register for each key. It is empty, or holds the request ("in progress"), or the request
// and the result, and is sealed then, so that it never changes again. Each step happens only from
// the version before (compare-and-set), so of many who ask at once, one does the work.
// What died in progress stays so: only who knows the work can say whether it may be done again.
#include <once/client.h>

#include <iostream>
#include <iterator>
#include <string>

#include "common.h"

using once::client::Client;
using once::client::Outcome;
using once::client::Result;

namespace {

// The request's length stands in front, so that no request can look like one with a result.
std::string record(const std::string& request, const std::string& rest) {
  return std::to_string(request.size()) + ":" + request + rest;
}

std::string do_the_work() {
  std::string result{std::istreambuf_iterator<char>(std::cin), {}};
  if (result.ends_with('\n')) result.pop_back();
  return result;
}

int finish(Client& client, const std::string& name, const std::string& request) {
  std::cout << "new: doing it" << std::endl;
  const std::string result = do_the_work();
  // Versions: 1 in progress, 2 with the result, 3 sealed. Nobody but us goes on from 1.
  const std::string done = record(request, result);
  const Result kept =
      until_known([&](const auto& options) { return client.cas(name, 1, done, options); });
  if (kept.outcome != Outcome::kDone) give_up(kept);
  const Result sealed =
      until_known([&](const auto& options) { return client.seal(name, 2, options); });
  if (sealed.outcome != Outcome::kDone) give_up(sealed);
  std::cout << "result: " << shown(result) << '\n';
  return 0;
}

int look(const Result& state, const std::string& request) {
  const std::string begin = record(request, "");
  if (state.value.compare(0, begin.size(), begin) != 0) {
    std::cout << "other request: the key was used for something else\n";
    return 3;
  }
  if (state.version == 1) {
    std::cout << "in progress\n";
    return 4;
  }
  std::cout << "done before: " << shown(state.value.substr(begin.size())) << '\n';
  return 0;
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) {
    std::cerr << "usage: idempotency KEY REQUEST < result\n";
    return 2;
  }
  const std::string name = std::string("idempotency/") + words[1];
  const std::string request = words[2];
  Client client(nodes());
  const Result claim = until_known([&](const auto& options) {
    return client.cas(name, 0, record(request, ""), options);  // 0: only if it is empty
  });
  switch (claim.outcome) {
    case Outcome::kDone:
      return finish(client, name, request);
    case Outcome::kRefused:  // the answer shows what stands there
      return look(claim, request);
    default:
      give_up(claim);
  }
}

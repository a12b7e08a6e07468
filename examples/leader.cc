// Leader election: of all who take part, one leads at a time; when it goes, another one takes over.
//
//   leader GROUP ME [TTL_MS]
//
// Takes part until its standard input is closed (Ctrl-D). Kill the leader with -9: another one
// leads after the TTL (2000 ms unless given). Close its input: another one leads at once.
//
// How: the leader holds a lock that it renews in the background. It may believe that it leads only
// while holds() says so, and holds() goes by the clock: a leader that is cut off from the cluster
// stops to lead by itself before another one begins. But a leader that is paused between holds()
// and what it does next can be late, and then there are two for a moment. So it hands its term, the
// lock's token, to everything that it commands, and what it commands obeys the highest term that
// it has seen. fenced_file.cc shows that side.
#include <once/lock.h>
#include <poll.h>
#include <unistd.h>

#include <iostream>
#include <string>

#include "common.h"

using once::client::Lock;
using once::client::LockOutcome;
using once::client::LockResult;

namespace {

bool input_is_closed(int wait_ms) {
  pollfd in{STDIN_FILENO, POLLIN, 0};
  if (poll(&in, 1, wait_ms) <= 0) return false;
  char ignored[256];
  return read(STDIN_FILENO, ignored, sizeof ignored) <= 0;
}

// Returns true when the input was closed.
bool lead(Lock& lock) {
  std::cout << "leading, term " << lock.token() << std::endl;
  while (lock.holds()) {
    // A real leader works here, in short steps, and gives lock.token() to whom it commands.
    if (input_is_closed(50)) return true;
  }
  std::cout << "not leading any more" << std::endl;
  return false;
}

}  // namespace

int main(int count, char** words) {
  if (count < 3 || count > 4) {
    std::cerr << "usage: leader GROUP ME [TTL_MS]\n";
    return 2;
  }
  once::client::Client client(nodes());
  Lock lock(client, std::string("leaders/") + words[1],
            {.ttl_ms = count == 4 ? std::atoi(words[3]) : 2000, .owner = words[2]});
  std::string leader;
  while (true) {
    // Waits for a second while somebody else leads, then looks whether we shall go on.
    const LockResult result = lock.acquire(1000);
    if (result.outcome == LockOutcome::kHeld) {
      if (lead(lock)) break;
      leader.clear();
    } else if (result.outcome == LockOutcome::kBusy) {
      if (result.owner != leader) std::cout << "following " << shown(result.owner) << std::endl;
      leader = result.owner;
    } else if (result.outcome == LockOutcome::kUnavailable ||
               result.outcome == LockOutcome::kUnknown) {
      std::cerr << told(result) << '\n';  // no majority answers: nobody can be elected
    } else {
      std::cerr << lock_outcome_name(result.outcome) << ": " << told(result) << '\n';
      return 1;
    }
    if (input_is_closed(0)) break;
  }
  lock.release();  // so that the next one need not wait for the TTL
  std::cout << "left\n";
}

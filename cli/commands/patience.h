// Says on a terminal what a command waits for, when it takes longer than people expect.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "cli/arguments.h"
#include "client/client.h"

namespace once::client {

// While it lives: a line on standard error, if that is a terminal, when for a second no node has
// answered, or none that reaches a majority; another one when it happens again. It has a thread of
// its own, which takes no signals.
class Patience {
 public:
  Patience(const Client& client, const Arguments& arguments);
  ~Patience();
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

 private:
  void watch(const Client& client);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;  // by mutex_
  std::thread thread_;
};

// Is there anybody to read a line that only helps somebody who waits?
bool somebody_watches(const Arguments& arguments);

}  // namespace once::client

// No signal reaches the calling thread while one of these lives, nor ever a thread that it makes
// meanwhile: a thread inherits what is blocked where it is made.
#pragma once

#include <pthread.h>
#include <signal.h>

namespace once {

class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace once

#include "bench/interrupt.h"

#include <sched.h>
#include <signal.h>

#include <atomic>

#include "base/assert.h"
#include "reactor/io.h"

namespace once::bench {
namespace {

std::atomic<int> number_of_signal{0};
std::atomic<reactor::Io*> io_to_wake{nullptr};
std::atomic<int> inside{0};  // handlers that may be at that Io

void on_signal(int number) {
  number_of_signal.store(number);
  inside.fetch_add(1);
  if (reactor::Io* const io = io_to_wake.load()) io->wake();
  inside.fetch_sub(1);
}

// Once: a second signal must find its handler gone, in a later run too.
bool install() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    ::sigaction(number, nullptr, &before);
    if (before.sa_handler != SIG_IGN)
      ::sigaction(number, &action, nullptr);  // under nohup it stays
  }
  return true;
}

}  // namespace

EndOnSignals::EndOnSignals(reactor::Io& io) {
  ONCE_ASSERT(io_to_wake.load() == nullptr);
  io_to_wake.store(&io);
  static const bool installed = install();
  (void)installed;
}

// A handler in this thread is over by now; one in another thread may have the Io in its hands.
EndOnSignals::~EndOnSignals() {
  io_to_wake.store(nullptr);
  while (inside.load() != 0) ::sched_yield();
}

int interrupted() { return number_of_signal.load(std::memory_order_relaxed); }

}  // namespace once::bench

#include "bench/interrupt.h"

#include <signal.h>

#include <atomic>

#include "reactor/io.h"

namespace once::bench {
namespace {

std::atomic<int> number_of_signal{0};
reactor::Io* io_to_wake = nullptr;  // set before the handler is installed

void on_signal(int number) {
  number_of_signal.store(number, std::memory_order_relaxed);
  io_to_wake->wake();
}

}  // namespace

void end_on_signals(reactor::Io& io) {
  io_to_wake = &io;
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
}

int interrupted() { return number_of_signal.load(std::memory_order_relaxed); }

}  // namespace once::bench

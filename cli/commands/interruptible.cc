#include "cli/commands/interruptible.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/descriptor.h"
#include "client/socket.h"

namespace once::client {
namespace {

constexpr int64_t kCancelMs = 2000;
constexpr int64_t kMomentNs = 300'000'000;

// The callback may come when nobody waits any more.
struct Meeting {
  const Descriptor done{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::mutex mutex;
  std::optional<Result> result;  // by mutex

  Meeting() { ONCE_ASSERT(done); }
  void put(Result&& given) {
    const std::lock_guard lock(mutex);
    result = std::move(given);
    const uint64_t one = 1;
    (void)!write(done.get(), &one, sizeof one);
  }
};

Asked ask(Signals& signals, Client& client, const std::function<OperationId(Callback)>& begin,
          const std::function<bool(int signal)>& breaks_off) {
  const auto meeting = std::make_shared<Meeting>();
  const OperationId operation =
      begin([meeting](Result&& result) { meeting->put(std::move(result)); });
  Asked asked;
  do {
    asked.signal = signals.wait_for(meeting->done.get());
  } while (asked.signal != 0 && !breaks_off(asked.signal));
  if (asked.signal != 0) {
    client.cancel(operation);
    (void)signals.wait_for(meeting->done.get(), kCancelMs);
  }
  const std::lock_guard lock(meeting->mutex);
  if (meeting->result) {
    asked.result = std::move(*meeting->result);
  } else {
    asked.result.outcome = Outcome::kUnknown;
    asked.result.message = "no answer was waited for";
  }
  return asked;
}

}  // namespace

Asked ask_interruptibly(Signals& signals, Client& client,
                        const std::function<OperationId(Callback)>& begin) {
  return ask(signals, client, begin, [](int) { return true; });
}

Asked ask_after_the_end(Signals& signals, Client& client,
                        const std::function<OperationId(Callback)>& begin) {
  const int64_t deaf_until_ns = now_ns() + kMomentNs;
  return ask(signals, client, begin, [deaf_until_ns](int signal) {
    return signal != SIGKILL && now_ns() >= deaf_until_ns;
  });
}

}  // namespace once::client

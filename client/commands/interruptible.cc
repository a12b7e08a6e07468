#include "client/commands/interruptible.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/assert.h"

namespace once::client {
namespace {

constexpr int64_t kCancelMs = 2000;

// The callback may come when nobody waits any more.
struct Meeting {
  const int done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::mutex mutex;
  std::optional<Result> result;  // by mutex

  Meeting() { ONCE_ASSERT(done >= 0); }
  ~Meeting() { close(done); }
  void put(Result&& given) {
    const std::lock_guard lock(mutex);
    result = std::move(given);
    const uint64_t one = 1;
    (void)!write(done, &one, sizeof one);
  }
};

}  // namespace

Asked ask_interruptibly(Signals& signals, Client& client,
                        const std::function<Operation(Callback)>& begin) {
  const auto meeting = std::make_shared<Meeting>();
  const Operation operation =
      begin([meeting](Result&& result) { meeting->put(std::move(result)); });
  Asked asked;
  asked.signal = signals.wait_for(meeting->done);
  if (asked.signal != 0) {
    client.cancel(operation);
    (void)signals.wait_for(meeting->done, kCancelMs);
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

}  // namespace once::client

#include "cli/commands/asker.h"

#include <mutex>
#include <optional>
#include <utility>

#include "client/socket.h"

namespace once::client {
namespace {

constexpr int64_t kForever = -1;

}  // namespace

// The callback may come when nobody waits any more.
struct Asker::Answer {
  std::mutex mutex;
  std::optional<Result> result;  // by mutex

  void put(Result&& given) {
    const std::lock_guard lock(mutex);
    result = std::move(given);
  }
  std::optional<Result> take() {
    const std::lock_guard lock(mutex);
    return std::exchange(result, std::nullopt);
  }
  bool is_there() {
    const std::lock_guard lock(mutex);
    return result.has_value();
  }
};

// The bell may be rung by an operation that was broken off before this one.
int Asker::wait_for(Answer& answer, int64_t patience_ms) {
  const int64_t end_ns = now_ns() + patience_ms * 1'000'000;
  while (!answer.is_there()) {
    const int64_t left_ms =
        patience_ms == kForever ? kForever : (end_ns - now_ns() + 999'999) / 1'000'000;
    if (patience_ms != kForever && left_ms <= 0) break;
    if (const int signal = signals_.wait_for(bell_->fd(), left_ms); signal != 0) return signal;
    bell_->mute();
  }
  return 0;
}

Asked Asker::ask(const Begin& begin, const BreaksOff& breaks_off, int64_t last_answer_ms) {
  const auto answer = std::make_shared<Answer>();
  const OperationId operation = begin([answer, bell = bell_](Result&& result) {
    answer->put(std::move(result));
    bell->ring();
  });
  Asked asked;
  do {
    asked.signal = wait_for(*answer, kForever);
  } while (asked.signal != 0 && !breaks_off(asked.signal));
  if (asked.signal != 0) {
    // Cancelled, what is in flight would be unknown; and where no node is connected, none answers.
    if (client_.trouble().empty()) (void)wait_for(*answer, last_answer_ms);
    client_.cancel(operation);
    (void)wait_for(*answer, kLastAnswerMs);
  }
  if (std::optional<Result> given = answer->take()) {
    asked.result = std::move(*given);
  } else {
    asked.result.outcome = Outcome::kUnknown;
    asked.result.message = "no answer was waited for";
  }
  return asked;
}

Asked Asker::ask(const Begin& begin) {
  return ask(
      begin, [](int) { return true; }, kLastAnswerMs);
}

Asked Asker::ask_question(const Begin& begin) {
  return ask(
      begin, [](int) { return true; }, 0);
}

Asked Asker::ask_after_the_end(const Begin& begin) {
  const int64_t deaf_until_ns = now_ns() + kMomentNs;
  const auto breaks_off = [deaf_until_ns](int signal) {
    return signal != SIGKILL && now_ns() >= deaf_until_ns;
  };
  return ask(begin, breaks_off, kLastAnswerMs);
}

}  // namespace once::client

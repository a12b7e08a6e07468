// Operations on the cluster that the user can break off: whatever is known then is said.
#pragma once

#include <functional>
#include <memory>

#include "cli/commands/bell.h"
#include "cli/commands/signals.h"
#include "client/client.h"

namespace once::client {

struct Asked {
  Result result;
  int signal = 0;  // asked for the end meanwhile; 0: none did
};

// One thread's, and one operation at a time. What it needs it has from the start: no answer is lost
// for want of a descriptor.
class Asker {
 public:
  using Begin = std::function<OperationId(Callback)>;

  // Both outlive it. Throws std::system_error: nothing was asked.
  Asker(Signals& signals, Client& client) : signals_(signals), client_(client) {}

  // `begin` starts the operation. After a signal its answer is waited for: it may tell how it
  // ended. A second signal, or two seconds, end that wait: then it is cancelled, and the outcome
  // unknown if anything was in flight.
  Asked ask(const Begin& begin);
  // The same for what changes nothing: after a signal nobody needs its answer.
  Asked ask_question(const Begin& begin);
  // The same for what is to be done after a command that a signal may have ended: that signal is
  // heard a moment later here. And nobody but the user can break it off.
  Asked ask_after_the_end(const Begin& begin);

 private:
  struct Answer;
  using BreaksOff = std::function<bool(int signal)>;
  Asked ask(const Begin& begin, const BreaksOff& breaks_off, int64_t last_answer_ms);
  // Until the answer is there (0), or a signal came, or that time is over (0).
  int wait_for(Answer& answer, int64_t patience_ms);

  Signals& signals_;
  Client& client_;
  const std::shared_ptr<Bell> bell_ = std::make_shared<Bell>();  // of those that answer late, too
};

}  // namespace once::client

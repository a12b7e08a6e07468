// One operation on the cluster that the user can break off: whatever is known then is said.
#pragma once

#include <functional>

#include "cli/commands/signals.h"
#include "client/client.h"

namespace once::client {

struct Asked {
  Result result;
  int signal = 0;  // asked for the end meanwhile; 0: none did
};
// `begin` starts it. After a signal it is cancelled; a second one, or two seconds without an
// answer, end the wait for what became of it: then the outcome is unknown.
Asked ask_interruptibly(Signals& signals, Client& client,
                        const std::function<OperationId(Callback)>& begin);

// The same for what is to be done after a command that a signal may have ended: that signal is
// heard a moment later here. And nobody but the user can break it off.
Asked ask_after_the_end(Signals& signals, Client& client,
                        const std::function<OperationId(Callback)>& begin);

}  // namespace once::client

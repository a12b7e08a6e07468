// One operation on the cluster that the user can break off: whatever is known then is said.
#pragma once

#include <functional>

#include "client/client.h"
#include "client/commands/signals.h"

namespace once::client {

struct Asked {
  Result result;
  int signal = 0;  // asked for the end meanwhile; 0: none did
};
// `begin` starts it. After a signal it is cancelled; a second one, or two seconds without an
// answer, end the wait for what became of it: then the outcome is unknown.
Asked ask_interruptibly(Signals& signals, Client& client,
                        const std::function<Operation(Callback)>& begin);

}  // namespace once::client

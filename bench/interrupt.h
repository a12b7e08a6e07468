// Ctrl-C and its like, for a run that then ends early and says what it measured so far. The second
// one ends the process at once.
#pragma once

namespace once::reactor {
class Io;
}

namespace once::bench {

// Wakes that Io, whose handler asks interrupted(). It outlives the process's last signal.
void end_on_signals(reactor::Io& io);
int interrupted();  // the number of the signal; 0: none

}  // namespace once::bench

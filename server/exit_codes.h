// Exit codes of onced, from sysexits.h where one fits. docs/operations.md says what to do about
// each.
#pragma once

namespace once::server {

inline constexpr int kExitDone = 0;
inline constexpr int kExitError = 1;
inline constexpr int kExitUsage = 64;
inline constexpr int kExitCorrupt = 65;    // the log cannot be trusted: this node must not vote
inline constexpr int kExitDirectory = 66;  // not formatted, in use, not readable, no O_DIRECT
inline constexpr int kExitNoUring = 69;    // the kernel or the container refuses io_uring
inline constexpr int kExitListen = 71;     // an address cannot be bound
inline constexpr int kExitTooFewFiles = kExitListen;  // nor are there descriptors for clients
inline constexpr int kExitMemory = 72;                // what it knows does not fit into its memory
inline constexpr int kExitLogFailed = 74;             // a log write or sync failed while running

}  // namespace once::server

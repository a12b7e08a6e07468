// Makes the Io of one core; see reactor/io.h for the contract. listen, connect, open_file,
// write_file, set_timer may be called before run(), by the thread that made the Io; run() makes its
// caller the owner. Linux 6.1 or later for io_uring.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/name_resolver.h"
#include "base/result.h"
#include "reactor/io.h"

namespace once::reactor {

enum class Backend : uint8_t {
  kUring,
  kEpoll,  // sockets by epoll, files by threads: where io_uring is not allowed
};

struct IoOptions {
  Backend backend = Backend::kUring;
  uint32_t submission_entries = 4096;  // of io_uring
  uint32_t completion_entries =
      32768;                       // the same; above receive buffers + all operations in flight
  uint32_t receive_buffers = 256;  // a power of two
  uint32_t receive_buffer_bytes = 32768;
  uint32_t max_streams = 65536;  // accepts beyond it are closed at once
  // The same for those of a higher number: the numbers above are left for files. The kernel gives
  // the lowest that is free.
  int highest_descriptor = INT32_MAX;
  // What connect() made ends by a reset: the peer hears that it is gone, not that it asks nothing
  // more.
  bool reset_at_end = false;
  // A descriptor whose file the kernel keeps open until the last write has returned, also if the
  // process is killed: with flock(2) on it, nobody opens the files while such a write may still
  // arrive. -1: none. io_uring has to be told; a thread that writes keeps all files open.
  int held_file = -1;
  // Looks up the names that are connected to. The Ios of one node share it; none: one of its own.
  std::shared_ptr<NameResolver> names = {};
  // For people: something does not work, and is tried again. Called on the loop, so it must not
  // block. Empty: to standard error, if that has room.
  std::function<void(std::string_view)> complain = {};
  // The kernel takes no more operations; must not return. Empty: to standard error, then abort().
  std::function<void(std::string_view)> fatal = {};
};

Result<std::unique_ptr<Io>> make_io(const IoOptions& options);

struct ChosenBackend {
  Backend backend = Backend::kUring;
  std::string refusal;  // why io_uring was not taken, or does not work although it was asked for
};

// "uring", "epoll" or "auto": io_uring if it works here, else epoll.
ChosenBackend choose_backend(std::string_view word);

// Empty if io_uring works here; else one line: the cause and what to do about it.
std::string probe_uring();

}  // namespace once::reactor

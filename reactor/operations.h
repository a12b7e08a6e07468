// What the loop asks of the kernel, and what it is told: requests go in, each is answered by
// completions with its tag. io_uring is one way (uring_ring.h), epoll with threads for files is the
// other (epoll_operations.h); everything above, the rules of streams and files, exists once.
// Thread rule: all on the thread that runs the loop.
// Lifetime: a descriptor and its memory stay until each operation on them has completed for the
// last time; a cancel only makes that come soon.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "reactor/sync_mode.h"

namespace once::reactor {

struct Completion {
  static constexpr int32_t kNoBuffer = -1;

  uint64_t tag = 0;
  int32_t result = 0;          // as the system call's; an error is -errno
  int32_t buffer = kNoBuffer;  // of a receive that has bytes
  bool more = false;           // the operation goes on: of receive() and await_end() only

  // The result of await_end() is above 0 too.
  bool has_bytes() const { return buffer != kNoBuffer && result > 0; }
};

class Operations {
 public:
  virtual ~Operations() = default;

  // Before the first wait, by the thread that runs the loop from then on.
  virtual void enable() = 0;
  // Waits end with transfers of files from now on. Streams and bells may be ready all the time, now
  // that nobody serves them.
  virtual void await_files_only() = 0;
  virtual void leave() = 0;  // the loop is over; begun transfers of files may go on

  virtual void accept(int fd, uint64_t tag) = 0;  // one connection
  // `where` stays valid until the next wait has begun.
  virtual void connect(int fd, const sockaddr* where, socklen_t size, uint64_t tag) = 0;
  // Goes on until the end of input (0), an error, a cancel, or -ENOBUFS: no buffer is free, the
  // bytes wait in the kernel.
  virtual void receive(int fd, uint64_t tag) = 0;
  // Goes on, with POLLERR or POLLHUP each time, until it is cancelled.
  virtual void await_end(int fd, uint64_t tag) = 0;
  virtual void send(int fd, std::span<const char> bytes, uint64_t tag) = 0;  // may be short
  // What was asked for under `target` on that descriptor completes soon, with -ECANCELED or not.
  virtual void cancel(int fd, uint64_t target, uint64_t tag) = 0;
  // An eventfd: completes when it was written to, with its counter reset.
  virtual void read_bell(int fd, uint64_t tag) = 0;

  // kDsync: durable when it completes. kFdatasync: sync_data() follows.
  virtual void write(int fd, std::span<const char> bytes, uint64_t offset, SyncMode mode,
                     uint64_t tag) = 0;
  virtual void read(int fd, std::span<char> bytes, uint64_t offset, uint64_t tag) = 0;
  virtual void sync_data(int fd, uint64_t tag) = 0;

  // Begins what was asked for, and waits for a completion, so long at most.
  virtual void submit_and_wait(int64_t timeout_ns) = 0;
  virtual uint32_t completions_ready() const = 0;
  virtual Completion take_completion() = 0;  // one must be ready
  virtual void for_each_waiting(const std::function<void(const Completion&)>& visit) const = 0;

  // Valid until recycle_buffers() behind the release.
  virtual std::string_view bytes_of(const Completion& completion) const = 0;
  virtual void release_after_round(const Completion& completion) = 0;  // if it has a buffer
  virtual void recycle_buffers() = 0;
};

}  // namespace once::reactor

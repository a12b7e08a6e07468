// The ring itself: set-up, submission slots, waiting, and the provided receive buffers.
// Owned by one UringIo; its thread only.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/uring_io.h"

namespace once::reactor {

class UringRing {
 public:
  static constexpr int kBufferGroup = 0;

  UringRing() = default;
  ~UringRing();
  UringRing(const UringRing&) = delete;
  UringRing& operator=(const UringRing&) = delete;

  // Empty, or why not and what to do. The ring is disabled until enable(), and takes only the
  // operations that this backend uses: the kernel answers EACCES to any other.
  std::string open(const UringOptions& options);
  // Makes the calling thread the only submitter.
  void enable();
  // Enters the ring once, with nothing to do. Empty, or why not and what to do.
  std::string try_to_enter();
  void leave();  // the owner stops running the ring: submits what is queued

  // Never null and never runs a callback: a full queue is submitted to make room.
  io_uring_sqe* next_sqe(uint64_t user_data);
  // Submits, then runs deferred kernel work, waiting at most that long for a completion.
  void submit_and_wait(int64_t timeout_ns);

  uint32_t completions_ready() const { return io_uring_cq_ready(&ring_); }
  io_uring_cqe take_completion();
  // Calls visit(cqe) for each completion not yet taken.
  template <class Visitor>
  void for_each_waiting(Visitor visit) {
    unsigned head;
    io_uring_cqe* cqe;
    io_uring_for_each_cqe(&ring_, head, cqe) visit(*cqe);
  }

  std::string_view buffer_of(const io_uring_cqe& cqe) const;
  void release_after_round(const io_uring_cqe& cqe);  // if it carries a buffer
  void recycle_buffers();

 private:
  std::string open_buffers();
  std::string restrict_operations();
  [[noreturn]] void die(const char* what, int error_number) const;
  char* buffer(uint32_t id) const { return buffers_ + size_t{id} * options_.receive_buffer_bytes; }

  UringOptions options_;
  io_uring ring_{};
  bool open_ = false;
  bool enabled_ = false;
  io_uring_buf_ring* buffer_ring_ = nullptr;
  char* buffers_ = nullptr;
  size_t mapped_bytes_ = 0;
  std::vector<uint16_t> used_;
};

}  // namespace once::reactor

// Operations over io_uring: set-up, submission slots, waiting, and the provided receive buffers.
// Owned by one loop; its thread only.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/make_io.h"
#include "reactor/operations.h"

namespace once::reactor {

class UringRing final : public Operations {
 public:
  static constexpr int kBufferGroup = 0;

  UringRing() = default;
  ~UringRing() override;
  UringRing(const UringRing&) = delete;
  UringRing& operator=(const UringRing&) = delete;

  // Empty, or why not and what to do. The ring is disabled until enable(), and takes only the
  // operations that this backend uses: the kernel answers EACCES to any other.
  std::string open(const IoOptions& options);
  // Makes the calling thread the only submitter.
  void enable() override;
  // Enters the ring once, with nothing to do. Empty, or why not and what to do.
  std::string try_to_enter();
  void await_files_only() override {}  // what nobody serves ends, and is not asked for again
  void leave() override;               // submits what is queued

  void accept(int fd, uint64_t tag) override;
  void connect(int fd, const sockaddr* where, socklen_t size, uint64_t tag) override;
  void receive(int fd, uint64_t tag) override;
  void await_end(int fd, uint64_t tag) override;
  void send(int fd, std::span<const char> bytes, uint64_t tag) override;
  void cancel(int fd, uint64_t target, uint64_t tag) override;
  void read_bell(int fd, uint64_t tag) override;
  void write(int fd, std::span<const char> bytes, uint64_t offset, SyncMode mode,
             uint64_t tag) override;
  void read(int fd, std::span<char> bytes, uint64_t offset, uint64_t tag) override;
  void sync_data(int fd, uint64_t tag) override;

  // Never null and never runs a callback: a full queue is submitted to make room. Public for the
  // test of what the kernel refuses.
  io_uring_sqe* next_sqe(uint64_t tag);

  // Submits, then runs deferred kernel work, waiting at most that long for a completion.
  void submit_and_wait(int64_t timeout_ns) override;
  uint32_t completions_ready() const override { return io_uring_cq_ready(&ring_); }
  Completion take_completion() override;
  void for_each_waiting(const std::function<void(const Completion&)>& visit) const override;

  std::string_view bytes_of(const Completion& completion) const override;
  void release_after_round(const Completion& completion) override;
  void recycle_buffers() override;

 private:
  std::string open_buffers();
  std::string restrict_operations();
  [[noreturn]] void die(const char* what, int error_number) const;
  char* buffer(uint32_t id) const { return buffers_ + size_t{id} * options_.receive_buffer_bytes; }

  IoOptions options_;
  io_uring ring_{};
  bool open_ = false;
  bool enabled_ = false;
  io_uring_buf_ring* buffer_ring_ = nullptr;
  char* buffers_ = nullptr;
  size_t mapped_bytes_ = 0;
  std::vector<uint16_t> used_;
  uint64_t bell_value_ = 0;
};

}  // namespace once::reactor

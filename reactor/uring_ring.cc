#include "reactor/uring_ring.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/assert.h"
#include "base/errno_text.h"
#include "base/last_words.h"

namespace once::reactor {
namespace {

// SINGLE_ISSUER, DEFER_TASKRUN: completions run only when the owner enters, so they come batched
// and without interrupts. SUBMIT_ALL: one bad entry does not hold back the rest.
constexpr unsigned kSetupFlags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                                 IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED;
constexpr unsigned kNeededFeatures =
    IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_FAST_POLL | IORING_FEAT_SINGLE_MMAP;
constexpr int kSubmitAttempts = 1000;
constexpr int kBufferGroup = 0;

// All that this process ever asks of a ring. Whatever else lands in its memory that the kernel
// reads, such as an open or a rename, the kernel refuses with EACCES.
constexpr io_uring_op kOperations[] = {
    IORING_OP_NOP,     IORING_OP_READ, IORING_OP_WRITE, IORING_OP_FSYNC,    IORING_OP_ACCEPT,
    IORING_OP_CONNECT, IORING_OP_RECV, IORING_OP_SEND,  IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL};
constexpr unsigned kEntryFlags = IOSQE_BUFFER_SELECT;
constexpr unsigned kRegistrations[] = {IORING_REGISTER_ENABLE_RINGS, IORING_REGISTER_RING_FDS,
                                       IORING_UNREGISTER_RING_FDS};

std::vector<io_uring_restriction> restrictions() {
  std::vector<io_uring_restriction> all;
  for (const io_uring_op operation : kOperations) {
    all.push_back({});
    all.back().opcode = IORING_RESTRICTION_SQE_OP;
    all.back().sqe_op = operation;
  }
  for (const unsigned registration : kRegistrations) {
    all.push_back({});
    all.back().opcode = IORING_RESTRICTION_REGISTER_OP;
    all.back().register_op = static_cast<uint8_t>(registration);
  }
  all.push_back({});
  all.back().opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
  all.back().sqe_flags = kEntryFlags;
  return all;
}

Completion told_by(const io_uring_cqe& cqe) {
  Completion completion{.tag = cqe.user_data, .result = cqe.res};
  completion.more = (cqe.flags & IORING_CQE_F_MORE) != 0;
  if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
    completion.buffer = static_cast<int32_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
  }
  return completion;
}

int io_uring_disabled_setting() {
  int value = 0;
  if (FILE* file = std::fopen("/proc/sys/kernel/io_uring_disabled", "re")) {
    if (std::fscanf(file, "%d", &value) != 1) value = 0;
    std::fclose(file);
  }
  return value;
}

constexpr std::string_view kAllowIt =
    "allow io_uring_setup, io_uring_enter and io_uring_register in it";

// A seccomp profile denies a call with EPERM (docker), or as if it were not there (podman).
std::string explain_setup_error(int error_number) {
  switch (error_number) {
    case EPERM:
      if (const int setting = io_uring_disabled_setting(); setting != 0) {
        return "io_uring is switched off: kernel.io_uring_disabled=" + std::to_string(setting) +
               "; run `sysctl kernel.io_uring_disabled=0`";
      }
      return "io_uring is denied (EPERM), most likely by the container's seccomp profile; " +
             std::string(kAllowIt);
    case ENOSYS:
      return "there is no io_uring (ENOSYS): a container's seccomp profile hides it (" +
             std::string(kAllowIt) +
             "), or this kernel is too old or built without it (use Linux 6.1 or later)";
    case EINVAL:
      return "this kernel's io_uring lacks needed features (EINVAL: SINGLE_ISSUER and "
             "DEFER_TASKRUN); use Linux 6.1 or later";
    case ENOMEM:
      return "no memory for io_uring (ENOMEM): the locked-memory limit is too low; raise it "
             "(`ulimit -l unlimited`, docker --ulimit memlock=-1) or free memory";
    case EMFILE:
    case ENFILE:
      return "no file descriptor left for io_uring; raise `ulimit -n`";
    default:
      return "io_uring cannot be set up: " + errno_text(error_number);
  }
}

}  // namespace

void UringRing::die(const char* what, int error_number) const {
  std::string text = "io_uring: " + std::string(what) + ": " + errno_text(error_number);
  if (error_number == EPERM || error_number == ENOSYS) {
    text += "; most likely a seccomp profile denies it: " + std::string(kAllowIt);
  }
  if (options_.fatal) options_.fatal(text);
  die_saying(text);
}

std::string UringRing::open(const IoOptions& options) {
  ONCE_ASSERT(options.receive_buffers != 0 && options.receive_buffers <= 32768);
  ONCE_ASSERT((options.receive_buffers & (options.receive_buffers - 1)) == 0);
  options_ = options;
  io_uring_params params{};
  params.flags = kSetupFlags;
  params.cq_entries = std::max(options.completion_entries, options.submission_entries);
  const int code = io_uring_queue_init_params(options.submission_entries, &ring_, &params);
  if (code < 0) return explain_setup_error(-code);
  open_ = true;
  if ((params.features & kNeededFeatures) != kNeededFeatures) {
    return "this kernel's io_uring lacks needed features; use Linux 6.1 or later";
  }
  if (options.held_file >= 0) {
    // Registered files are released with the ring itself, behind every operation.
    const int registered = io_uring_register_files(&ring_, &options_.held_file, 1);
    if (registered != 0) return explain_setup_error(-registered);
  }
  std::string failed = open_buffers();
  return failed.empty() ? restrict_operations() : failed;
}

std::string UringRing::restrict_operations() {
  std::vector<io_uring_restriction> allowed = restrictions();
  // The shared liburing 2.3 does not export io_uring_register_restrictions.
  const long code = syscall(__NR_io_uring_register, ring_.ring_fd, IORING_REGISTER_RESTRICTIONS,
                            allowed.data(), static_cast<unsigned>(allowed.size()));
  return code == 0 ? "" : explain_setup_error(errno);
}

std::string UringRing::open_buffers() {
  const size_t ring_bytes = (options_.receive_buffers * sizeof(io_uring_buf) + 4095) / 4096 * 4096;
  mapped_bytes_ = ring_bytes + size_t{options_.receive_buffers} * options_.receive_buffer_bytes;
  void* memory = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) return "no memory for receive buffers: " + errno_text(errno);
  buffer_ring_ = static_cast<io_uring_buf_ring*>(memory);
  buffers_ = static_cast<char*>(memory) + ring_bytes;
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uint64_t>(buffer_ring_);
  registration.ring_entries = options_.receive_buffers;
  registration.bgid = kBufferGroup;
  if (const int code = io_uring_register_buf_ring(&ring_, &registration, 0); code != 0) {
    return explain_setup_error(-code);
  }
  io_uring_buf_ring_init(buffer_ring_);
  used_.reserve(options_.receive_buffers);
  for (uint32_t id = 0; id < options_.receive_buffers; ++id) {
    used_.push_back(static_cast<uint16_t>(id));
  }
  recycle_buffers();
  return {};
}

UringRing::~UringRing() {
  if (open_) io_uring_queue_exit(&ring_);
  if (buffer_ring_ != nullptr) munmap(buffer_ring_, mapped_bytes_);
}

void UringRing::enable() {
  if (!enabled_) {
    // The shared liburing 2.3 does not export io_uring_enable_rings.
    const long code =
        syscall(__NR_io_uring_register, ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    if (code != 0) die("cannot enable", errno);
    enabled_ = true;
  }
  io_uring_register_ring_fd(&ring_);  // saves a lookup each entry; works without
}

std::string UringRing::try_to_enter() {
  enable();
  io_uring_prep_nop(next_sqe(0));
  const int code = io_uring_submit(&ring_);
  return code < 0 ? explain_setup_error(-code) : "";
}

void UringRing::leave() {
  io_uring_submit(&ring_);
  io_uring_unregister_ring_fd(&ring_);
}

io_uring_sqe* UringRing::next_sqe(uint64_t tag) {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  for (int attempt = 0; sqe == nullptr; ++attempt) {
    ONCE_ASSERT(enabled_);  // before run() at most submission_entries operations fit
    const int code = io_uring_submit(&ring_);
    if (attempt == kSubmitAttempts) die("the kernel takes no more submissions", -code);
    sqe = io_uring_get_sqe(&ring_);
  }
  *sqe = io_uring_sqe{};
  sqe->user_data = tag;
  return sqe;
}

void UringRing::accept(int fd, uint64_t tag) {
  io_uring_prep_accept(next_sqe(tag), fd, nullptr, nullptr, SOCK_CLOEXEC);
}

void UringRing::connect(int fd, const sockaddr* where, socklen_t size, uint64_t tag) {
  io_uring_prep_connect(next_sqe(tag), fd, where, size);
}

void UringRing::receive(int fd, uint64_t tag) {
  io_uring_sqe* sqe = next_sqe(tag);
  io_uring_prep_recv_multishot(sqe, fd, nullptr, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = kBufferGroup;
}

void UringRing::await_end(int fd, uint64_t tag) {
  io_uring_prep_poll_multishot(next_sqe(tag), fd, POLLERR | POLLHUP);
}

void UringRing::send(int fd, std::span<const char> bytes, uint64_t tag) {
  io_uring_prep_send(next_sqe(tag), fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void UringRing::cancel(int, uint64_t target, uint64_t tag) {
  io_uring_prep_cancel64(next_sqe(tag), target, 0);
}

void UringRing::read_bell(int fd, uint64_t tag) {
  io_uring_prep_read(next_sqe(tag), fd, &bell_value_, sizeof bell_value_, 0);
}

void UringRing::write(int fd, std::span<const char> bytes, uint64_t offset, SyncMode mode,
                      uint64_t tag) {
  io_uring_sqe* sqe = next_sqe(tag);
  io_uring_prep_write(sqe, fd, bytes.data(), static_cast<unsigned>(bytes.size()), offset);
  if (mode == SyncMode::kDsync) sqe->rw_flags = RWF_DSYNC;
}

void UringRing::read(int fd, std::span<char> bytes, uint64_t offset, uint64_t tag) {
  io_uring_prep_read(next_sqe(tag), fd, bytes.data(), static_cast<unsigned>(bytes.size()), offset);
}

void UringRing::sync_data(int fd, uint64_t tag) {
  io_uring_prep_fsync(next_sqe(tag), fd, IORING_FSYNC_DATASYNC);
}

void UringRing::submit_and_wait(int64_t timeout_ns) {
  __kernel_timespec timeout{timeout_ns / 1'000'000'000, timeout_ns % 1'000'000'000};
  io_uring_cqe* first = nullptr;
  const int code = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr);
  if (code >= 0) return;
  switch (-code) {
    case ETIME:   // the timeout
    case EINTR:   // a signal
    case EAGAIN:  // short of kernel memory, or nothing there: what is queued stays queued
    case EBUSY:   // completions to be taken first
      return;
    default:
      die("io_uring_enter failed", -code);
  }
}

Completion UringRing::take_completion() {
  io_uring_cqe* cqe = nullptr;
  unsigned head;
  io_uring_for_each_cqe(&ring_, head, cqe) break;
  ONCE_ASSERT(cqe != nullptr);
  const Completion completion = told_by(*cqe);
  io_uring_cq_advance(&ring_, 1);
  return completion;
}

void UringRing::for_each_waiting(const std::function<void(const Completion&)>& visit) const {
  unsigned head;
  io_uring_cqe* cqe;
  io_uring_for_each_cqe(&ring_, head, cqe) visit(told_by(*cqe));
}

std::string_view UringRing::bytes_of(const Completion& completion) const {
  ONCE_ASSERT(completion.buffer != Completion::kNoBuffer && completion.result > 0);
  return {buffer(static_cast<uint32_t>(completion.buffer)), static_cast<size_t>(completion.result)};
}

void UringRing::release_after_round(const Completion& completion) {
  if (completion.buffer == Completion::kNoBuffer) return;
  ONCE_ASSERT(used_.size() < options_.receive_buffers);
  used_.push_back(static_cast<uint16_t>(completion.buffer));
}

void UringRing::recycle_buffers() {
  if (used_.empty()) return;
  const int mask = io_uring_buf_ring_mask(options_.receive_buffers);
  int count = 0;
  for (const uint16_t id : used_) {
    io_uring_buf_ring_add(buffer_ring_, buffer(id), options_.receive_buffer_bytes, id, mask,
                          count++);
  }
  io_uring_buf_ring_advance(buffer_ring_, count);
  used_.clear();
}

std::string probe_uring() {
  IoOptions small;
  small.submission_entries = 8;
  small.completion_entries = 16;
  small.receive_buffers = 1;
  small.receive_buffer_bytes = 4096;
  UringRing ring;
  std::string failed = ring.open(small);
  return failed.empty() ? ring.try_to_enter() : failed;
}

}  // namespace once::reactor

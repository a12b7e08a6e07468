#include "reactor/epoll_operations.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/assert.h"
#include "base/errno_text.h"
#include "base/last_words.h"

namespace once::reactor {
namespace {

constexpr size_t kMaxEvents = 512;  // of one wait; the rest comes with the next
constexpr uint32_t kGone = EPOLLERR | EPOLLHUP;

void set_nonblocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  ONCE_ASSERT(flags >= 0);
  ONCE_ASSERT(fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
}

int milliseconds_of(int64_t ns) { return static_cast<int>((ns + 999'999) / 1'000'000); }

bool would_block(int error_number) { return error_number == EAGAIN || error_number == EWOULDBLOCK; }

}  // namespace

void EpollOperations::die(const char* what, int error_number) const {
  const std::string text = "epoll: " + std::string(what) + ": " + errno_text(error_number);
  if (options_.fatal) options_.fatal(text);
  die_saying(text);
}

std::string EpollOperations::open(const IoOptions& options) {
  options_ = options;
  epoll_ = Descriptor(epoll_create1(EPOLL_CLOEXEC));
  if (epoll_.get() < 0) return "cannot make an epoll: " + errno_text(errno);
  files_bell_ = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (files_bell_.get() < 0) return "cannot make an eventfd: " + errno_text(errno);
  epoll_event bell{.events = EPOLLIN, .data = {.fd = files_bell_.get()}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, files_bell_.get(), &bell) != 0) {
    return "cannot watch an eventfd: " + errno_text(errno);
  }
  events_.resize(kMaxEvents);
  files_ = std::make_unique<FileThreads>([bell_fd = files_bell_.get()] {
    const uint64_t one = 1;
    ONCE_ASSERT(::write(bell_fd, &one, sizeof one) == sizeof one);
  });
  std::string failed = files_->start();
  return failed.empty() ? open_buffers() : failed;
}

std::string EpollOperations::open_buffers() {
  void* memory = mmap(nullptr, size_t{options_.receive_buffers} * options_.receive_buffer_bytes,
                      PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) return "no memory for receive buffers: " + errno_text(errno);
  buffers_ = static_cast<char*>(memory);
  for (uint32_t id = 0; id < options_.receive_buffers; ++id) {
    free_buffers_.push_back(static_cast<int32_t>(id));
  }
  return {};
}

EpollOperations::~EpollOperations() {
  files_.reset();  // its threads ring files_bell_
  if (buffers_ == nullptr) return;
  munmap(buffers_, size_t{options_.receive_buffers} * options_.receive_buffer_bytes);
}

EpollOperations::Watched& EpollOperations::watched(int fd) {
  ONCE_ASSERT(fd >= 0);
  const auto index = static_cast<size_t>(fd);
  if (index >= watched_.size()) watched_.resize(index + 1);
  return watched_[index];
}

void EpollOperations::complete(uint64_t tag, int32_t result, bool more) {
  completions_.push_back({.tag = tag, .result = result, .more = more});
}

void EpollOperations::end(int fd, Awaited& operation, int32_t result) {
  operation.on = false;
  complete(operation.tag, result);
  forget_if_idle(fd);
}

// Before the next wait; what changes back by then costs no system call.
void EpollOperations::change(int fd) {
  Watched& on = watched(fd);
  if (std::exchange(on.changed, true)) return;
  changed_.push_back(fd);
}

// At once: the owner may close the descriptor as soon as it hears of the last completion, and epoll
// would go on watching a copy of it.
void EpollOperations::forget_if_idle(int fd) {
  Watched& on = watched(fd);
  if (on.accepts > 0 || on.connect.on || on.receive.on || on.end.on || on.bell.on || on.send.on) {
    return change(fd);
  }
  if (!std::exchange(on.known, false)) return;
  on.events = 0;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr) != 0) die("cannot forget", errno);
}

void EpollOperations::tell_epoll(int fd) {
  Watched& on = watched(fd);
  on.changed = false;
  const bool reads = on.accepts > 0 || on.receive.on || on.bell.on;
  const bool writes = on.connect.on || on.send.on;
  if (!reads && !writes && !on.end.on) return;  // and so not known
  const uint32_t wanted = (reads ? EPOLLIN : 0U) | (writes ? EPOLLOUT : 0U);
  if (on.known && on.events == wanted) return;
  epoll_event event{.events = wanted, .data = {.fd = fd}};
  const int how = on.known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (epoll_ctl(epoll_.get(), how, fd, &event) != 0) {
    die("cannot watch a descriptor (if ENOSPC: raise fs.epoll.max_user_watches)", errno);
  }
  on.known = true;
  on.events = wanted;
}

void EpollOperations::accept(int fd, uint64_t tag) {
  Watched& on = watched(fd);
  if (!on.known) set_nonblocking(fd);
  ONCE_ASSERT(on.accepts == 0 || on.accept_tag == tag);
  on.accept_tag = tag;
  ++on.accepts;
  change(fd);
}

void EpollOperations::connect(int fd, const sockaddr* where, socklen_t size, uint64_t tag) {
  set_nonblocking(fd);
  if (::connect(fd, where, size) == 0) return complete(tag, 0);
  if (errno != EINPROGRESS) return complete(tag, -errno);
  watched(fd).connect = {true, tag};
  change(fd);
}

void EpollOperations::receive(int fd, uint64_t tag) {
  Watched& on = watched(fd);
  ONCE_ASSERT(!on.receive.on);
  on.receive = {true, tag};
  change(fd);
}

void EpollOperations::await_end(int fd, uint64_t tag) {
  Watched& on = watched(fd);
  ONCE_ASSERT(!on.end.on);
  on.end = {true, tag};
  change(fd);
}

void EpollOperations::send(int fd, std::span<const char> bytes, uint64_t tag) {
  Watched& on = watched(fd);
  ONCE_ASSERT(!on.send.on);
  on.send = {true, tag};
  on.to_send = bytes;
  try_to_send(fd);
}

void EpollOperations::try_to_send(int fd) {
  Watched& on = watched(fd);
  const ssize_t sent =
      ::send(fd, on.to_send.data(), on.to_send.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && would_block(errno)) return change(fd);
  end(fd, on.send, sent < 0 ? -errno : static_cast<int32_t>(sent));
}

void EpollOperations::cancel(int fd, uint64_t target, uint64_t tag) {
  Watched& on = watched(fd);
  for (Awaited* operation : {&on.connect, &on.receive, &on.end}) {
    if (operation->on && operation->tag == target) end(fd, *operation, -ECANCELED);
  }
  complete(tag, 0);
}

void EpollOperations::read_bell(int fd, uint64_t tag) {
  watched(fd).bell = {true, tag};
  change(fd);
}

void EpollOperations::write(int fd, std::span<const char> bytes, uint64_t offset, SyncMode mode,
                            uint64_t tag) {
  files_->submit(
      {.kind = mode == SyncMode::kDsync ? FileWork::Kind::kDurableWrite : FileWork::Kind::kWrite,
       .fd = fd,
       .bytes = const_cast<char*>(bytes.data()),  // only read
       .size = bytes.size(),
       .offset = offset,
       .tag = tag});
}

void EpollOperations::read(int fd, std::span<char> bytes, uint64_t offset, uint64_t tag) {
  files_->submit({.kind = FileWork::Kind::kRead,
                  .fd = fd,
                  .bytes = bytes.data(),
                  .size = bytes.size(),
                  .offset = offset,
                  .tag = tag});
}

void EpollOperations::sync_data(int fd, uint64_t tag) {
  files_->submit({.kind = FileWork::Kind::kSync, .fd = fd, .tag = tag});
}

void EpollOperations::submit_and_wait(int64_t timeout_ns) {
  if (files_only_) {
    pollfd bell{.fd = files_bell_.get(), .events = POLLIN, .revents = 0};
    if (poll(&bell, 1, milliseconds_of(completions_ready() > 0 ? 0 : timeout_ns)) > 0)
      take_file_results();
    return;
  }
  for (const int fd : changed_) tell_epoll(fd);
  changed_.clear();
  const int count = wait(completions_ready() > 0 ? 0 : timeout_ns);
  // Descriptors that are always ready come in the same order each time, and buffers are few.
  turn_ += options_.receive_buffers;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event =
        events_[(static_cast<uint32_t>(i) + turn_) % static_cast<uint32_t>(count)];
    if (event.data.fd == files_bell_.get()) {
      take_file_results();
    } else {
      on_events(event.data.fd, event.events);
    }
  }
}

int EpollOperations::wait(int64_t timeout_ns) {
  const timespec timeout{timeout_ns / 1'000'000'000, timeout_ns % 1'000'000'000};
  int count = -1;
  if (!coarse_) {
    count = epoll_pwait2(epoll_.get(), events_.data(), kMaxEvents, &timeout, nullptr);
    // Profiles that know epoll_wait do not always know its younger brother.
    coarse_ = count < 0 && (errno == ENOSYS || errno == EPERM);
  }
  if (coarse_) {
    count = epoll_wait(epoll_.get(), events_.data(), kMaxEvents, milliseconds_of(timeout_ns));
  }
  if (count < 0 && errno != EINTR) die("epoll_wait failed", errno);
  return std::max(count, 0);
}

void EpollOperations::on_events(int fd, uint32_t events) {
  Watched& on = watched(fd);
  const bool readable = (events & (EPOLLIN | kGone)) != 0;
  const bool writable = (events & (EPOLLOUT | kGone)) != 0;
  if (on.bell.on && readable) {
    uint64_t rung = 0;
    const ssize_t size = ::read(fd, &rung, sizeof rung);
    on.bell.on = false;  // asked for again at once: epoll keeps it
    complete(on.bell.tag, size < 0 ? -errno : static_cast<int32_t>(size));
  }
  if (on.accepts > 0 && readable) take_connections(fd);
  if (on.connect.on && writable) {
    int failed = 0;
    socklen_t size = sizeof failed;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) != 0) failed = errno;
    end(fd, on.connect, -failed);
  }
  if (on.send.on && writable) try_to_send(fd);
  if (on.receive.on && readable) receive_once(fd);
  if (on.end.on && (events & kGone) != 0) {
    complete(on.end.tag, static_cast<int32_t>(events & kGone), true);
  }
}

void EpollOperations::take_connections(int fd) {
  Watched& on = watched(fd);
  while (on.accepts > 0) {
    const int taken = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
    if (taken < 0 && would_block(errno)) break;
    --on.accepts;
    complete(on.accept_tag, taken < 0 ? -errno : taken);
    if (taken < 0) break;
  }
  forget_if_idle(fd);
}

// Once a round for each stream, so that all have their turn.
void EpollOperations::receive_once(int fd) {
  Watched& on = watched(fd);
  if (free_buffers_.empty()) return;  // epoll tells of the bytes again in the next round
  const int32_t id = free_buffers_.back();
  char* into = buffers_ + static_cast<size_t>(id) * options_.receive_buffer_bytes;
  const ssize_t size = recv(fd, into, options_.receive_buffer_bytes, MSG_DONTWAIT);
  if (size < 0 && (would_block(errno) || errno == EINTR)) return;
  if (size <= 0) return end(fd, on.receive, size < 0 ? -errno : 0);
  free_buffers_.pop_back();
  completions_.push_back(
      {.tag = on.receive.tag, .result = static_cast<int32_t>(size), .buffer = id, .more = true});
}

void EpollOperations::take_file_results() {
  uint64_t rung = 0;
  [[maybe_unused]] const ssize_t size = ::read(files_bell_.get(), &rung, sizeof rung);
  for (const Completion& done : files_->take_done()) completions_.push_back(done);
}

uint32_t EpollOperations::completions_ready() const {
  return static_cast<uint32_t>(completions_.size());
}

Completion EpollOperations::take_completion() {
  ONCE_ASSERT(!completions_.empty());
  const Completion completion = completions_.front();
  completions_.pop_front();
  return completion;
}

void EpollOperations::for_each_waiting(const std::function<void(const Completion&)>& visit) const {
  for (const Completion& completion : completions_) visit(completion);
}

std::string_view EpollOperations::bytes_of(const Completion& completion) const {
  ONCE_ASSERT(completion.buffer != Completion::kNoBuffer && completion.result > 0);
  return {buffers_ + static_cast<size_t>(completion.buffer) * options_.receive_buffer_bytes,
          static_cast<size_t>(completion.result)};
}

void EpollOperations::release_after_round(const Completion& completion) {
  if (completion.buffer != Completion::kNoBuffer) used_.push_back(completion.buffer);
}

void EpollOperations::recycle_buffers() {
  free_buffers_.insert(free_buffers_.end(), used_.begin(), used_.end());
  used_.clear();
}

}  // namespace once::reactor

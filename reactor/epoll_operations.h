// Operations over epoll, with threads for files: for containers and kernels that refuse io_uring.
// Sockets are tried at once and watched only when they would block; a receive is watched as long as
// it is wanted. A descriptor on which nothing is under way is not known to epoll, so that it can be
// closed, or moved to another core, without a word here.
#pragma once

#include <sys/epoll.h>

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/descriptor.h"
#include "reactor/file_threads.h"
#include "reactor/make_io.h"
#include "reactor/operations.h"

namespace once::reactor {

class EpollOperations final : public Operations {
 public:
  EpollOperations() = default;
  ~EpollOperations() override;
  EpollOperations(const EpollOperations&) = delete;
  EpollOperations& operator=(const EpollOperations&) = delete;

  std::string open(const IoOptions& options);      // empty, or why not and what to do
  int descriptor() const { return epoll_.get(); }  // readable: there is something to take

  void enable() override {}
  void await_files_only() override { files_only_ = true; }
  void leave() override { files_->drop_waiting(); }
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
  void submit_and_wait(int64_t timeout_ns) override;
  uint32_t completions_ready() const override;
  Completion take_completion() override;
  void for_each_waiting(const std::function<void(const Completion&)>& visit) const override;
  std::string_view bytes_of(const Completion& completion) const override;
  void release_after_round(const Completion& completion) override;
  void recycle_buffers() override;

 private:
  struct Awaited {  // an operation that goes on until something happens
    bool on = false;
    uint64_t tag = 0;
  };
  struct Watched {  // what is under way on a descriptor
    uint32_t accepts = 0;
    uint64_t accept_tag = 0;
    Awaited connect;
    Awaited receive;
    Awaited end;
    Awaited bell;
    Awaited send;
    std::span<const char> to_send;
    uint32_t events = 0;   // that epoll was asked for
    bool known = false;    // to epoll
    bool changed = false;  // listed in changed_
  };

  Watched& watched(int fd);
  void change(int fd);
  void forget_if_idle(int fd);
  void tell_epoll(int fd);
  void complete(uint64_t tag, int32_t result, bool more = false);
  void end(int fd, Awaited& operation, int32_t result);
  int wait(int64_t timeout_ns);
  void on_events(int fd, uint32_t events);
  void take_connections(int fd);
  void try_to_send(int fd);
  void receive_once(int fd);
  void take_file_results();
  std::string open_buffers();
  [[noreturn]] void die(const char* what, int error_number) const;

  IoOptions options_;
  Descriptor epoll_;
  Descriptor files_bell_;  // rung by the threads
  std::unique_ptr<FileThreads> files_;
  bool files_only_ = false;
  bool coarse_ = false;           // there is no epoll_pwait2: waits are whole milliseconds
  std::vector<Watched> watched_;  // by descriptor
  std::vector<int> changed_;      // whose events epoll does not know yet
  std::deque<Completion> completions_;
  std::vector<epoll_event> events_;
  uint32_t turn_ = 0;  // where the walk over events_ begins
  char* buffers_ = nullptr;
  std::vector<int32_t> free_buffers_;
  std::vector<int32_t> used_;  // free at the round's end
};

}  // namespace once::reactor

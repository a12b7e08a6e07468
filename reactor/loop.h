// LoopIo: Io over Operations: the loop, its streams, files and timers.
// Thread rule: everything on the owner thread, except wake() and stop().
// Lifetime: a slot, its descriptor and its buffers live until every operation on it has completed.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/name_resolver.h"
#include "reactor/address.h"
#include "reactor/file_preparer.h"
#include "reactor/make_io.h"
#include "reactor/operations.h"

namespace once::reactor {

class LoopIo final : public Io {
 public:
  LoopIo(const IoOptions& options, std::unique_ptr<Operations> operations);
  ~LoopIo() override;
  std::string open();  // empty, or why not

  int64_t now_ns() const override { return batch_ == nullptr ? clock_ns() : now_ns_; }
  Result<ListenerId> listen(const std::string& address, ListenHandler* handler) override;
  StreamId connect(const std::string& address, StreamHandler* handler) override;
  std::vector<char>* outbox(StreamId stream) override;
  size_t unsent_bytes(StreamId stream) const override;
  PeerAddress peer_address(StreamId stream) const override;
  uint64_t sent_bytes(StreamId stream) const override;
  size_t buffer_bytes() const override { return buffer_bytes_; }
  void hold_input(StreamId stream, bool hold) override;
  void close(StreamId stream) override;
  void close_gently(StreamId stream) override;
  void cut(StreamId stream, std::string_view why) override;
  void set_handler(StreamId stream, StreamHandler* handler) override;
  std::unique_ptr<Handoff> detach(StreamId stream, std::string_view unread) override;
  StreamId adopt(std::unique_ptr<Handoff> handoff, StreamHandler* handler) override;
  Result<FileId> open_file(const std::string& path, bool direct, FileHandler* handler) override;
  void close_file(FileId file) override;
  void write_file(FileId file, uint64_t offset, std::span<const char> bytes, SyncMode mode,
                  uint64_t token) override;
  void read_file(FileId file, uint64_t offset, std::span<char> bytes, uint64_t token) override;
  void prepare_file(const std::string& path, uint64_t size, FilePreparedHandler* handler) override;
  void recycle_file(const std::string& from, const std::string& to,
                    FilePreparedHandler* handler) override;
  bool remove_file(const std::string& path) override;
  void set_timer(int64_t at_ns, uint64_t token) override;
  void wake() override;
  void run(BatchHandler* handler) override;
  void stop() override;

 private:
  // A listener's at once. Each ends with one connection: a multishot accept would take all that are
  // queued, and as many descriptors, before this thread sees the first. (It also returned wrong
  // descriptors under DEFER_TASKRUN in Linux 6.6 to 6.8.)
  static constexpr uint32_t kMaxAccepts = 8;
  enum class Op : uint8_t {
    kWake,
    kAccept,
    kConnect,
    kReceive,
    kSend,
    kWrite,
    kSync,
    kRead,
    kCancel
  };
  enum class State : uint8_t {
    kFree,
    kConnecting,
    kOpen,
    kDraining,   // close() was called: the rest of the outbox leaves first
    kLingering,  // all has been sent, and no more will be: what the peer sends is dropped
    kDying,      // shut down: waits for its operations, then on_closed
    kDetached,   // like kDying, but silent: the socket lives on elsewhere
  };
  struct Stream {
    State state = State::kFree;
    bool receiving = false;    // a multishot receive is armed; after the end of input, a poll
    bool input_ended = false;  // the peer sends nothing more
    bool adopted = false;      // listed in adopted_: receives when `unread` was delivered
    bool dirty = false;        // listed in dirty_
    bool ended = false;        // listed in ended_
    bool held = false;         // see hold_input
    bool lingers = false;      // see close_gently
    uint32_t generation = 1;
    uint32_t operations = 0;   // submitted or queued, not yet completed
    uint32_t handed_over = 0;  // completions whose bytes went along with the handoff
    int fd = -1;
    size_t sent = 0;  // of in_flight
    uint64_t sent_total = 0;
    size_t lately = 0;   // size of the largest send of the last seconds, roughly
    size_t charged = 0;  // of buffer_bytes_
    StreamHandler* handler = nullptr;
    std::vector<char> outbox;
    std::vector<char> in_flight;
    std::string unread;  // of an adopted stream
    std::string why;
    // Of connect(). The kernel reads the address at submission.
    std::string peer;  // as given, for messages
    SocketAddresses addresses;
    size_t tried = 0;      // of addresses, the one under way included
    bool naming = false;   // its name is being looked up
    bool hurried = false;  // the address under way was given up for the next one
    std::string refusals;  // of the addresses that failed
  };
  struct Listener {
    int fd = -1;
    uint32_t accepts = 0;     // under way
    int64_t retry_at_ns = 0;  // 0: none has failed
    bool failing = false;     // since the last stream that came
    int64_t said_at_ns = 0;   // that it fails; 0: never
    ListenHandler* handler = nullptr;
    std::string address;
  };
  struct File {
    int fd = -1;
    bool closing = false;
    uint32_t operations = 0;
    FileHandler* handler = nullptr;
    std::string path;
  };
  struct Transfer {  // a write or a read
    uint32_t file = 0;
    uint32_t size = 0;
    SyncMode mode = SyncMode::kDsync;
    bool reads = false;
    uint64_t token = 0;
  };
  struct Timer {
    int64_t at_ns;
    uint64_t order;  // equal times fire in the order set
    uint64_t token;
    bool operator>(const Timer& other) const {
      return at_ns != other.at_ns ? at_ns > other.at_ns : order > other.order;
    }
  };

  // Loop.
  void start(BatchHandler* handler);
  void reap_completions();
  void dispatch(const Completion& completion);
  void deliver_adopted();
  void deliver_ended();
  void fire_timers();
  void recycle_buffers();
  void flush_outboxes();
  int64_t wait_limit_ns() const;
  static int64_t clock_ns();
  void read_clock();
  void arm_wake();
  void ring_bell();
  void on_bell();

  // Streams.
  static uint64_t tag(Op op, uint32_t index, uint32_t generation = 0);
  Stream* find(StreamId id);
  const Stream* find(StreamId id) const;
  StreamId id_of(uint32_t slot) const;
  uint32_t new_stream(int fd, State state, StreamHandler* handler);
  static bool receives(const Stream& stream);
  void arm_accepts(uint32_t listener, uint32_t count);
  void arm_receive(uint32_t slot);
  void on_end_of_input(uint32_t slot);
  void mark_dirty(uint32_t slot);
  void flush(uint32_t slot);
  void linger(uint32_t slot);
  void send_rest(uint32_t slot);
  void charge(Stream& stream);
  void give_back();
  void complain_of(Listener& listener, int error_number);
  void on_accepted(uint32_t listener, int result);
  void add_accepted(uint32_t listener, int fd);
  void find_addresses(uint32_t slot);
  void connect_next(uint32_t slot);
  bool try_address(uint32_t slot);
  void limit_patience(uint32_t slot);
  void note_refusal(uint32_t slot, const std::string& why);
  void on_connected(uint32_t slot, int result);
  void deliver_names();
  void expire_connects();
  void on_received(uint32_t slot, const Completion& completion);
  void on_sent(uint32_t slot, int result);
  void kill(uint32_t slot, std::string why);
  void cancel(Op op, uint32_t slot);
  void end_if_idle(uint32_t slot);
  using Deadlines = std::deque<std::pair<int64_t, StreamId>>;  // in order
  void expire(Deadlines& deadlines, State state, const char* why);

  // Files.
  uint32_t begin_transfer(FileId id, uint64_t offset, std::span<const char> bytes);
  void on_write_done(uint32_t index, int result);
  void on_sync_done(uint32_t index, int result);
  void on_read_done(uint32_t index, int result);
  void finish_transfer(uint32_t index, const std::string& failed);
  void deliver_prepared();
  void finish_transfers();

  const IoOptions options_;
  std::unique_ptr<Operations> operations_;
  int bell_ = -1;  // eventfd
  std::atomic<bool> wake_requested_{false};
  std::atomic<bool> stopping_{false};
  int64_t now_ns_ = 0;
  BatchHandler* batch_ = nullptr;

  std::vector<Listener> listeners_;
  std::deque<Stream> streams_;  // a deque: handlers may add streams while one is in use
  std::vector<uint32_t> free_streams_;
  std::vector<uint32_t> dirty_;
  std::vector<uint32_t> flushing_;
  std::vector<StreamId> rearm_;
  std::vector<StreamId> adopted_;
  std::deque<std::string> delivered_;  // unread bytes of adopted streams; die at the round's end
  std::vector<uint32_t> ended_;
  Deadlines draining_;
  Deadlines lingering_;
  size_t buffer_bytes_ = 0;
  int64_t give_back_at_ns_ = 0;

  struct Patience {  // of a stream that is connecting
    int64_t until_ns;
    StreamId stream;
    size_t tried;
  };
  std::atomic<bool> names_news_{false};
  std::vector<StreamId> naming_;
  std::deque<Patience> patience_for_names_;      // in order of time
  std::deque<Patience> patience_for_addresses_;  // in order of time

  bool finishing_ = false;  // the loop has stopped: completed transfers are not reported
  std::deque<File> files_;
  std::vector<uint32_t> free_files_;
  std::vector<Transfer> transfers_;
  std::vector<uint32_t> free_transfers_;

  std::vector<Timer> timers_;  // a heap, earliest first
  std::vector<Timer> due_;
  uint64_t timers_set_ = 0;
  std::unique_ptr<FilePreparer> preparer_;  // its thread rings the bell
  std::shared_ptr<NameResolver> names_;
  std::unique_ptr<NameResolver::Watch> names_watch_;  // a thread of names_ rings the bell
};

}  // namespace once::reactor

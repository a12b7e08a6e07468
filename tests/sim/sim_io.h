// One core's reactor::Io over the simulated network and disk. Lives as long as the run: a crash
// empties it, a start uses it anew. What has happened is collected, and handed to the core in a
// round, as the real loops do; a paused or frozen core has no rounds.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "reactor/io.h"
#include "tests/sim/disk.h"
#include "tests/sim/network.h"
#include "tests/sim/world.h"

namespace once::sim {

// A node's own idea of time: runs at its own rate, and may jump forward.
class NodeClock {
 public:
  explicit NodeClock(World& world) : world_(world) {}
  int64_t now_ns() const { return base_ns_ + scaled(world_.now() - since_); }
  int64_t world_delay(int64_t local_delay) const {
    return local_delay * 1'000'000 / (1'000'000 + drift_ppm_);
  }
  void set_drift(int64_t ppm) {
    settle();
    drift_ppm_ = ppm;
  }
  void jump(int64_t forward_ns) {
    settle();
    base_ns_ += forward_ns;
  }

 private:
  int64_t scaled(int64_t elapsed) const { return elapsed + elapsed / 1000 * drift_ppm_ / 1000; }
  void settle() {
    base_ns_ = now_ns();
    since_ = world_.now();
  }
  World& world_;
  int64_t base_ns_ = kSecond;
  int64_t since_ = 0;
  int64_t drift_ppm_ = 0;
};

// What a node wants to know of its disk's writes.
class SimIo;

class WriteWatcher {
 public:
  virtual ~WriteWatcher() = default;
  virtual void on_submitted(int64_t latency_ns) = 0;
  virtual void on_failure_told() = 0;  // the log was told that a write failed
  virtual void on_landed(const std::string& path, uint64_t offset, std::string_view bytes) = 0;
  virtual void on_turn_end(const SimIo& io) = 0;
};

class SimIo final : public reactor::Io, public Plug, public Acceptor, public Actor {
 public:
  struct Surroundings {
    World& world;
    Network& network;
    SimDisk& disk;
    NodeClock& clock;
    WriteWatcher& watcher;
    HostId host;
  };
  SimIo(const Surroundings& around, const DiskRates& disk_rates, int64_t round_delay_ns);

  void boot();                                 // a process begins
  void serve(reactor::BatchHandler* handler);  // as run(): rounds come from now on
  // The process is gone: writes in flight land in part or not, everything else is dropped.
  void crash();
  void freeze() { frozen_ = true; }  // no more rounds: it is about to crash
  void set_paused(bool paused);
  void clock_jumped();
  DiskRates& disk_rates() { return disk_rates_; }

  int64_t now_ns() const override { return round_now_; }
  Result<reactor::ListenerId> listen(const std::string& address,
                                     reactor::ListenHandler* handler) override;
  reactor::StreamId connect(const std::string& address, reactor::StreamHandler* handler) override;
  std::vector<char>* outbox(reactor::StreamId stream) override;
  size_t unsent_bytes(reactor::StreamId stream) const override;
  void close(reactor::StreamId stream) override;
  void set_handler(reactor::StreamId stream, reactor::StreamHandler* handler) override;
  std::unique_ptr<reactor::Handoff> detach(reactor::StreamId stream,
                                           std::string_view unread) override;
  reactor::StreamId adopt(std::unique_ptr<reactor::Handoff> handoff,
                          reactor::StreamHandler* handler) override;
  Result<reactor::FileId> open_file(const std::string& path, bool direct,
                                    reactor::FileHandler* handler) override;
  void close_file(reactor::FileId file) override;
  void write_file(reactor::FileId file, uint64_t offset, std::span<const char> bytes,
                  reactor::SyncMode mode, uint64_t token) override;
  void read_file(reactor::FileId file, uint64_t offset, std::span<char> bytes,
                 uint64_t token) override;
  void prepare_file(const std::string& path, uint64_t size,
                    reactor::FilePreparedHandler* handler) override;
  void recycle_file(const std::string& from, const std::string& to,
                    reactor::FilePreparedHandler* handler) override;
  bool remove_file(const std::string& path) override;
  void set_timer(int64_t at_ns, uint64_t token) override;
  void wake() override;
  void run(reactor::BatchHandler*) override {}
  void stop() override {}

  void plug_connected(uint64_t tag) override;
  void plug_bytes(uint64_t tag, std::string bytes) override;
  void plug_closed(uint64_t tag, const char* why) override;
  void incoming(uint64_t connection, const std::string& address) override;
  void on_event(uint64_t what, uint64_t detail) override;

 private:
  enum What : uint64_t { kRound = 1, kTimers, kWriteDone, kReadDone, kPrepared };
  enum class Kind : uint8_t {
    kTimer,
    kWake,
    kAccept,
    kConnected,
    kBytes,
    kClosed,
    kWritten,
    kFileFailed,
    kRead,
    kPrepared
  };
  struct Pending {
    Kind kind;
    uint64_t id = 0;  // stream, file or connection
    uint64_t token = 0;
    std::string text = {};  // bytes, or why
    std::string path = {};
    reactor::FilePreparedHandler* prepared = nullptr;
  };
  struct Stream {
    uint32_t generation = 0;
    bool used = false;
    bool open = false;  // connected
    bool closing = false;
    bool lost = false;  // the network has ended it: kClosed is pending
    bool dirty = false;
    uint64_t end = 0;  // of the network
    reactor::StreamHandler* handler = nullptr;
    std::vector<char> outbox;
  };
  struct File {
    std::string path;
    reactor::FileHandler* handler = nullptr;
    bool open = false;
  };
  struct Write {
    uint32_t file;
    uint64_t offset;
    uint64_t token;
    std::string bytes;
    enum class Fate : uint8_t { kDone, kError, kShort } fate;
  };
  struct Read {
    uint32_t file;
    uint64_t offset;
    uint64_t token;
    std::span<char> bytes;
  };
  // What the helper thread is asked for, in this order.
  struct Preparation {
    std::string path;
    uint64_t size = 0;
    reactor::FilePreparedHandler* handler = nullptr;
    std::string from = {};  // renamed
    bool removed = false;
    bool renamed = false;  // but the directory is not synced yet
  };

  void happen(Pending pending);
  void plan_round();
  void round();
  void dispatch(Pending& what);
  void dispatch_stream(Pending& what);
  void flush_streams();
  void fire_timers();
  void arm_timer();
  void finish_write(uint64_t id);
  void finish_read(uint64_t id);
  void ask_helper(Preparation preparation);
  void begin_preparation();
  void finish_preparation();
  std::string make(const Preparation& file);
  Stream* find(uint64_t id);
  uint64_t take_stream();
  void free_stream(uint64_t id);
  void touch(Stream& stream, uint64_t id);

  World& world_;
  Network& network_;
  SimDisk& disk_;
  NodeClock& clock_;
  WriteWatcher& watcher_;
  HostId host_;
  DiskRates disk_rates_;
  int64_t round_delay_ns_;
  uint64_t process_ = 0;  // counts starts: events of an earlier process are void
  reactor::BatchHandler* handler_ = nullptr;
  bool frozen_ = true;
  bool paused_ = false;
  bool round_planned_ = false;
  bool woken_ = false;
  int64_t round_now_ = 0;

  std::vector<Pending> pending_;
  std::vector<Pending> now_happening_;  // owns a round's bytes to its end
  size_t happening_at_ = 0;
  std::vector<Stream> streams_;
  std::vector<uint32_t> free_streams_;
  std::vector<uint64_t> dirty_;
  std::map<std::string, reactor::ListenHandler*> doors_;
  std::deque<File> files_;
  std::map<uint64_t, Write> writes_;
  std::map<uint64_t, Read> reads_;
  std::deque<Preparation> preparations_;
  uint64_t next_id_ = 1;
  std::vector<std::pair<int64_t, uint64_t>> timers_;  // local time, token
  int64_t timer_armed_ = INT64_MAX;                   // world time
};

}  // namespace once::sim

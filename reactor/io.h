// The I/O contract (DESIGN 4): everything above it sees streams, log files, timers and wake-ups as
// completions, and never a descriptor. One Io per core; all calls from its thread except wake()
// and stop().
// Implemented by the loop (loop.h) over io_uring or epoll, and by the simulator.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/peer_address.h"
#include "base/result.h"
#include "reactor/sync_mode.h"

namespace once::reactor {

// Slot and generation: an id of a closed stream never names a later one.
struct StreamId {
  uint64_t value = 0;
  friend bool operator==(const StreamId&, const StreamId&) = default;
};
struct ListenerId {
  uint32_t value = 0;
};
struct FileId {
  uint32_t value = 0;
};

// A stream taken out of one core's Io on its way to another's: owned, closed if dropped.
class Handoff {
 public:
  virtual ~Handoff() = default;
};

class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  virtual void on_connected(StreamId stream) = 0;  // of connect() only
  // The bytes stay valid until BatchHandler::on_batch_end of the same round returns.
  virtual void on_bytes(StreamId stream, std::string_view bytes) = 0;
  // The peer sends nothing more, and may still read (a shutdown of one direction looks the same as
  // its end). True: the stream stays open until it is closed by this side, or a send fails, or it
  // is reset. False: it ends, as every stream does whose handler does not care.
  virtual bool on_end_of_input(StreamId) { return false; }
  // Last call for this stream. `why` is for people; empty: the peer closed in order.
  virtual void on_closed(StreamId stream, std::string_view why) = 0;
};

class ListenHandler {
 public:
  virtual ~ListenHandler() = default;
  // Returns who handles the stream; nullptr closes it at once.
  virtual StreamHandler* on_accept(StreamId stream) = 0;
};

class FileHandler {
 public:
  virtual ~FileHandler() = default;
  // A write is done and durable; an error or a short write never comes here: see on_file_failed.
  virtual void on_written(uint64_t token) = 0;
  virtual void on_read(uint64_t) {}  // all bytes that were asked for are there
  virtual void on_file_failed(std::string_view what) = 0;  // the caller must stop the process
};

class FilePreparedHandler {
 public:
  virtual ~FilePreparedHandler() = default;
  // `path` is the new file's.
  virtual void on_file_prepared(const std::string& path, const std::string& error) = 0;
};

class BatchHandler {
 public:
  virtual ~BatchHandler() = default;
  virtual void on_timer(uint64_t token) = 0;
  virtual void on_wake() = 0;       // after wake() from any thread; wakes may be merged
  virtual void on_batch_end() = 0;  // once after each round of completions; received bytes die here
};

class Io {
 public:
  virtual ~Io() = default;

  virtual int64_t now_ns() const = 0;  // monotonic; read once per round, before run() at each call

  // "HOST:PORT"; errors name it and what to do. Names: listen() waits for the look-up; connect()
  // does not, the stream is connecting meanwhile, and then tries all addresses in turn.
  virtual Result<ListenerId> listen(const std::string& address, ListenHandler* handler) = 0;
  virtual StreamId connect(const std::string& address, StreamHandler* handler) = 0;
  // Bytes appended here leave in one coalesced send at the end of the round; nullptr once closed
  // or closing.
  // The pointer is valid until the end of the round only.
  virtual std::vector<char>* outbox(StreamId stream) = 0;
  virtual size_t unsent_bytes(StreamId stream) const = 0;  // outbox and in flight
  // Of the other end, on whichever core the stream is by now. Not known: it is gone already, or
  // this Io has no addresses.
  virtual PeerAddress peer_address(StreamId) const { return {}; }
  virtual uint64_t sent_bytes(StreamId) const { return 0; }  // that have left so far
  virtual size_t buffer_bytes() const { return 0; }  // allocated for what is to leave, all streams
  // While true nothing more is received from it; what has been is still delivered.
  virtual void hold_input(StreamId, bool) {}
  // Sends what is in the outbox, then closes; on_closed follows. That the peer sends nothing more
  // does not cut this short.
  virtual void close(StreamId stream) = 0;
  // The same of one that may still be sending. At a plain close the kernel answers what comes, or
  // was not taken, with a reset, and that takes away what the peer was told. Here its bytes, those
  // of a held stream too, are dropped until it ends, a second at most.
  virtual void close_gently(StreamId stream) { close(stream); }
  // Ends it without sending what is in the outbox, whose memory is given back; on_closed follows.
  virtual void cut(StreamId stream, std::string_view) { close(stream); }
  virtual void set_handler(StreamId stream, StreamHandler* handler) = 0;
  // Call from on_bytes, with what of its bytes is left unread; later bytes of the same round go
  // along and on_bytes, on_closed are not called again. Only before anything was sent on it: an
  // outbox goes along, with a send in flight the move fails. The other side should send nothing
  // between its hello and the answer; if bytes are lost all the same, the socket is shut down.
  // nullptr: it cannot be moved and is closed, as silently.
  virtual std::unique_ptr<Handoff> detach(StreamId stream, std::string_view unread) = 0;
  // Unread bytes come first, through on_bytes, after this call has returned.
  virtual StreamId adopt(std::unique_ptr<Handoff> handoff, StreamHandler* handler) = 0;

  // Opens an existing file for aligned reads and writes; `direct` asks for O_DIRECT.
  virtual Result<FileId> open_file(const std::string& path, bool direct, FileHandler* handler) = 0;
  virtual void close_file(FileId file) = 0;  // what is under way finishes, unreported
  // offset, size and address are multiples of 4096; bytes stay valid until on_written(token).
  virtual void write_file(FileId file, uint64_t offset, std::span<const char> bytes, SyncMode mode,
                          uint64_t token) = 0;
  // The same sizes; the bytes are there at on_read(token), and the memory is the Io's until then.
  virtual void read_file(FileId file, uint64_t offset, std::span<char> bytes, uint64_t token) = 0;
  // Makes a zero-filled, durable file (its directory too) off the hot path; atomic under `path`.
  virtual void prepare_file(const std::string& path, uint64_t size,
                            FilePreparedHandler* handler) = 0;
  // The same by renaming one, whose contents stay. After an error it has either name. What is asked
  // of prepare_file, recycle_file and remove_file is done one after the other, in that order.
  virtual void recycle_file(const std::string& from, const std::string& to,
                            FilePreparedHandler* handler) = 0;
  // Unreported: a file that cannot be removed stays.
  // False: many are under way, or there is no thread for it now; ask again later.
  virtual bool remove_file(const std::string& path) = 0;

  virtual void set_timer(int64_t at_ns, uint64_t token) = 0;  // fires once
  virtual void wake() = 0;                                    // from any thread

  virtual void run(BatchHandler* handler) = 0;  // until stop(); once only
  virtual void stop() = 0;                      // from any thread
};

}  // namespace once::reactor

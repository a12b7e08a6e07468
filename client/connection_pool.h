// The session's transport: non-blocking sockets on one epoll, one connection a lane.
// Single-threaded but for wake(). Memory a lane is bounded: kMaxOutboxBytes out, a frame and a
// read's worth in. Frames are told to the session from poll() only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/fork_mark.h"
#include "client/session.h"
#include "client/socket.h"
#include "client/transport.h"
#include "net/client_channel.h"

namespace once::client {

class ConnectionPool final : public Transport {
 public:
  static once::Result<std::unique_ptr<ConnectionPool>> make();
  ~ConnectionPool() override;

  void connect(LaneId lane, const std::string& address, uint16_t core) override;
  bool send(LaneId lane, uint64_t correlation, const paxos::ClientRequest& request) override;
  void close(LaneId lane) override;

  // Writes what send() buffered, waits for events until `until_ns`, tells the session.
  void poll(Session& session, int64_t until_ns);
  void wake();  // ends a poll() early; any thread

 private:
  enum class State : uint8_t { kClosed, kConnecting, kOpen };
  struct Connection {
    FileDescriptor fd;
    State state = State::kClosed;
    uint32_t generation = 0;  // tells a late event of an earlier connection apart
    uint16_t core = kAnyCore;
    bool dirty = false;  // listed in dirty_
    bool wants_writable = false;
    net::ClientChannel channel;
    std::vector<char> out;
    size_t out_begin = 0;
  };

  ConnectionPool() = default;
  void handle(Session& session, LaneId lane, uint32_t events);
  void receive(Session& session, LaneId lane);
  void flush(Session& session);
  void write_out(Session& session, LaneId lane);
  void watch(LaneId lane, bool writable);
  void fail(Session& session, LaneId lane, std::string_view why);
  void mark_dirty(LaneId lane);

  const ForkMark mark_{};  // from a child nothing may be read or written: see poll()
  FileDescriptor epoll_;
  FileDescriptor event_;
  std::deque<Connection> connections_;  // they stay where they are while lanes are added
  std::vector<char> scratch_;           // what one recv() brings
  uint64_t failures_ = 0;
  std::vector<LaneId> dirty_;
  std::vector<LaneId> flushing_;
  std::vector<std::pair<LaneId, std::string>> failed_;  // connects that failed at once
};

}  // namespace once::client

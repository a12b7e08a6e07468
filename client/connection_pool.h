// The session's transport: non-blocking sockets on one epoll, one connection a path.
// Single-threaded but for wake(). Memory a path is bounded: kMaxOutboxBytes out, a frame and a
// read's worth in. Frames are told to the session from poll() only.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/name_resolver.h"
#include "client/fork_mark.h"
#include "client/session.h"
#include "client/socket.h"
#include "client/transport.h"
#include "net/client_channel.h"

namespace once::client {

class ConnectionPool final : public Transport {
 public:
  static once::Result<std::unique_ptr<ConnectionPool>> make(std::shared_ptr<NameResolver> names);
  ~ConnectionPool() override;

  void connect(PathId path, const std::string& address, uint16_t core) override;
  bool send(PathId path, uint64_t correlation, const paxos::ClientRequest& request) override;
  void close(PathId path) override;
  std::string delay(PathId path) const override;
  std::string silence(PathId path) const override;

  // Writes what send() buffered, waits for events until `until_ns`, tells the session.
  void poll(Session& session, int64_t until_ns);
  void wake();  // ends a poll() early; any thread

 private:
  static constexpr int64_t kNoTurn = std::numeric_limits<int64_t>::max();
  enum class State : uint8_t { kClosed, kNaming, kConnecting, kOpen };
  struct Connection {
    std::string address;
    int64_t deadline_ns = 0;  // of the connecting
    Dial dial;                // while connecting
    Descriptor fd;            // once it is open
    State state = State::kClosed;
    uint32_t generation = 0;  // tells a late event of an earlier connection apart
    uint16_t core = kAnyCore;
    bool dirty = false;  // listed in dirty_
    bool wants_writable = false;
    net::ClientChannel channel;
    std::vector<char> out;
    size_t out_begin = 0;
  };

  explicit ConnectionPool(std::shared_ptr<NameResolver> names) : names_(std::move(names)) {}
  void find_addresses(PathId path);
  void connect_next(PathId path);
  void go_on_connecting(PathId path, const std::string& refusal);
  void take_in_names();
  void end_turns();
  void give_up(PathId path, std::string why);
  void tell_failed(Session& session);
  void forget(const Descriptor& socket);
  void handle(Session& session, PathId path, uint32_t events);
  void receive(Session& session, PathId path);
  void flush(Session& session);
  void write_out(Session& session, PathId path);
  void watch(PathId path, bool writable);
  void fail(Session& session, PathId path, std::string_view why);
  void mark_dirty(PathId path);

  const ForkMark mark_{};  // from a child nothing may be read or written: see poll()
  Descriptor epoll_;
  Descriptor event_;
  const std::shared_ptr<NameResolver> names_;
  std::atomic<bool> names_news_{false};
  std::deque<Connection> connections_;  // they stay where they are while paths are added
  std::vector<char> scratch_;           // what one recv() brings
  uint64_t failures_ = 0;
  std::vector<PathId> dirty_;
  std::vector<PathId> flushing_;
  std::vector<std::pair<PathId, std::string>> failed_;  // connects that failed: told by poll()
  int64_t next_turn_ns_ = kNoTurn;  // when an address is given up for the next one, or earlier
  std::unique_ptr<NameResolver::Watch> watch_;  // the last member: it uses others
};

}  // namespace once::client

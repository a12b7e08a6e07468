// What waits in this node for clients that do not read, and what their doors keep behind an answer
// that is not there yet: counted for each and in sum, and which of them goes when it is too much.
// Single-threaded. Private to net/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "reactor/io.h"

namespace once::net {

// Of one connection. It stays where it is until forget().
struct ClientOutbox {
  reactor::StreamId stream;
  size_t bytes = 0;      // unsent at the last count, and what was added since
  size_t kept = 0;       // by its door
  uint64_t left = 0;     // that had been sent when it last moved
  int64_t moved_ns = 0;  // when any of it was sent last, as far as was looked
  bool listed = false;
  bool cut = false;

  size_t all() const { return bytes + kept; }
};

class ClientOutboxes {
 public:
  static constexpr size_t kQuietBytes = 1024 * 1024;  // of one that nobody reads for so long:
  static constexpr int64_t kPatienceNs = 5'000'000'000;
  // When memory is short: what is smaller, or moves, is no help or honest. What a door keeps may
  // be of a command that is under way: kQuietBytes of it are no single one's.
  static constexpr size_t kWorthwhileBytes = 64 * 1024;
  static constexpr int64_t kStillNs = 100'000'000;

  // `closing`: for the log, why one is closed.
  ClientOutboxes(reactor::Io& io, std::function<void(std::string_view)> closing)
      : io_(io), closing_(std::move(closing)) {}

  void set_bound(size_t bytes) { bound_ = count_at_ = bytes; }
  size_t bytes() const { return sum_; }
  uint64_t closed() const { return closed_; }

  // So much was appended to its outbox, and its door keeps so much now. May close any, this one
  // too.
  void added(ClientOutbox& to, size_t bytes, size_t kept = 0);
  // Whose door keeps much behind a wait cannot read it: he may go on, as long as there is room.
  void on_tick();
  // Closes the largest of which nothing leaves, whatever he has under way: who waits with so much
  // behind it is told that his connection ends, and asks again. False: there is none.
  bool relieve();
  void forget(ClientOutbox& gone);  // its stream has ended

 private:
  void count();
  void cut(ClientOutbox& box, std::string_view why);
  ClientOutbox* largest() const;

  reactor::Io& io_;
  const std::function<void(std::string_view)> closing_;
  std::vector<ClientOutbox*> listed_;  // those that held something at the last count, or since
  size_t sum_ = 0;
  size_t bound_ = SIZE_MAX;
  size_t count_at_ = SIZE_MAX;  // a count is due when the sum is above it
  uint64_t closed_ = 0;
};

}  // namespace once::net

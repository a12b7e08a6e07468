// Connections that found no place. Each is told why in the protocol that its first bytes show, and
// closed; who says nothing, in that of once. They hold descriptors meanwhile: whoever takes them in
// bounds how many. Single-threaded. Private to net/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "doors/door.h"
#include "reactor/io.h"

namespace once::net {

class TurnedAway final : public reactor::StreamHandler {
 public:
  using Farewell = doors::Door::Farewell;
  // So long their first bytes are waited for, and so many of these looked at.
  static constexpr int64_t kPatienceNs = 1'000'000'000;
  static constexpr size_t kMostHeard = 1024;

  // `doors`: null: all are told in the protocol of once. `most_waiting`: are heard before they are
  // told, at one time. `end`: closes one that was told.
  TurnedAway(reactor::Io& io, const doors::DoorMaker* doors, size_t most_waiting,
             std::function<void(reactor::StreamId)> end)
      : io_(io), doors_(doors), most_waiting_(most_waiting), end_(std::move(end)) {}

  size_t count() const { return count_; }  // that are not gone yet
  // Its handler is this. `why`: in frames; `farewell`: through a door.
  void take(reactor::StreamId stream, std::string why, Farewell farewell);
  void close(reactor::StreamId stream);  // likewise, but without a word
  void on_tick();
  void end_round();

  void on_connected(reactor::StreamId) override {}
  void on_bytes(reactor::StreamId stream, std::string_view bytes) override;
  bool on_end_of_input(reactor::StreamId stream) override;
  void on_closed(reactor::StreamId stream, std::string_view why) override;

 private:
  struct One {
    std::string why;
    Farewell farewell = Farewell::kNoPlace;
    int64_t since_ns = 0;
    std::string heard;
    bool ready = false;  // it is told when the round ends
  };
  void get_ready(reactor::StreamId stream, One& one);
  void tell(const One& one, std::vector<char>& out) const;

  reactor::Io& io_;
  const doors::DoorMaker* const doors_;
  const size_t most_waiting_;
  const std::function<void(reactor::StreamId)> end_;
  std::unordered_map<uint64_t, One> untold_;  // by its stream
  std::vector<reactor::StreamId> ready_;
  size_t count_ = 0;
};

}  // namespace once::net

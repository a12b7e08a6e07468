// The listener of `--admin`: serves what a door says of the node, to few connections at a time, and
// takes no request of clients. Single-threaded, on core 0's Io.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "doors/door.h"
#include "reactor/io.h"

namespace once::server {

class AdminListener final : public reactor::ListenHandler {
 public:
  // A newcomer beyond them gets the place of the one that has been silent longest.
  static constexpr size_t kMostConnections = 16;
  static constexpr uint64_t kMostFiles = 2 * kMostConnections + 1;  // with those that are closing
  // Who asks nothing for so long is closed without a word: what he sends at that moment would take
  // it for an answer. Monitors come every 10, 15, 30 or 60 s, most of them.
  static constexpr int64_t kIdleNs = 75'000'000'000;
  static constexpr int64_t kPatienceNs = 10'000'000'000;  // who goes silent within a request
  static constexpr size_t kMostUnsent = 256 * 1024;  // of answers: nothing more is taken meanwhile

  using MakeDoor = std::function<std::unique_ptr<doors::Door>(doors::DoorHost&)>;
  // `io` and `node` outlive this; a door asks for no operation.
  AdminListener(reactor::Io& io, const doors::NodeView& node, MakeDoor make_door);
  ~AdminListener() override;

  void on_tick(int64_t now_ns);
  size_t connections() const { return connections_.size(); }

  reactor::StreamHandler* on_accept(reactor::StreamId stream) override;

 private:
  class Connection;
  void make_room();
  size_t leaving() const;
  void gone(Connection* connection);

  reactor::Io& io_;
  const doors::NodeView& node_;
  const MakeDoor make_door_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Connection>> gone_;  // until a tick: their own calls may be under way
};

}  // namespace once::server

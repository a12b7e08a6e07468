// One node, asked one thing after another on a connection of its own. Blocks, but not beyond the
// deadlines that are given; one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/name_resolver.h"
#include "base/result.h"
#include "base/types.h"
#include "client/socket.h"
#include "net/client_codec.h"

namespace once::client {

class Conversation {
 public:
  // Who answers is not whom we mean, and will not be.
  enum class Wrong : uint8_t { kNothing, kNoNode, kOtherCluster };
  // Greets. `expected`: a node of another cluster is an error. `core`: that of the node which is
  // meant, or net::kAnyCore. `wrong`, if it is given, tells more of an error.
  static once::Result<Conversation> open(NameResolver& names, const std::string& address,
                                         const std::optional<ClusterId>& expected, uint16_t core,
                                         int64_t deadline_ns, Wrong* wrong = nullptr);
  const net::ServerHello& hello() const { return hello_; }

  // `question`: one whole frame whose correlation is kCorrelation. The body of the answer of that
  // type; it lives until the next call.
  static constexpr uint64_t kCorrelation = 1;
  once::Result<std::string_view> ask(const std::vector<char>& question, net::FrameType answer,
                                     int64_t deadline_ns);

 private:
  explicit Conversation(Descriptor socket) : socket_(std::move(socket)) {}
  once::Result<void> say(const std::vector<char>& bytes, int64_t deadline_ns);
  once::Result<std::string_view> hear(net::FrameType wanted, int64_t deadline_ns);

  Descriptor socket_;
  net::ServerHello hello_;
  bool stranger_ = false;
  std::vector<char> heard_;  // the first `taken_` bytes of it are done with
  size_t taken_ = 0;
};

}  // namespace once::client

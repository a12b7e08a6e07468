// Clients that are bound to one node each: one connection, one question at a time, no retries. The
// library asks whom it likes best; these see what a node says right after it was stopped, cut off
// or started again: old news to a wait, a token that was drawn twice. A thread each.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "client/socket.h"
#include "net/client_channel.h"
#include "tests/torture/recorder.h"

namespace once::torture {

struct DirectOptions {
  std::string endpoint;
  uint32_t number = 0;  // of the client, in the history
  uint64_t seed = 1;
  std::vector<std::string> names;  // of registers that are never sealed
};

// What all clients know of the registers: the highest version that anybody was shown.
struct Newest {
  std::function<uint64_t(const std::string& name)> get;
  std::function<void(const check::Call& answered)> take;
};

class Direct final : private net::ClientChannelHandler {
 public:
  Direct(const DirectOptions& options, Recorder& recorder, const Newest& newest);
  // Asks until `stopped`, then takes the answer that it is owed.
  void run(const std::atomic<bool>& stopped);

 private:
  void on_hello(const net::ServerHello&) override {}
  void on_reply(uint64_t correlation, const paxos::ClientReply& reply) override;

  bool connect(const std::atomic<bool>& stopped);
  check::Call draw_call();
  void ask();
  // Waits for bytes until then; false: the connection is over.
  bool receive(int64_t until_ns);
  bool send();
  void disconnect();

  const DirectOptions options_;
  Recorder& recorder_;
  const Newest newest_;
  Prng prng_;
  Descriptor socket_;
  net::ClientChannel channel_;
  std::vector<char> out_;
  uint64_t correlation_ = 0;
  uint64_t drawn_ = 0;
  std::optional<size_t> handle_;  // of the call that has no answer yet
  check::Call call_;
};

}  // namespace once::torture

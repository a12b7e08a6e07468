// The client library: write-once registers of a cluster, from any thread.
// One background thread owns all sockets. Blocking calls wait for it; callbacks run on it and must
// not block (and must not destroy the Client). The destructor ends what is pending as at a
// deadline.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/types.h"

namespace once::client {

enum class Outcome : uint8_t {
  kDone,         // write: this request is the winner; read: the value follows
  kRefused,      // write: another request had set the name; its state follows
  kEmpty,        // read: nothing was ever written
  kUnknown,      // write: it may have happened or may still happen; retry with the same request id
  kUnavailable,  // nothing happened; no majority answered in time, or too much is pending
  kInvalid,      // the request breaks a limit; nothing happened
  kError,  // the client cannot work: its options or the machine are at fault; nothing happened
};
std::string_view outcome_name(Outcome outcome);

struct Result {
  Outcome outcome = Outcome::kError;
  uint64_t version = 0;
  bool sealed = false;
  RequestId writer;      // who made the version that is shown
  RequestId request_id;  // of this operation: give it to write() again to retry an unknown outcome
  std::string value;
  std::string message;  // for people; empty when done
};

struct Options {
  std::vector<std::string> endpoints;  // HOST:PORT, any members; the rest is learned from them
  int64_t timeout_ms = 5000;           // of each operation, its retries included
  size_t max_pending = 32768;          // beyond it operations end with kUnavailable at once
};

struct NodeStatus {
  std::string address;
  bool reachable = false;
  std::string message;  // why not
  NodeId node;
  uint64_t pid = 0;
  std::vector<std::pair<std::string, uint64_t>> counters;
  std::vector<std::pair<NodeId, std::string>> members;  // the cluster map of the answering node
};

using Callback = std::function<void(Result&&)>;

class Client {
 public:
  explicit Client(Options options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Without an id a fresh one is drawn. Write-once writes are safe to retry with their id for ever.
  Result write(std::string_view name, std::string_view value, std::optional<RequestId> id = {});
  Result read(std::string_view name);

  // The callback runs exactly once: on the client's thread, or on the caller's before the call
  // returns when the operation is not even queued (kInvalid, kError, too many pending).
  void write_async(std::string_view name, std::string_view value, std::optional<RequestId> id,
                   Callback callback);
  void read_async(std::string_view name, Callback callback);

  // Asks one node on a connection of its own, so that the answer is about that node alone.
  NodeStatus status(const std::string& endpoint) const;

  RequestId new_request_id();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Empty when both are within the limits, otherwise what is wrong.
std::string check_name(std::string_view name);
std::string check_value(size_t value_bytes);

}  // namespace once::client

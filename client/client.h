// The client library: the registers of a cluster, from any thread.
// One background thread owns all sockets. Blocking calls wait for it; callbacks run on it and must
// not block or throw: no blocking call (it ends with kError), and never the destruction of the
// Client. They may start and cancel operations. The destructor cancels what is pending, and what
// callbacks start meanwhile: a callback that starts kCancelled again calls itself without end.
// Host names are looked up by threads of their own, which nothing waits for: one may outlive the
// Client until the C library gives its look-up up.
// In a child of fork() every operation ends with kError: a Client belongs to the process that made
// it. There it may be destroyed, which leaves the parent's alone; what was pending ends in the
// parent.
// docs/client.md is the guide.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "client/results.h"

namespace once::client {

struct Options {
  // HOST:PORT, any members; the rest is learned from them. All addresses of a name are tried.
  std::vector<std::string> endpoints;
  int64_t timeout_ms = 5000;   // of each operation, its retries included
  size_t max_pending = 32768;  // beyond it operations end with kUnavailable at once
  // Which cluster is meant: 1 to 32 hexadecimal digits, as `onced format` was given. Nodes of
  // another one are not used. Without it, the cluster is that of the first endpoint that answers.
  std::optional<std::string> cluster_id = {};
};

struct ListOptions {
  std::string prefix;
  std::string after;  // NamesPage::after of the page before; empty: the first one
  size_t limit = 1000;
  int64_t timeout_ms = 0;  // of this page; 0: that of the client
};

struct CallOptions {
  // Without one a fresh id is drawn. An id names one intended change: give it again, with the same
  // operation, version and value, to retry a write, cas or seal whose outcome was unknown; never
  // for anything else, and never for a set. All 0 is no id, and refused for a change.
  std::optional<RequestId> id = {};
  int64_t timeout_ms = 0;  // its retries included, at most a day; 0: that of the client
};

// Names an operation that was started, to cancel it. The default names none.
class OperationId {
 public:
  OperationId() = default;
  friend bool operator==(OperationId, OperationId) = default;

 private:
  friend class Client;
  explicit OperationId(uint64_t number) : number_(number) {}
  uint64_t number_ = 0;
};

using Callback = std::function<void(Result&&)>;

class Client {
 public:
  explicit Client(Options options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sets an empty register once and for ever: version 1, sealed.
  Result write(std::string_view name, std::string_view value, const CallOptions& options = {});
  Result read(std::string_view name, const CallOptions& options = {});
  // A new value, whatever is there. Never sent again once a node may have it: see kUnknown.
  Result set(std::string_view name, std::string_view value, const CallOptions& options = {});
  // A new value, if the register has the expected version (0: empty).
  Result cas(std::string_view name, uint64_t expected_version, std::string_view value,
             const CallOptions& options = {});
  // The same value, never to change again, if the register has the expected version.
  Result seal(std::string_view name, uint64_t expected_version, const CallOptions& options = {});
  // The same value under the next version, which is a fencing token: higher than all before it.
  Result next(std::string_view name, const CallOptions& options = {});
  // Done if the token is the newest version, else refused with kConflict: a newer one is there, or
  // the token is above all of them and was never drawn from this name.
  Result check(std::string_view name, uint64_t token, const CallOptions& options = {});
  // The state, once a version above `after_version` (0: any) is decided.
  Result wait(std::string_view name, uint64_t after_version, const CallOptions& options = {});

  // The callback runs exactly once: on the client's thread, or on the caller's before the call
  // returns when the operation is not even queued (kInvalid, kError, too many pending, kCancelled
  // while the Client is destroyed).
  OperationId write_async(std::string_view name, std::string_view value, const CallOptions& options,
                          Callback callback);
  OperationId read_async(std::string_view name, const CallOptions& options, Callback callback);
  OperationId set_async(std::string_view name, std::string_view value, const CallOptions& options,
                        Callback callback);
  OperationId cas_async(std::string_view name, uint64_t expected_version, std::string_view value,
                        const CallOptions& options, Callback callback);
  OperationId seal_async(std::string_view name, uint64_t expected_version,
                         const CallOptions& options, Callback callback);
  OperationId next_async(std::string_view name, const CallOptions& options, Callback callback);
  OperationId check_async(std::string_view name, uint64_t token, const CallOptions& options,
                          Callback callback);
  OperationId wait_async(std::string_view name, uint64_t after_version, const CallOptions& options,
                         Callback callback);

  // Ends the operation soon, with kCancelled or kUnknown; one that has ended is left as it is. Its
  // callback runs exactly once all the same. From any thread.
  void cancel(OperationId operation);

  // Asks one node on a connection of its own, so that the answer is about that node alone.
  NodeStatus status(const std::string& endpoint, int64_t timeout_ms = 0) const;  // 0: the client's

  // The endpoints and what is in the way of each, for people, while no node is connected, or none
  // answers a list: nobody is asked before there is something to ask. Empty: some node is
  // connected, or none was needed yet.
  std::string trouble() const;

  // A node that answers and said that it reaches no majority of the nodes, while nothing that was
  // asked has been settled since; else empty.
  std::string without_majority() const;

  // Names that begin with a prefix, as one node knows them, a page at a time.
  NamesPage list(const ListOptions& options) const;

  // 128 fresh bits from the kernel; all 0, which every change refuses, if it gives none.
  RequestId new_request_id();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Empty when both are within the limits, otherwise what is wrong.
std::string check_name(std::string_view name);
std::string check_value(size_t value_bytes);

}  // namespace once::client

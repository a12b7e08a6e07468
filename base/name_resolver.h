// HOST:PORT to socket addresses, without ever waiting: numeric hosts at once, names by helper
// threads, one look-up a name at a time, so that a silent name server holds up nobody who did not
// ask for that name. The last known addresses of a name are given while a newer look-up runs, and
// kept when it fails.
// Thread rule: any thread. A watcher's function runs on a helper thread; it must not call back.
// Lifetime: nothing waits for a look-up to end, the destructor and the end of the process neither:
// helpers are detached and own what they use, the look-up function included.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace once {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};
using SocketAddresses = std::vector<SocketAddress>;

std::string to_text(const SocketAddress& address);  // "127.0.0.1:7401", "[::1]:7401"

// All addresses of HOST:PORT; blocks while a name is looked up. `passive`: to listen on.
Result<SocketAddresses> resolve_now(const std::string& address, bool passive);

class NameResolver {
  struct Entry;
  struct Shared;

 public:
  // The addresses of a host, whose ports do not matter, or why there are none. May block.
  using LookUp = std::function<Result<SocketAddresses>(const std::string& host)>;
  struct Settings {
    LookUp look_up = {};                       // none: getaddrinfo
    int64_t refresh_after_ns = 5'000'000'000;  // what is known is looked up again when it is used
    int64_t failure_lasts_ns = 1'000'000'000;  // before a name that failed is looked up again
    size_t max_names = 1024;                   // so many are remembered, and looked up at once
  };
  // Neither addresses nor trouble: it is being looked up, and watchers will be told.
  struct Found {
    SocketAddresses addresses;
    std::string trouble;  // why there are none
    bool pending() const { return addresses.empty() && trouble.empty(); }
  };
  // Calls `told` after each look-up that has ended, until it is destroyed.
  class Watch {
   public:
    Watch(const NameResolver& resolver, std::function<void()> told);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    const std::shared_ptr<Shared> shared_;
  };

  NameResolver() : NameResolver(Settings{}) {}
  explicit NameResolver(Settings settings);
  ~NameResolver();
  NameResolver(const NameResolver&) = delete;
  NameResolver& operator=(const NameResolver&) = delete;

  // Never blocks.
  Found find(const std::string& address);
  // Waits for a look-up; still pending when the deadline of the monotonic clock came first.
  Found find_until(const std::string& address, int64_t deadline_ns);

 private:
  static Entry* entry_of(Shared& shared, const std::string& host);
  static void begin(const std::shared_ptr<Shared>& shared, const std::string& host, Entry& entry);
  static void work(const std::shared_ptr<Shared>& shared, const std::string& host);

  const std::shared_ptr<Shared> shared_;
};

}  // namespace once

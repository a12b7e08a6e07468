#include "base/name_resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/errno_text.h"
#include "base/host_port.h"
#include "base/monotonic.h"
#include "base/no_signals.h"
#include "base/thread_name.h"

namespace once {
namespace {

constexpr size_t kMaxAddressesPerName = 16;

struct HostPort {
  std::string host;  // without the brackets of IPv6
  std::string port;  // a port_number()
};

Result<HostPort> split(const std::string& address) {
  const std::string_view digits = port_digits(address);
  if (digits.empty()) return error("address \"" + address + "\" has no port: write HOST:PORT");
  if (!port_number(digits)) {
    return error("address \"" + address + "\" has the port \"" + std::string(digits) +
                 "\", which is none: write HOST:PORT, with PORT in 0..65535");
  }
  return HostPort{host_of(address), std::string(digits)};
}

bool same(const SocketAddress& a, const SocketAddress& b) {
  return a.size == b.size && std::memcmp(&a.storage, &b.storage, a.size) == 0;
}

// The code of getaddrinfo. An address that is listed twice need not be tried twice.
int ask(const std::string& host, const char* port, int flags, SocketAddresses& result) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | (port == nullptr ? 0 : AI_NUMERICSERV);
  addrinfo* found = nullptr;
  const int code = getaddrinfo(host.empty() ? nullptr : host.c_str(), port, &hints, &found);
  if (code != 0) return code;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    SocketAddress address;
    if (at->ai_addrlen > sizeof address.storage || result.size() == kMaxAddressesPerName) continue;
    std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
    address.size = at->ai_addrlen;
    const bool known = std::any_of(result.begin(), result.end(),
                                   [&](const auto& other) { return same(other, address); });
    if (!known) result.push_back(address);
  }
  return result.empty() ? EAI_NONAME : 0;
}

std::string words(int code) {
  if (code != EAI_SYSTEM) return gai_strerror(code);
  return errno_text(errno);
}

std::string cannot_resolve(const std::string& address, const std::string& why) {
  return "cannot resolve \"" + address + "\": " + why + "; check the host name and port";
}

Result<SocketAddresses> system_look_up(const std::string& host) {
  SocketAddresses found;
  const int code = ask(host, nullptr, 0, found);
  if (code != 0) return error(words(code));
  return found;
}

void set_port(SocketAddress& address, uint16_t number) {
  const uint16_t port = htons(number);
  if (address.storage.ss_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port = port;
  } else {
    reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port = port;
  }
}

}  // namespace

std::string to_text(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  const bool v6 = address.storage.ss_family == AF_INET6;
  const auto* four = reinterpret_cast<const sockaddr_in*>(&address.storage);
  const auto* six = reinterpret_cast<const sockaddr_in6*>(&address.storage);
  const void* bytes = v6 ? static_cast<const void*>(&six->sin6_addr) : &four->sin_addr;
  inet_ntop(address.storage.ss_family, bytes, text, sizeof text);
  const uint16_t port = ntohs(v6 ? six->sin6_port : four->sin_port);
  return bracketed(text) + ":" + std::to_string(port);
}

Result<SocketAddresses> resolve_now(const std::string& address, bool passive) {
  const auto parts = split(address);
  if (!parts) return tl::unexpected<Error>(parts.error());
  const int flags = passive ? AI_PASSIVE : 0;
  SocketAddresses found;
  int code = ask(parts->host, parts->port.c_str(), flags | AI_NUMERICHOST, found);
  if (code == EAI_NONAME) code = ask(parts->host, parts->port.c_str(), flags, found);
  if (code != 0) return error(cannot_resolve(address, words(code)));
  return found;
}

// Used by the mutex's holder only.
struct NameResolver::Entry {
  SocketAddresses addresses;  // the last known
  std::string trouble;        // of the last look-up
  int64_t ended_ns = 0;       // the last look-up
  uint64_t used = 0;          // of Shared::uses, when it was last asked for
  bool running = false;       // a look-up

  bool due(const Settings& settings) const {
    if (running) return false;
    if (addresses.empty() && trouble.empty()) return true;
    const bool failed = addresses.empty();
    return now_ns() - ended_ns >= (failed ? settings.failure_lasts_ns : settings.refresh_after_ns);
  }
};

struct NameResolver::Shared {
  explicit Shared(Settings given) : settings(std::move(given)) {
    if (!settings.look_up) settings.look_up = system_look_up;
  }

  Settings settings;
  std::mutex mutex;
  std::condition_variable news;
  std::map<std::string, Entry> names;  // by mutex
  uint64_t uses = 0;                   // by mutex
  std::mutex watchers_mutex;           // held while they are told: one that is gone is not called
  std::map<const void*, std::function<void()>> watchers;
};

NameResolver::Watch::Watch(const NameResolver& resolver, std::function<void()> told)
    : shared_(resolver.shared_) {
  const std::lock_guard lock(shared_->watchers_mutex);
  shared_->watchers.emplace(this, std::move(told));
}

NameResolver::Watch::~Watch() {
  const std::lock_guard lock(shared_->watchers_mutex);
  shared_->watchers.erase(this);
}

NameResolver::NameResolver(Settings settings)
    : shared_(std::make_shared<Shared>(std::move(settings))) {}
NameResolver::~NameResolver() = default;

NameResolver::Found NameResolver::find(const std::string& address) {
  return find_until(address, 0);
}

NameResolver::Found NameResolver::find_until(const std::string& address, int64_t deadline_ns) {
  Found found;
  const auto parts = split(address);
  if (!parts || parts->host.empty()) {
    found.trouble = parts ? "address \"" + address + "\" names no host" : parts.error().message;
    return found;
  }
  const int code = ask(parts->host, parts->port.c_str(), AI_NUMERICHOST, found.addresses);
  if (code == 0) return found;
  if (code != EAI_NONAME) {
    found.trouble = cannot_resolve(address, words(code));
    return found;
  }
  std::unique_lock lock(shared_->mutex);
  while (true) {
    Entry* entry = entry_of(*shared_, parts->host);
    if (entry == nullptr) {
      found.trouble = cannot_resolve(address, "too many names are being looked up");
      return found;
    }
    if (entry->due(shared_->settings)) begin(shared_, parts->host, *entry);
    found.addresses = entry->addresses;
    if (found.addresses.empty() && !entry->running) {
      found.trouble = cannot_resolve(address, entry->trouble);
    }
    const int64_t left_ns = deadline_ns == 0 ? 0 : deadline_ns - now_ns();
    if (!found.pending() || left_ns <= 0) break;
    shared_->news.wait_for(lock, std::chrono::nanoseconds(left_ns));
  }
  for (SocketAddress& each : found.addresses) set_port(each, *port_number(parts->port));
  return found;
}

// Null: no room. REQUIRES: the mutex.
NameResolver::Entry* NameResolver::entry_of(Shared& shared, const std::string& host) {
  auto& names = shared.names;
  const auto at = names.find(host);
  if (at == names.end() && names.size() >= shared.settings.max_names) {
    auto oldest = names.end();
    for (auto each = names.begin(); each != names.end(); ++each) {
      if (each->second.running) continue;
      if (oldest == names.end() || each->second.used < oldest->second.used) oldest = each;
    }
    if (oldest == names.end()) return nullptr;
    names.erase(oldest);
  }
  Entry& entry = at == names.end() ? names[host] : at->second;
  entry.used = ++shared.uses;
  return &entry;
}

// REQUIRES: the mutex. The program's signals are for its own threads.
void NameResolver::begin(const std::shared_ptr<Shared>& shared, const std::string& host,
                         Entry& entry) {
  const NoSignals mask;
  try {
    std::thread([shared, host] {
      name_thread("names");
      work(shared, host);
    }).detach();
    entry.running = true;
  } catch (const std::system_error& failed) {
    entry.trouble = std::string("cannot start a thread: ") + failed.what();
    entry.ended_ns = now_ns();
  }
}

void NameResolver::work(const std::shared_ptr<Shared>& shared, const std::string& host) {
  auto found = shared->settings.look_up(host);
  {
    const std::lock_guard lock(shared->mutex);
    Entry& entry = shared->names.at(host);  // a running one is not evicted
    entry.running = false;
    entry.ended_ns = now_ns();
    entry.trouble = found ? std::string() : found.error().message;
    if (found) entry.addresses = std::move(*found);
    if (entry.addresses.empty() && entry.trouble.empty()) entry.trouble = "it has no address";
  }
  shared->news.notify_all();
  const std::lock_guard lock(shared->watchers_mutex);
  for (const auto& [watch, told] : shared->watchers) told();
}

}  // namespace once

#include "server/descriptors.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <climits>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/limits.h"

namespace once::server {
namespace {

constexpr uint64_t kListeners = 2;
constexpr uint64_t kLoopDescriptors = 3;  // a core: its ring or epoll, and the bells that wake it
// A core: the segment that is written, the one before it while its last write is under way, the
// spare one, and the one that is being made.
constexpr uint64_t kLogDescriptors = 4;
// A link of each core to each peer; another one while it is replaced or handed to its core.
constexpr uint64_t kLinksPerPeer = 2;
// Connections just accepted, of which nothing is known yet (8 a listener), look-ups of names, files
// of the directory; and the log, whatever was miscounted. Less where there is little to divide.
constexpr uint64_t kMinReserve = 8;
constexpr uint64_t kMaxReserve = 32;
uint64_t reserve_of(uint64_t limit) { return std::clamp(limit / 8, kMinReserve, kMaxReserve); }
// Whoever connects to the peers' port and says no hello holds one, too. Where there is little to
// divide the half of the links that is there for replacements is theirs as well.
constexpr uint64_t kMinStrangers = 1;
constexpr uint64_t kMaxStrangers = 32;
uint64_t strangers_of(uint64_t limit) {
  return std::clamp(limit / 32, kMinStrangers, kMaxStrangers);
}
// The least limit that leaves so many when the reserve and the strangers are taken off.
uint64_t limit_that_leaves(uint64_t wanted) {
  uint64_t limit = wanted + kMinReserve + kMinStrangers;
  while (limit - reserve_of(limit) - strangers_of(limit) < wanted) ++limit;
  return limit;
}
constexpr uint64_t kMinLeaving = 4;     // a core: clients that are told why they are closed
constexpr uint64_t kMaxLeaving = 1024;  // if there is room for all clients

}  // namespace

DescriptorPlan plan_descriptors(const DescriptorNeeds& needs) {
  const uint64_t cores = needs.cores;
  const uint64_t reserve = reserve_of(needs.limit);
  const uint64_t used = needs.open + kListeners + needs.admin + cores * kLoopDescriptors +
                        cores * kLogDescriptors + cores * kLinksPerPeer * needs.peers;
  const uint64_t strangers = strangers_of(needs.limit);
  const uint64_t others = used + reserve + strangers;
  const uint64_t room = needs.limit > others ? (needs.limit - others) / cores : 0;
  const uint64_t clients =
      std::min<uint64_t>(kMaxConnectionsPerCore, room > kMinLeaving ? room - kMinLeaving : 0);
  const auto limit_for = [&](uint64_t wanted) {
    return limit_that_leaves(used + cores * (wanted + kMinLeaving));
  };
  DescriptorPlan plan;
  // After a cut all peers come at once, with every link: what is kept for those that are replaced.
  plan.greetings = cores * needs.peers + strangers;
  plan.clients.max_connections = clients;
  plan.clients.max_leaving = std::min(kMaxLeaving, room - std::min(room, clients));
  const uint64_t highest = needs.limit > reserve ? needs.limit - reserve - 1 : 0;
  plan.highest_of_streams = static_cast<int>(std::min<uint64_t>(highest, INT_MAX));
  if (clients < kMinConnectionsPerCore) {
    plan.refusal = fmt::format(
        "{} client connections a core fit into the limit of {} open files, too few to start: raise "
        "it (`ulimit -n`, LimitNOFILE=) to {} at least, or to {} for {} a core",
        clients, needs.limit, limit_for(kMinConnectionsPerCore), limit_for(kMaxConnectionsPerCore),
        kMaxConnectionsPerCore);
  } else if (clients < kMaxConnectionsPerCore) {
    plan.warning = fmt::format(
        "{} client connections fit into the limit of {} open files, {} a core: raise it (`ulimit "
        "-n`, LimitNOFILE=) to {} for {} a core",
        clients * cores, needs.limit, clients, limit_for(kMaxConnectionsPerCore),
        kMaxConnectionsPerCore);
  }
  return plan;
}

uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;  // POSIX says no more
  const rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : before;
}

uint64_t open_descriptors() {
  std::error_code failed;
  uint64_t count = 0;
  std::filesystem::directory_iterator entry("/proc/self/fd", failed);
  for (; !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    ++count;
  }
  constexpr uint64_t kWithoutProc = 8;
  return failed ? kWithoutProc : count - 1;  // one of them is that of this look
}

}  // namespace once::server

// The cluster map and the connections to it: which path an operation should take next.
// Pure but for Transport; time is passed in. Single-threaded.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/types.h"
#include "client/jitter.h"
#include "client/transport.h"
#include "net/hello.h"

namespace once::client {

inline constexpr int64_t kConnectTimeoutNs = 1'000'000'000;
inline constexpr int64_t kFirstBackoffNs = 5'000'000;
inline constexpr int64_t kMaxBackoffNs = 200'000'000;
inline constexpr int64_t kSuspicionNs = 1'000'000'000;
// A suspect that stays silent for so long is given up: its machine may be gone without a word.
inline constexpr int64_t kSilenceNs = 3'000'000'000;
inline constexpr unsigned kFailuresUntilScout = 3;
inline constexpr int64_t kScoutPauseNs = 10'000'000'000;
// For how long after the first endpoint's hello the others are waited for, so that endpoints of two
// clusters are noticed before anything is asked of either.
inline constexpr int64_t kSettleNs = 50'000'000;
// Connections to one core: the first takes everything, waits only for half of its room; the others,
// made when that is not enough, take waits.
inline constexpr size_t kPathCopies = 4;
inline constexpr size_t kMaxPaths = kMaxEndpoints + kMaxNodes * kMaxCores * kPathCopies + 1;

// 5 ms doubling to 200 ms.
inline int64_t backoff_ns(unsigned failures) {
  return failures > 6 ? kMaxBackoffNs : std::min(kMaxBackoffNs, kFirstBackoffNs << failures);
}

struct Path {
  enum class State : uint8_t { kIdle, kConnecting, kReady };
  std::string address;
  uint16_t core = kAnyCore;  // as wanted; of an endpoint path, as the server said
  size_t copy = 0;           // of kPathCopies
  NodeId node;               // 0 until its hello, unless it was made from the map
  bool foreign = false;      // its last hello was of another cluster, or
  bool stranger = false;     // who answered it is no node at all
  std::string trouble = {};  // why it was closed last; empty: it was not, or it is ready
  State state = State::kIdle;
  unsigned failures = 0;
  uint32_t in_flight = 0;  // requests whose answer may still come, abandoned ones too
  int64_t retry_at_ns = 0;
  int64_t connect_deadline_ns = 0;
  int64_t last_reply_ns = 0;
  int64_t suspect_until_ns = 0;  // it kept an operation waiting: others are tried first
  int64_t silent_since_ns = 0;   // the first suspicion after its last reply; 0: none
};

class Paths {
 public:
  // `expected`: the cluster that is meant; none: that of the first node met.
  Paths(const std::vector<std::string>& endpoints, std::optional<ClusterId> expected,
        Transport* transport, Prng* prng);

  // Empty: welcome, and its map was learned. Otherwise why the path was closed.
  std::string on_ready(PathId path, const net::ServerHello& hello, int64_t now_ns);
  void on_closed(PathId path, int64_t now_ns, std::string_view why);
  // The path that was closed led to something else than a node.
  void note_stranger(PathId path);
  // A path that was ready was closed because others needed the place: that is no failure, and it
  // is connected again when it is wanted.
  void on_dismissed(PathId path);
  void on_reply(PathId path, int64_t now_ns);
  void on_sent(PathId path) { ++paths_[path].in_flight; }
  // The path left a request of `sent_ns` unanswered for long. True: nobody had noticed yet.
  bool suspect(PathId path, int64_t sent_ns, int64_t now_ns);
  // One that has been silent for too long while others are not, to be closed; kNoPath: none.
  PathId silent(int64_t now_ns) const;
  // Closes paths that did not connect in time. What kept the last of them, in words, if known.
  std::string expire_connects(int64_t now_ns);
  // What keeps one that is being connected, in words; empty: nothing that is known.
  std::string delay() const;
  int64_t next_wake_ns() const;

  struct Wish {
    bool patient = false;     // rather wait for a home that is connecting
    bool long_lived = false;  // a wait: it must not shut out what is over soon
  };
  // The path for attempt number `attempt` (0 is the home), never to a node that `busy` paths lead
  // to; begins to connect what it would have liked.
  PathId pick(std::string_view name, uint32_t attempt, std::span<const PathId> busy, Wish wish,
              int64_t now_ns);

  bool has_map() const { return !map_.members.empty(); }
  // Not empty: why no operation can be done with these endpoints, whatever is waited for.
  const std::string& mistake() const { return mistake_; }
  // Whether that is because none of the endpoints leads to a node.
  bool no_nodes() const;
  // The endpoints, with what is in the way of each; empty: some node is connected.
  std::string trouble() const;
  // Those that were dialled in vain, and why; empty: nobody.
  std::string unreached() const;
  uint64_t news() const { return news_; }  // goes up when what trouble() says may have changed
  bool known(PathId path) const { return path < paths_.size(); }
  const Path& at(PathId path) const { return paths_[path]; }
  // Do both lead to the same core of the same node?
  bool same_core(PathId one, PathId other) const {
    return paths_[one].node == paths_[other].node && paths_[one].core == paths_[other].core;
  }

 private:
  std::string delay_of(PathId path) const;
  bool has_been_left(PathId path) const;
  PathId path_of(size_t member, uint16_t core, size_t copy);
  PathId path_with_room(size_t member, uint16_t core, bool long_lived);
  PathId find_or_add(const net::MapMember& member, uint16_t core, size_t copy);
  bool has_room(const Path& path, bool long_lived) const;
  void learn(const net::ServerHello& hello);
  std::string foreign(const Path& path, const net::ServerHello& hello) const;
  bool all_endpoints(bool Path::*are) const;
  void note_foreign(PathId path, const std::string& reason, int64_t now_ns);
  bool settled(int64_t now_ns);
  void send_scout(int64_t now_ns);
  bool somebody_answers() const;
  bool usable(PathId path, std::span<const PathId> busy, bool long_lived) const;
  void try_connect(PathId path, int64_t now_ns);
  PathId any_usable(std::span<const PathId> busy, bool long_lived, bool suspects_too,
                    int64_t now_ns) const;

  Transport* transport_;
  Prng* prng_;
  const std::optional<ClusterId> expected_;
  size_t endpoint_count_;
  std::vector<Path> paths_;
  net::ServerHello map_;
  std::string met_first_;  // who brought it first
  int64_t met_ns_ = 0;     // and when
  bool settled_ = false;
  std::string mistake_;
  uint64_t news_ = 0;
  PathId scout_ = kNoPath;  // brings a fresh map, and nothing else
  int64_t next_scout_ns_ = 0;
  std::vector<PathId> routes_;  // [member][core][copy], filled as asked for
};

}  // namespace once::client

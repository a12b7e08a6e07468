// The story of a whole run, for people: what nodes and clients say to each other, what lands on
// disks, what breaks, in the order of time, each line with what the words alone do not tell: why,
// and what became of it. Of one name, or of all; bounded. It listens and changes nothing.
// Single-threaded.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "net/client_codec.h"
#include "paxos/messages.h"
#include "tests/sim/run.h"

namespace once::sim {

struct Telling {
  std::string name;      // empty: of all names
  size_t lines = 2'000;  // no more of them are kept, the first ones
};

class SeedStory final : public Listener {
 public:
  explicit SeedStory(Telling telling) : telling_(std::move(telling)) {}

  void listen(const World& world, size_t nodes) override;
  void line(std::string_view text) override;
  bool on_sent(HostId from, HostId to, std::string_view bytes) override;
  void on_arrived(HostId from, HostId to, std::string_view bytes) override;

  std::string text() const;
  uint64_t left_out() const { return left_out_; }

 private:
  struct Line {
    std::string text;
    int64_t sent_ns = -1;     // of a message
    int64_t arrived_ns = -1;  // -1: never
  };
  using Names = std::vector<std::string>;
  // What a handle of a node stands for, as far as can be seen from outside: its cores number their
  // questions each for itself, so there may be several.
  enum class Handle : uint8_t { kFirstRound, kRound, kRead, kForward };
  using Key = std::tuple<HostId, Handle, uint64_t>;
  struct Reported {  // the highest of a ballot's promises that arrived
    paxos::Ballot ballot;
    RequestId writer;
    HostId by = 0;
  };

  std::string host(HostId host) const;
  bool is_told(const Names& names) const;
  bool is_told(std::string_view line);
  void keep(std::string text, uint64_t frame, HostId from, HostId to);
  void remember(HostId host, Handle kind, uint64_t handle, std::string_view name);
  Names recall(HostId host, Handle kind, uint64_t handle) const;
  Names names_of(HostId from, HostId to, const paxos::Message& message);
  std::string why(HostId from, const paxos::Message& message) const;
  void tell_message(HostId from, HostId to, const paxos::Message& message, uint64_t frame);
  void tell_client_frames(HostId from, HostId to, std::string_view bytes, uint64_t frame);
  void tell_client_frame(HostId from, HostId to, const net::Frame& frame, uint64_t bytes);

  const Telling telling_;
  const World* world_ = nullptr;
  size_t nodes_ = 0;
  std::vector<Line> lines_;
  uint64_t left_out_ = 0;
  std::map<std::tuple<HostId, HostId, uint64_t>, std::deque<size_t>> under_way_;  // lines, by frame
  std::map<Key, Names> handles_;
  std::map<std::pair<HostId, uint64_t>, paxos::Operation> asked_;  // by forwards
  std::map<std::tuple<HostId, uint64_t, paxos::Ballot>, Reported> reported_;
  std::map<std::pair<HostId, uint64_t>, std::pair<std::string, paxos::Operation>> questions_;
  std::set<std::string, std::less<>> seen_;  // names
};

}  // namespace once::sim

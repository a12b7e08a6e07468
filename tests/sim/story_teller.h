// Listens to a small world and puts it into words: what goes over the network, decoded by the
// product's own codecs, and what the world tells of disks and processes. Knows no rule of the
// protocol and changes nothing but what the script loses. Single-threaded.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "tests/sim/story.h"

namespace once::sim {

class Teller final : public Story, public Observer {
 public:
  explicit Teller(const Script& script) : script_(script) {}

  void listen(World* world) { world_ = world; }
  void begin() { begin_ns_ = world_->now(); }  // what came before is no part of it
  void note(HostId who, const std::string& text, const std::string& label);

  void line(std::string_view text) override;
  bool on_sent(HostId from, HostId to, std::string_view bytes) override;
  void on_arrived(HostId from, HostId to, std::string_view bytes) override;

  std::vector<Moment> moments() && { return std::move(moments_); }

 private:
  struct UnderWay {
    std::string bytes;
    std::vector<size_t> moments;
  };
  struct Reported {  // the highest of a ballot's promises that arrived
    paxos::Ballot ballot;
    paxos::State state;
    std::string value;
    HostId by = 0;
  };

  bool begun() const { return world_ != nullptr && begin_ns_ >= 0; }
  Moment& add(Moment::Kind kind, HostId who);
  bool loses(const std::string& kind, HostId from, HostId to);
  void on_disk(HostId node, std::string_view text);
  void told(HostId node, std::string_view text);
  std::string describe(HostId to, const paxos::Message& message, Moment& moment);
  bool client_frame(HostId from, const std::string& frame, Moment& moment);
  void hear(HostId from, const paxos::Message& message);
  std::string reason(const paxos::Accept& accept) const;

  const Script& script_;
  World* world_ = nullptr;
  int64_t begin_ns_ = -1;
  std::vector<Moment> moments_;
  std::map<std::pair<HostId, HostId>, std::deque<UnderWay>> under_way_;
  std::map<std::string, uint32_t> lost_;            // how often, by kind and direction
  std::map<std::string, std::string> accepted_;     // ballot and writer: what it is of
  std::map<paxos::Ballot, Reported> reported_;      // by the ballot that was promised
  std::map<uint64_t, paxos::Operation> questions_;  // by correlation
  std::map<uint64_t, paxos::Operation> forwarded_;  // by handle
};

}  // namespace once::sim

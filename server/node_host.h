// What the shards of one node share: the map of the cluster, the published figures, the flags of an
// orderly stop. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/allowance.h"
#include "reactor/io.h"
#include "server/admin_listener.h"
#include "server/admission.h"
#include "server/data_directory.h"
#include "server/node_report.h"
#include "server/peer_watch.h"
#include "server/shard_host.h"

namespace once::server {

// Closes what connects before the node may speak: until its incarnation is durable.
class GatedDoor final : public reactor::ListenHandler {
 public:
  reactor::StreamHandler* on_accept(reactor::StreamId stream) override {
    return behind_ == nullptr ? nullptr : behind_->on_accept(stream);
  }
  void open(reactor::ListenHandler* behind) { behind_ = behind; }

 private:
  reactor::ListenHandler* behind_ = nullptr;
};

class NodeHost : public ShardHost, public NodeSource {
 public:
  // `defer`: as Admission's, which outlives what it gives.
  NodeHost(DataDirectory& directory, uint16_t cores, std::string client_address,
           Admission::Defer defer = Admission::at_once);

  // Before the first start() of a shard.
  void set_incarnation(Incarnation incarnation) { incarnation_ = incarnation; }
  void set_known_incarnation(NodeId peer, Incarnation incarnation) {
    seats_[peer.value].incarnation = incarnation;
  }
  void set_doors(reactor::ListenHandler* clients, reactor::ListenHandler* peers);
  GatedDoor& client_door() { return client_door_; }
  GatedDoor& peer_door() { return peer_door_; }
  // Before the start; null: there is none.
  void set_admin(AdminListener* admin) { admin_ = admin; }
  GatedDoor& admin_door() { return admin_door_; }
  std::vector<NodeId> peers() const;
  Admission& admission() { return admission_; }
  NodeReport& report() { return report_; }
  // From a signal handler too.
  void request_stop() { stop_.store(true, std::memory_order_relaxed); }

  net::ServerHello server_hello(CoreId core) override;
  bool may_vote() override { return admission_.may_vote(); }
  net::DiskTable known_disks() override { return directory_.known_disks(); }
  void on_contact(const net::PeerHello& hello) override { admission_.on_contact(hello); }
  net::Meeting meet(const net::PeerHello& hello) override { return admission_.meet(hello); }
  void on_peer(const net::PeerHello& hello) override;
  std::optional<net::SeatRefusal> take_seat(const net::PeerHello& hello) override;
  void leave_seat(NodeId node) override;
  void on_other_disk(NodeId node) override { admission_.on_other_disk(node); }
  net::StatusReport status() override;
  void publish(CoreId core, const CoreSnapshot& snapshot) override;
  Traffic& traffic(CoreId core) override { return traffic_[core.value]; }
  void on_started(CoreId core) override;
  void on_tick(CoreId core, int64_t now_ns) override;
  void on_adopted(CoreId core) override;
  bool all_adopted() override { return left_to_adopt_.load() == 0; }
  void set_full(CoreId core, bool full) override;
  bool any_full() override;
  bool stop_requested() override { return stop_.load(std::memory_order_relaxed); }
  void set_idle(CoreId core, bool idle) override;
  bool all_idle() override;
  void log_failed(std::string_view what) override;
  void log_corrupt(std::string_view what) override;
  void log_line(std::string_view line) override;
  virtual void warn_line(std::string_view line);

  int64_t now_ns() const override;
  NodeFigures figures() override;
  bool log_read() const { return started_.load(std::memory_order_relaxed); }
  std::vector<int64_t> silent_ns() const override;

 private:
  std::vector<CoreSnapshot> snapshots() const;
  void forget_streams();
  // What a linked node said of itself, and the latest of its runs that is believed.
  struct Seat {
    uint32_t links = 0;
    uint16_t cores = 0;
    std::string client_address;
    Incarnation incarnation;
    Incarnation linked_incarnation;
    Allowance runs;
  };

  DataDirectory& directory_;
  const Configuration& configuration_;
  const uint16_t cores_;
  const std::string client_address_;
  const Admission::Defer defer_;
  Admission admission_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  Incarnation incarnation_;
  GatedDoor client_door_;  // used by core 0 only
  GatedDoor peer_door_;
  GatedDoor admin_door_;
  AdminListener* admin_ = nullptr;  // used by core 0 only
  reactor::ListenHandler* clients_ = nullptr;
  reactor::ListenHandler* peer_listener_ = nullptr;
  std::atomic<bool> stop_{false};
  std::array<std::atomic<bool>, kMaxCores> idle_{};
  std::array<std::atomic<bool>, kMaxCores> full_{};
  std::atomic<uint32_t> left_to_adopt_;  // cores
  std::atomic<bool> started_{false};
  std::array<PublishedSnapshot, kMaxCores> snapshots_;
  std::array<Traffic, kMaxCores> traffic_;
  std::array<std::atomic<int64_t>, kMaxCores> turned_ns_{};  // by the clock; 0: not yet
  std::mutex mutex_;
  std::map<NodeId, net::MapMember> known_;  // guarded by mutex_: what each peer said of itself
  std::array<Seat, kMaxNodes + 1> seats_;   // the same
  int64_t now_ns_ = 0;                      // the same; of the last tick of core 0
  PeerWatch watch_;                         // used by core 0 only
  NodeReport report_{*this};
};

}  // namespace once::server

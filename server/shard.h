// The glue of one core (DESIGN 4): carries events to the replica and its outputs to the log, the
// links and the clients. Takes each of them by interface, so that a simulator runs the same glue.
// Single-threaded, on its core's Io. Nothing but Handoff and Letter crosses to another core.
//
// Requests and messages are only collected as they arrive; one step a round takes them all, while
// the bytes that they point into still live. Order within a round's end: records into the log, then
// replies, then messages; a message that rests on a record not yet durable is held back until it
// is.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/record_number.h"
#include "net/client_listener.h"
#include "net/peer_links.h"
#include "paxos/replica.h"
#include "reactor/io.h"
#include "server/cleaner.h"
#include "server/core_mail.h"
#include "server/disk_watch.h"
#include "server/hold_queue.h"
#include "server/memory_account.h"
#include "server/metrics.h"
#include "server/request_table.h"
#include "server/shard_asked.h"
#include "server/shard_host.h"
#include "server/traffic.h"
#include "wal/log.h"

namespace once::server {

struct ShardOptions {
  Endpoint self;
  std::vector<NodeId> peers;
  int64_t tick_ns = 5'000'000;
  int64_t drain_timeout_ns = 2'000'000'000;
  size_t max_operations = kMaxOperationsPerCore;
  MemoryAccount memory{kUnboundedMemory, 1};
  uint64_t segment_bytes = kDefaultSegmentBytes;
  bool adopts = false;  // what this core must know may lie in the log of another alone
};

class Shard final : public reactor::BatchHandler,
                    public net::PeerLinksHandler,
                    public wal::LogListener,
                    public CoreMail::Reader,
                    private CleanerHandler {
 public:
  // `office` may be null when the node has one core.
  Shard(const ShardOptions& options, reactor::Io& io, paxos::Replica& replica, ShardHost& host,
        PostOffice* office);

  // Once, before start(): these three report to this shard, so they are made after it.
  void attach(wal::Log* log, net::PeerLinks* links, net::ClientListener* listener);
  // Begins the run. The links are started when the incarnation is durable.
  void start(Incarnation incarnation);
  size_t outstanding() const { return tokens_.used(); }  // requests not answered yet
  uint64_t segments_cleaned() const { return cleaner_ ? cleaner_->counters().segments : 0; }

  void on_timer(uint64_t token) override;
  void on_wake() override;
  void on_batch_end() override;

  void on_link_up(Endpoint peer, const net::PeerHello& hello) override;
  void on_link_down(Endpoint peer, std::string_view why) override;
  void on_message(Endpoint from, const paxos::Message& message) override;
  bool may_vote() override { return host_.may_vote(); }
  net::DiskTable known_disks() override { return host_.known_disks(); }
  void on_contact(const net::PeerHello& hello) override { host_.on_contact(hello); }
  net::Meeting meet(const net::PeerHello& hello) override { return host_.meet(hello); }
  std::optional<net::SeatRefusal> take_seat(const net::PeerHello& hello) override {
    return host_.take_seat(hello);
  }
  void leave_seat(NodeId node) override { host_.leave_seat(node); }
  void on_other_disk(NodeId node) override { host_.on_other_disk(node); }
  void on_modest_elsewhere() override { listener_->note_modest_elsewhere(); }

  void hand_over(CoreId core, std::unique_ptr<reactor::Handoff> handoff) override;
  void log_line(std::string_view line) override;

  // For make_client_listener.
  net::ClientListenerHandler* client_handler() { return &client_door_; }

  void on_durable(RecordNumber record) override;
  void on_synced(int64_t took_ns) override { traffic_.synced(took_ns); }
  void on_log_failed(std::string_view what) override;
  void on_log_corrupt(std::string_view what) override { host_.log_corrupt(what); }

  bool on_mailed_request(CoreId from, const paxos::ClientRequest& request) override;
  void on_mailed_reply(const paxos::ClientReply& reply) override;
  void on_mailed_forget(CoreId from, const std::vector<uint64_t>& tokens) override;
  void on_mailed_client(std::unique_ptr<reactor::Handoff> handoff) override;
  void on_mailed_peer(std::unique_ptr<reactor::Handoff> handoff) override;

 private:
  // Apart from the shard only because both doors hand connections over by a call of one name.
  class ClientDoor final : public net::ClientListenerHandler {
   public:
    explicit ClientDoor(Shard& shard) : shard_(shard) {}
    net::ServerHello server_hello() override;
    void on_request(net::ClientConnectionId connection, uint64_t correlation,
                    const paxos::ClientRequest& request) override;
    void on_turned_away(paxos::Operation operation) override;
    void on_status(net::ClientConnectionId connection, uint64_t correlation) override;
    void on_list(net::ClientConnectionId connection, uint64_t correlation,
                 const net::ListRequest& request) override;
    void on_explain(net::ClientConnectionId connection, uint64_t correlation,
                    const net::ExplainRequest& request) override;
    void on_gone(net::ClientConnectionId connection) override;
    void hand_over(CoreId core, std::unique_ptr<reactor::Handoff> handoff) override;
    void log_line(std::string_view line) override;

   private:
    Shard& shard_;
  };

  void refuse(net::ClientConnectionId connection, uint64_t correlation, paxos::Operation operation,
              paxos::Status status) {
    refusals_.push_back({connection, correlation, operation, status});
  }

  // Each call into the replica: `enter` makes it, and what it puts out is delivered.
  template <class Enter>
  void turn(Enter enter) {
    ONCE_ASSERT(!working_);
    working_ = true;
    output_.clear();
    enter();
    deliver();
    working_ = false;
  }
  void step();
  void tick();
  void look_at_the_log();
  // shard_cleaning.cc
  size_t keep(const paxos::LoggedRecord* records, size_t count) override;
  size_t keep_facts() override;
  Adopted adopt() override;
  void on_adopted() override { host_.on_adopted(options_.self.core); }
  bool may_clean() override { return host_.all_adopted(); }
  bool disk_is_full() override { return host_.any_full(); }
  void look_at_memory();
  void count_memory();
  void give_back();
  uint64_t memory_used() const {
    return replica_.memory_bytes() + io_.buffer_bytes() + other_bytes_;
  }
  void catch_up();
  void apply_durable(RecordNumber record);
  void deliver();
  void answer(const paxos::ClientReply& reply);
  void tell(const Addressee& addressee, const paxos::ClientReply& reply);
  void dispatch(const paxos::Outgoing& outgoing);
  void forward_to_core(CoreId core, uint64_t token, const paxos::ClientRequest& request);
  void forget_gone();
  void forget_waits();
  void on_request(net::ClientConnectionId connection, uint64_t correlation,
                  const paxos::ClientRequest& request);
  void check_drained();
  void publish();
  const net::StatusReport& status();
  void on_list(net::ClientConnectionId connection, uint64_t correlation,
               const net::ListRequest& request);
  void on_explain(net::ClientConnectionId connection, uint64_t correlation,
                  const net::ExplainRequest& request);
  bool has_room_for_question(net::ClientConnectionId connection) const;
  void answer_one_question();
  net::ListReply list(const Question& question);

  const ShardOptions options_;
  reactor::Io& io_;
  paxos::Replica& replica_;
  ShardHost& host_;
  Traffic& traffic_;
  CoreMail mail_;
  ClientDoor client_door_{*this};
  wal::Log* log_ = nullptr;
  net::PeerLinks* links_ = nullptr;
  net::ClientListener* listener_ = nullptr;

  std::vector<paxos::Event> events_;  // of this round
  std::vector<Refusal> refusals_;
  uint64_t turned_away_ = 0;  // answered `overloaded` before the replica saw them
  std::vector<Question> questions_;
  uint32_t run_ = 0;
  std::vector<uint64_t> gone_;       // client connections that closed since the last tick
  bool forget_due_ = false;          // whose waits go behind the step of this round,
  std::vector<uint64_t> forgotten_;  // and these requests
  std::vector<char> encoded_;        // the last message, in case that others get it too
  paxos::Output output_;
  std::optional<Cleaner> cleaner_;  // once the incarnation is durable
  RequestTable tokens_;
  HoldQueue hold_;
  RecordNumber recovered_;        // the last record of earlier runs
  RecordNumber records_made_;     // the last one
  RecordNumber durable_;          // as told to the replica
  RecordNumber pending_durable_;  // as the log reported last
  bool working_ = false;
  bool step_timer_set_ = false;
  bool step_due_ = false;  // the replica asked for one, events or not
  DiskWatch disk_;
  MemoryAccount memory_;
  paxos::Memory memory_level_ = paxos::Memory::kEnough;
  bool memory_short_said_ = false;
  int64_t memory_said_ns_ = 0;
  uint64_t other_bytes_ = 0;  // as the last tick counted them
  int64_t give_back_at_ns_ = 0;
  bool draining_ = false;
  static constexpr uint64_t kBusy = UINT64_MAX;
  uint64_t idle_since_ = kBusy;  // that round, while it drains
  uint64_t rounds_ = 0;
  int64_t drain_deadline_ns_ = 0;
  net::StatusReport status_;
  int64_t status_until_ns_ = 0;
};

}  // namespace once::server

// The class behind ClientListener: all client connections of one core. A connection lives in a
// slot; its id is the slot and a generation, so that a late reply to a closed connection finds
// nobody. Memory of closed connections is released when the round ends, since their own callbacks
// may still be on the stack. Private to net/.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/drawn_ids.h"
#include "base/fifo.h"
#include "base/limits.h"
#include "net/client_codec.h"
#include "net/client_company.h"
#include "net/client_guest.h"
#include "net/client_intake.h"
#include "net/client_listener.h"
#include "net/client_outboxes.h"
#include "net/client_places.h"
#include "net/frame_assembler.h"
#include "net/log_limiter.h"
#include "net/turned_away.h"

namespace once::net {

class Listener;

struct Connection final : reactor::StreamHandler, Place {
  enum class Phase : uint8_t { kHello, kOpen, kClosing };

  Connection(Listener& listener_in, ClientConnectionId id_in, reactor::StreamId stream_in)
      : listener(listener_in), id(id_in), stream(stream_in) {}
  void on_connected(reactor::StreamId) override {}
  void on_bytes(reactor::StreamId stream, std::string_view bytes) override;
  bool on_end_of_input(reactor::StreamId stream) override;
  void on_closed(reactor::StreamId stream, std::string_view why) override;

  // Kept of what it has said and is not taken yet.
  size_t input_bytes() const {
    return intake.bytes() + assembler.kept_bytes() + (guest ? guest->kept_bytes() : 0);
  }

  Listener& listener;
  ClientConnectionId id;
  reactor::StreamId stream;
  Phase phase = Phase::kHello;
  bool native = false;  // it speaks the protocol of once
  uint32_t in_flight = 0;
  UnderWay under_way;
  int64_t heard_ns = 0;      // when something came last
  uint64_t half_closed = 0;  // it asks nothing more, as the so-maniest: closed when all is answered
  FrameAssembler assembler;
  ClientIntake intake;
  ClientOutbox outbox;
  std::unique_ptr<Guest> guest;  // it began with other bytes than those of once
};

class Listener final : public ClientListener, reactor::ListenHandler {
 public:
  Listener(reactor::Io& io, CoreId self, uint16_t cores, ClientListenerHandler* handler,
           const ClientListenerOptions& options)
      : io_(io),
        self_(self),
        cores_(cores),
        handler_(handler),
        options_(options),
        places_(options) {
    ONCE_ASSERT(cores > 0 && self.value < cores);
  }

  reactor::ListenHandler* listen_handler() override { return this; }
  void accept(std::unique_ptr<reactor::Handoff> handoff) override;
  void reply(ClientConnectionId id, uint64_t correlation, paxos::Operation operation,
             const paxos::ClientReply& reply) override;
  void reply_status(ClientConnectionId id, uint64_t correlation,
                    const StatusReport& report) override;
  void reply_list(ClientConnectionId id, uint64_t correlation, const ListReply& reply) override;
  void reply_explain(ClientConnectionId id, uint64_t correlation,
                     const ExplainReply& reply) override;
  void on_tick(int64_t now_ns) override;
  void end_round() override;
  void drain() override { draining_ = true; }
  size_t connections() const override { return places_.taken() + places_.leaving(); }
  ClientDoorCounters counters() const override { return counters_; }
  void bound_unread(size_t bytes) override { outboxes_.set_bound(bytes); }
  bool relieve() override;
  uint64_t closed_unread() const override { return outboxes_.closed(); }
  size_t input_bytes() const override { return input_bytes_; }
  // There are no windows when a node stops.
  bool takes_more() const override {
    return !next_round_.empty() || (draining_ && !beside_.empty());
  }

  int64_t modest_until_ns() const override { return modest_.until_ns(); }
  void note_modest_elsewhere() override { modest_.served_elsewhere(io_.now_ns()); }

  void receive(Connection& connection, std::string_view bytes);
  void asks_no_more(Connection& connection);
  void closed(Connection& connection);

 private:
  friend struct Guest;
  reactor::StreamHandler* on_accept(reactor::StreamId stream) override;
  std::string reason_to_refuse(const PeerAddress& newcomer);
  bool turn_away(reactor::StreamId stream, std::string why);
  void dismiss(Connection& connection, std::string_view told, doors::Door::Farewell why);
  void give_place_to_another(Connection& connection);
  bool crowded() const { return places_.leaving() + turned_away_.count() >= options_.max_leaving; }
  void end(reactor::StreamId stream);
  Connection* open(reactor::StreamId stream, const PeerAddress& address);
  void close(Connection& connection);
  void make_room();
  void count_out(Connection& connection);
  void count_out_request(Connection& connection, paxos::Operation operation);
  void forget_half_closed(Connection& connection);
  Connection* find(ClientConnectionId id);
  void feed(Connection& connection, std::string_view bytes);
  void look_at_input(int64_t now_ns);
  void count_input();
  using HeldQueue = Fifo<ClientConnectionId>;
  HeldQueue* judge(Connection& connection);
  bool has_room(Connection& connection);
  bool go_on(Connection& connection, std::string_view rest);
  bool wait_in(HeldQueue* queue, Connection& connection, std::string_view rest);
  void take_what_was_held();
  void take_held(Connection& connection);
  template <class Encode>
  void answer_asked(Connection* connection, Encode encode);
  template <class Encode>
  void answer(Connection& connection, Encode encode);
  bool on_frame(Connection& connection, std::string_view bytes, std::string_view rest);
  bool on_hello(Connection& connection, const Frame& frame, std::string_view bytes,
                std::string_view rest);
  bool on_request(Connection& connection, const Frame& frame);
  bool on_status_request(Connection& connection, const Frame& frame);
  bool on_list_request(Connection& connection, const Frame& frame);
  bool on_explain_request(Connection& connection, const Frame& frame);
  template <class Ask, class Refuse>
  bool take_question(Connection& connection, bool read, Ask ask, Refuse refuse);
  static bool may_ask_more(const Connection& connection);
  void count_one(Connection& connection);
  bool count_in(Connection& connection);
  void refuse(Connection& connection, uint64_t correlation);
  bool fail(Connection& connection, uint64_t correlation, std::string_view text,
            Complaint kind = Complaint::kClientClosed);
  void release(Connection& connection);
  // client_doors.cc
  bool speaks_once(Connection& connection, std::string_view bytes);
  std::string_view gather(Guest& guest, std::string_view bytes);
  void feed_guest(Connection& connection, std::string_view bytes);
  bool open_door(Connection& connection, std::string_view first_bytes);
  doors::Taken take_command(Connection& connection, std::string_view bytes);
  template <class Speak>
  size_t let_speak(Connection& connection, Speak speak);
  void ask_for(Connection& connection, uint64_t ticket, const paxos::ClientRequest& request);
  void ask_what_was_left();
  void answer_guest(Connection& connection, uint64_t ticket, paxos::Operation operation,
                    const paxos::ClientReply& reply);
  HeldQueue* judge_guest(Connection& connection);
  bool go_on_guest(Connection& connection, std::string_view rest);
  void take_no_more(Connection& connection);
  void dismiss_guest(Connection& connection, doors::Door::Farewell why);
  bool dismiss_first_line(Connection& connection, doors::Door::Farewell why);
  void dismiss_silent(Connection& connection);
  void dismiss_slow_guests(int64_t now_ns);
  void log(Complaint kind, std::string_view line) {
    log_limiter_.complain(kind, {}, line, io_.now_ns());
  }

  struct Slot {
    uint32_t generation = 1;
    std::unique_ptr<Connection> connection;
  };
  struct LaterAsk {
    ClientConnectionId connection;
    uint64_t ticket = 0;
    bool refused = false;
    paxos::ClientRequest request;
    std::vector<char> bytes;  // of its name and its value
  };

  reactor::Io& io_;
  CoreId self_;
  uint16_t cores_;
  ClientListenerHandler* handler_;
  const ClientListenerOptions options_;
  ClientPlaces places_;
  ClientDoorCounters counters_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
  std::vector<std::unique_ptr<Connection>> gone_;  // until the round ends
  // A quarter of those that may leave may wait there, and the others find room to.
  TurnedAway turned_away_{io_, options_.doors, options_.max_leaving / 4,
                          [this](reactor::StreamId stream) { end(stream); }};
  std::vector<LaterAsk> later_asks_;             // of doors, for the next round
  DrawnIds drawn_;                               // for what doors ask
  std::map<uint64_t, Connection*> half_closed_;  // by the order in which they ended their asking
  uint64_t half_closes_ = 0;
  size_t half_closed_requests_ = 0;  // of all of these
  RoundMemory memory_;
  LogLimiter log_limiter_{[this](std::string_view line) { handler_->log_line(line); }};
  ClientOutboxes outboxes_{
      io_, [this](std::string_view text) { log(Complaint::kClientDoesNotRead, text); }};
  // Whose input is held: each is in one of these, once.
  HeldQueue next_round_;  // for he had his share of this one
  HeldQueue beside_;      // until less is under way, for somebody modest asks too
  HeldQueue unread_;      // until he has read what was answered, or time has passed
  uint64_t round_ = 0;
  size_t share_ = ClientIntake::kMostShare;     // of this round, for each client
  size_t window_ = ModestClients::kMostBeside;  // likewise, beside somebody modest
  ModestClients modest_;
  size_t input_bytes_ = 0;  // as last counted
  int64_t look_at_input_at_ns_ = 0;
  bool draining_ = false;
};

// What was counted in; nothing, if the connection is gone.
template <class Encode>
void Listener::answer_asked(Connection* connection, Encode encode) {
  if (!connection) return;
  answer(*connection, encode);
  count_out(*connection);
}

// May cut it.
template <class Encode>
void Listener::answer(Connection& connection, Encode encode) {
  auto* out = io_.outbox(connection.stream);
  if (out == nullptr) return;
  const size_t before = out->size();
  encode(*out);
  const size_t bytes = out->size() - before;
  connection.intake.answered(bytes);
  connection.outbox.stream = connection.stream;
  outboxes_.added(connection.outbox, bytes);
}

}  // namespace once::net

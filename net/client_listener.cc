#include "net/client_listener.h"

#include <fmt/format.h>

#include <utility>

#include "base/hex.h"
#include "base/limits.h"
#include "base/rarely.h"
#include "net/client_listener_impl.h"

namespace once::net {
namespace {

using reactor::Handoff;
using reactor::StreamId;
using Farewell = doors::Door::Farewell;

constexpr int64_t kLookAtInputNs = 50'000'000;
constexpr size_t kWorthwhileInputBytes = 16 * 1024;
constexpr int64_t kSilentNs = 1'000'000'000;
constexpr const char* kTooMany = "overloaded: too many connections";
constexpr size_t kMostLooks = 64;  // a round, at clients whose input is held

}  // namespace

void Connection::on_bytes(StreamId from, std::string_view bytes) {
  stream = from;
  listener.receive(*this, bytes);
}
bool Connection::on_end_of_input(StreamId) {
  listener.asks_no_more(*this);
  return true;
}
void Connection::on_closed(StreamId, std::string_view) { listener.closed(*this); }

// Empty: there is a place, which somebody else may have left for it just now.
std::string Listener::reason_to_refuse(const PeerAddress& newcomer) {
  if (draining_) return "node is stopping";
  // Those that leave hold descriptors too, whatever they leave for.
  if (connections() + turned_away_.count() >= options_.max_connections + options_.max_leaving) {
    return kTooMany;
  }
  const ClientPlaces::Judgement judgement = places_.judge(newcomer);
  if (judgement.verdict == ClientPlaces::Verdict::kAddressFull) {
    return std::string(kTooMany) + " from " + newcomer.text();
  }
  const bool all_busy = judgement.verdict == ClientPlaces::Verdict::kAllBusy;
  if (!all_busy && judgement.gives_way == nullptr) return {};
  if (crowded() || (all_busy && half_closed_.empty())) return kTooMany;
  if (all_busy) {
    make_room();
  } else {
    give_place_to_another(static_cast<Connection&>(*judgement.gives_way));
  }
  return {};
}

// It has asked nothing that is not answered, and nothing more is taken from it.
void Listener::dismiss(Connection& connection, std::string_view told, Farewell why) {
  ONCE_ASSERT(connection.in_flight == 0);
  if (connection.guest && connection.guest->door) return dismiss_guest(connection, why);
  if (dismiss_first_line(connection, why)) return;
  if (auto* out = io_.outbox(connection.stream)) encode_error(kNothingTaken, told, *out);
  close(connection);
}

void Listener::give_place_to_another(Connection& connection) {
  const bool greeted = connection.phase == Connection::Phase::kOpen;
  ++(greeted ? counters_.closed_idle : counters_.closed_before_hello);
  log(greeted ? Complaint::kClientIdle : Complaint::kClientCrowd,
      fmt::format("a client connection from {} is closed for another one: {}",
                  connection.address.text(),
                  greeted ? "all places are taken, and it is idle longest"
                          : "of those that said no hello it waits longest"));
  dismiss(connection, greeted ? "node is full; idle longest" : "node is full; no hello came yet",
          Farewell::kIdle);
}

// False: it is to be closed without a word.
bool Listener::turn_away(StreamId stream, std::string why) {
  ++counters_.turned_away;
  log(Complaint::kClientTurnedAway, "a client connection is turned away: " + why);
  if (crowded()) return false;
  turned_away_.take(stream, std::move(why), draining_ ? Farewell::kStopping : Farewell::kNoPlace);
  return true;
}

reactor::StreamHandler* Listener::on_accept(StreamId stream) {
  const PeerAddress address = io_.peer_address(stream);
  std::string refusal = reason_to_refuse(address);
  if (refusal.empty()) return open(stream, address);
  return turn_away(stream, std::move(refusal)) ? &turned_away_ : nullptr;
}

void Listener::accept(std::unique_ptr<Handoff> handoff) {
  const StreamId stream = io_.adopt(std::move(handoff), &turned_away_);
  const PeerAddress address = io_.peer_address(stream);
  std::string refusal = reason_to_refuse(address);
  if (refusal.empty()) return io_.set_handler(stream, open(stream, address));
  if (!turn_away(stream, std::move(refusal))) turned_away_.close(stream);
}

Connection* Listener::open(StreamId stream, const PeerAddress& address) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  uint32_t index = free_slots_.back();
  free_slots_.pop_back();
  Slot& slot = slots_[index];
  ClientConnectionId id{static_cast<uint64_t>(slot.generation) << 32 | index};
  slot.connection = std::make_unique<Connection>(*this, id, stream);
  slot.connection->native = options_.doors == nullptr;
  places_.come(*slot.connection, address, io_.now_ns());
  return slot.connection.get();
}

Connection* Listener::find(ClientConnectionId id) {
  uint32_t index = static_cast<uint32_t>(id.value);
  if (index >= slots_.size() || slots_[index].generation != id.value >> 32) return nullptr;
  Connection* connection = slots_[index].connection.get();
  return connection && connection->phase == Connection::Phase::kOpen ? connection : nullptr;
}

void Listener::release(Connection& connection) {
  uint32_t index = static_cast<uint32_t>(connection.id.value);
  Slot& slot = slots_[index];
  ONCE_ASSERT(slot.connection.get() == &connection);
  connection.phase = Connection::Phase::kClosing;
  places_.gone(connection);
  outboxes_.forget(connection.outbox);
  gone_.push_back(std::move(slot.connection));
  ++slot.generation;
  free_slots_.push_back(index);
}

void Listener::close(Connection& connection) {
  forget_half_closed(connection);
  places_.leave(connection);
  connection.phase = Connection::Phase::kClosing;
  // Who has never said a word is not in the middle of one: a crowd of those goes at once.
  if (connection.heard_ns == 0) return io_.close(connection.stream);
  end(connection.stream);
}

// Of a connection that counts as leaving. It may still be sending: what it is told reaches it if it
// is heard out, as half of those that leave may be; so the others always find room to leave.
void Listener::end(StreamId stream) {
  if (2 * (places_.leaving() + turned_away_.count()) > options_.max_leaving)
    return io_.close(stream);
  io_.close_gently(stream);
}

// Each request has a deadline, so the last answer comes. Until then nothing tells a client that
// still reads from one that is gone, so such clients are bounded: see make_room().
void Listener::asks_no_more(Connection& connection) {
  if (connection.phase == Connection::Phase::kClosing || connection.half_closed != 0) return;
  if (connection.intake.holds()) return connection.intake.end();  // when that is taken
  if (connection.in_flight == 0) return close(connection);
  connection.half_closed = ++half_closes_;
  half_closed_.emplace(connection.half_closed, &connection);
  half_closed_requests_ += connection.in_flight;
  while (half_closed_requests_ > kMaxHalfClosedRequests) make_room();
}

void Listener::forget_half_closed(Connection& connection) {
  if (half_closed_.erase(std::exchange(connection.half_closed, 0)) == 0) return;
  half_closed_requests_ -= connection.in_flight;
}

// The one that has asked nothing for longest gives way to others.
void Listener::make_room() {
  if (!half_closed_.empty()) close(*half_closed_.begin()->second);
}

// One answer fewer is due.
void Listener::count_out(Connection& connection) {
  ONCE_ASSERT(connection.in_flight > 0);
  --connection.in_flight;
  if (connection.half_closed != 0) --half_closed_requests_;
  if (connection.in_flight > 0) return;
  if (connection.half_closed != 0) return close(connection);
  places_.become_idle(connection, io_.now_ns());
}

// A wait that ends asks for nothing just now.
void Listener::count_out_request(Connection& connection, paxos::Operation operation) {
  const bool wait = operation == paxos::Operation::kWait;
  connection.under_way.answered(wait);
  if (wait || !connection.under_way.is_modest(io_.now_ns())) return;
  modest_.answered(connection.id.value, io_.now_ns());
}

void Listener::closed(Connection& connection) {
  forget_half_closed(connection);
  release(connection);
  handler_->on_gone(connection.id);
}

void Listener::receive(Connection& connection, std::string_view bytes) {
  if (connection.phase == Connection::Phase::kClosing) return;
  connection.heard_ns = io_.now_ns();
  if (connection.intake.holds()) return connection.intake.keep(bytes);
  feed(connection, bytes);
}

void Listener::feed(Connection& connection, std::string_view bytes) {
  if (!connection.native && !speaks_once(connection, bytes)) return;
  auto limits = [&] {
    const bool hello = connection.phase == Connection::Phase::kHello;
    return std::pair(kFrameHeaderBytes, hello ? kMaxHelloBytes : kMaxFrameBytes);
  };
  auto outcome = connection.assembler.feed(
      bytes, memory_, limits, [&](std::string_view frame, std::string_view rest) {
        return on_frame(connection, frame, rest) && go_on(connection, rest);
      });
  if (outcome == FrameAssembler::Outcome::kBadLength) {
    const bool hello = connection.phase == Connection::Phase::kHello;
    fail(connection, 0,
         fmt::format("a frame of length {} is outside {} to {}{}",
                     connection.assembler.bad_length(), kFrameHeaderBytes - 4, limits().second - 4,
                     hello ? ": the first frame must be a client hello" : ""));
  }
}

// Beside somebody modest. A node that stops refuses all at once.
bool Listener::has_room(Connection& connection) {
  const int64_t now_ns = io_.now_ns();
  UnderWay& under_way = connection.under_way;
  if (draining_ || under_way.is_modest(now_ns)) return true;
  if (!modest_.any_beside(connection.id.value, now_ns)) return true;
  return under_way.has_room(window_, connection.intake.holds(), now_ns);
}

// Where he has to wait, if he has.
Listener::HeldQueue* Listener::judge(Connection& connection) {
  const size_t unsent = io_.unsent_bytes(connection.stream);
  const ClientIntake::Verdict verdict = connection.intake.judge(unsent, round_, share_);
  if (verdict == ClientIntake::Verdict::kWhenHeReads) return &unread_;
  if (!has_room(connection)) return &beside_;
  return verdict == ClientIntake::Verdict::kNextRound ? &next_round_ : nullptr;
}

// Who asks more than his share of a round, or than he may beside others, or faster than he reads,
// waits with the rest.
bool Listener::go_on(Connection& connection, std::string_view rest) {
  if (connection.phase != Connection::Phase::kOpen) return true;
  connection.intake.took(round_);
  return wait_in(judge(connection), connection, rest);
}

// False: it has to wait.
bool Listener::wait_in(HeldQueue* queue, Connection& connection, std::string_view rest) {
  if (queue == nullptr) return true;
  connection.intake.hold(rest, io_.now_ns());
  io_.hold_input(connection.stream, true);
  queue->push(connection.id);
  return false;
}

// Of some each round, of all in turn: who was looked at is behind all others.
void Listener::take_what_was_held() {
  ++round_;
  share_ = ClientIntake::share_beside(next_round_.size() + beside_.size() + unread_.size());
  window_ = ModestClients::window_beside(beside_.size());
  bool taken = false;
  for (HeldQueue* queue : {&next_round_, &beside_, &unread_}) {
    for (size_t looks = std::min(queue->size(), kMostLooks); looks > 0; --looks) {
      Connection* const connection = find(queue->pop());
      if (connection == nullptr) continue;
      ClientIntake& intake = connection->intake;
      if (intake.is_stuck(io_.now_ns())) intake.expect_nothing();
      HeldQueue* const again = connection->guest ? judge_guest(*connection) : judge(*connection);
      if (again != nullptr) {
        again->push(connection->id);
        continue;
      }
      taken = true;
      take_held(*connection);
    }
  }
  // What was asked is answered in a round of its own, at once; and so is who had no turn, or more
  // to say than his share.
  if (taken || takes_more()) io_.wake();
}

void Listener::take_held(Connection& connection) {
  ClientIntake& intake = connection.intake;
  intake.let_go();
  while (!intake.empty() && !intake.holds() && connection.phase == Connection::Phase::kOpen) {
    feed(connection, memory_.retire(intake.pop()));
  }
  if (intake.holds() || connection.phase != Connection::Phase::kOpen) return;
  io_.hold_input(connection.stream, false);
  if (intake.ends()) asks_no_more(connection);
}

// Returns false when no further frame may be taken from this connection.
bool Listener::on_frame(Connection& connection, std::string_view bytes, std::string_view rest) {
  Frame frame;
  std::string_view left = bytes;
  auto taken = take_frame(left, frame);
  if (!taken) return fail(connection, 0, taken.error().message);
  ONCE_ASSERT(*taken && left.empty());
  if (connection.phase == Connection::Phase::kHello) {
    if (frame.type == FrameType::kClientHello) return on_hello(connection, frame, bytes, rest);
    return fail(connection, frame.correlation, "the first frame must be a client hello");
  }
  switch (frame.type) {
    case FrameType::kRequest:
      return on_request(connection, frame);
    case FrameType::kStatusRequest:
      return on_status_request(connection, frame);
    case FrameType::kListRequest:
      return on_list_request(connection, frame);
    case FrameType::kExplainRequest:
      return on_explain_request(connection, frame);
    case FrameType::kError:
      close(connection);
      return false;
    default:
      return fail(connection, frame.correlation, "a client must not send a frame of this type");
  }
}

bool Listener::on_hello(Connection& connection, const Frame& frame, std::string_view bytes,
                        std::string_view rest) {
  auto hello = decode_client_hello(frame.body);
  if (!hello) return fail(connection, frame.correlation, hello.error().message);
  ServerHello answer = handler_->server_hello();
  if (hello->cluster != ClusterId{} && hello->cluster != answer.cluster) {
    return fail(connection, frame.correlation,
                fmt::format("this node belongs to cluster {}, not to {}", hex_of(answer.cluster),
                            hex_of(hello->cluster)),
                Complaint::kClientOfAnotherCluster);
  }
  CoreId wanted{static_cast<uint16_t>(hello->core % cores_)};
  if (hello->core != kAnyCore && wanted != self_) {
    std::string unread(bytes);
    unread += rest;
    connection.phase = Connection::Phase::kClosing;
    auto handoff = io_.detach(connection.stream, unread);
    release(connection);
    if (handoff) handler_->hand_over(wanted, std::move(handoff));
    return false;
  }
  connection.phase = Connection::Phase::kOpen;
  places_.become_idle(connection, io_.now_ns());
  if (auto* out = io_.outbox(connection.stream)) encode_server_hello(answer, *out);
  return true;
}

bool Listener::on_request(Connection& connection, const Frame& frame) {
  auto request = decode_request(frame.body);
  if (!request) return fail(connection, frame.correlation, request.error().message);
  if (count_in(connection)) {
    connection.intake.asked(request->operation == paxos::Operation::kRead, round_);
    connection.under_way.asked(request->operation == paxos::Operation::kWait, io_.now_ns());
    handler_->on_request(connection.id, frame.correlation, *request);
  } else {
    handler_->on_turned_away(request->operation);
    refuse(connection, frame.correlation);
  }
  return connection.phase == Connection::Phase::kOpen;
}

// Past the bound the answer goes out at once, and nothing happens.
bool Listener::may_ask_more(const Connection& connection) {
  return connection.in_flight < kMaxInFlightPerConnection && !rarely(Rare::kConnectionFull);
}

// One answer more is due.
void Listener::count_one(Connection& connection) {
  if (connection.in_flight++ == 0) places_.become_busy(connection);
}

bool Listener::count_in(Connection& connection) {
  if (!may_ask_more(connection)) return false;
  count_one(connection);
  return true;
}

void Listener::refuse(Connection& connection, uint64_t correlation) {
  paxos::ClientReply overloaded;
  overloaded.status = paxos::Status::kOverloaded;
  answer(connection, [&](auto& out) { encode_reply(correlation, overloaded, out); });
}

bool Listener::fail(Connection& connection, uint64_t correlation, std::string_view text,
                    Complaint kind) {
  log(kind, fmt::format("a client connection is closed: {}", text));
  if (correlation == kNothingTaken) correlation = 0;  // it is the client's own number here
  if (auto* out = io_.outbox(connection.stream)) encode_error(correlation, text, *out);
  close(connection);
  return false;
}

void Listener::reply(ClientConnectionId id, uint64_t correlation, paxos::Operation operation,
                     const paxos::ClientReply& reply) {
  Connection* const connection = find(id);
  if (connection == nullptr) return;
  count_out_request(*connection, operation);
  if (connection->guest) return answer_guest(*connection, correlation, operation, reply);
  answer_asked(connection, [&](auto& out) { encode_reply(correlation, reply, out); });
}

// Who does not read, or else, of those that ask nothing, whoever began to say most and went silent.
bool Listener::relieve() {
  if (outboxes_.relieve()) {
    count_input();  // or the next tick would cut another one for the same bytes
    return true;
  }
  Connection* largest = nullptr;
  size_t most = kWorthwhileInputBytes;
  for (const Slot& slot : slots_) {
    Connection* one = slot.connection.get();
    if (!one || one->phase != Connection::Phase::kOpen || one->in_flight > 0) continue;
    if (io_.now_ns() - one->heard_ns < kSilentNs) continue;
    if (one->input_bytes() <= most) continue;
    most = one->input_bytes();
    largest = one;
  }
  if (largest == nullptr) return false;
  const char* why = "memory is short, and much of it waits for the rest of a frame";
  log(Complaint::kClientClosed, fmt::format("a client connection is closed: {}", why));
  dismiss(*largest, why, Farewell::kFull);
  return true;
}

// Often enough for the account of memory.
void Listener::look_at_input(int64_t now_ns) {
  if (now_ns < look_at_input_at_ns_) return;
  look_at_input_at_ns_ = now_ns + kLookAtInputNs;
  count_input();
  dismiss_slow_guests(now_ns);
}

// What the connections keep of their clients' bytes.
void Listener::count_input() {
  input_bytes_ = 0;
  for (const Slot& slot : slots_) {
    const Connection* one = slot.connection.get();
    if (one && !one->outbox.cut) input_bytes_ += one->input_bytes();
  }
}

void Listener::on_tick(int64_t now_ns) {
  log_limiter_.on_tick(now_ns);
  outboxes_.on_tick();
  turned_away_.on_tick();
  look_at_input(now_ns);
  while (Place* oldest = places_.oldest_before_hello()) {
    if (now_ns - oldest->since_ns < kFirstFrameTimeoutNs) break;
    dismiss_silent(static_cast<Connection&>(*oldest));
  }
}

void Listener::end_round() {
  turned_away_.end_round();
  gone_.clear();
  memory_.end_round();
  ask_what_was_left();
  take_what_was_held();
}

std::unique_ptr<ClientListener> make_client_listener(reactor::Io& io, CoreId self, uint16_t cores,
                                                     ClientListenerHandler* handler,
                                                     const ClientListenerOptions& options) {
  return std::make_unique<Listener>(io, self, cores, handler, options);
}

}  // namespace once::net

// Clients that speak through a door. What they ask is bounded, counted and refused as what others
// ask; only the bytes differ.
#include <fmt/format.h>

#include <utility>

#include "base/limits.h"
#include "base/rarely.h"
#include "net/client_listener_impl.h"

namespace once::net {
namespace {

using doors::Speaks;
using doors::Taken;
using Farewell = doors::Door::Farewell;

const char* why_not_served(Speaks who) {
  switch (who) {
    case Speaks::kHttp:
      return "this node does not speak HTTP";
    case Speaks::kResp:
      return "this node does not speak RESP";
    case Speaks::kTls:
      return "this port does not speak TLS";
    default:
      return "its first bytes are of no protocol that this port speaks";
  }
}

}  // namespace

void Guest::ask(uint64_t ticket, const paxos::ClientRequest& request) {
  listener.ask_for(connection, ticket, request);
}
std::string_view Guest::keep(std::vector<char>&& bytes) {
  return listener.memory_.retire(std::move(bytes));
}
RequestId Guest::draw_id() { return listener.drawn_.next(); }
std::vector<char>* Guest::out() { return listener.io_.outbox(connection.stream); }
const doors::NodeView& Guest::node() { return listener.options_.doors->node(); }
CoreId Guest::core() const { return listener.self_; }
bool Guest::is_stopping() const { return listener.draining_; }

// Whether they are frames. Who begins with something else is asked no more.
bool Listener::speaks_once(Connection& connection, std::string_view bytes) {
  if (connection.guest == nullptr && doors::who_speaks(bytes) == Speaks::kOnce) {
    connection.native = true;
    return true;
  }
  if (connection.guest == nullptr) connection.guest = std::make_unique<Guest>(*this, connection);
  feed_guest(connection, bytes);
  return false;
}

// All that is there of the command that comes next; nothing, as long as the door waits for more.
std::string_view Listener::gather(Guest& guest, std::string_view bytes) {
  if (guest.partial.empty()) return bytes;
  guest.partial.insert(guest.partial.end(), bytes.begin(), bytes.end());
  if (guest.partial.size() < guest.wanted) return {};
  guest.wanted = 0;
  return memory_.retire(std::exchange(guest.partial, {}));
}

void Listener::feed_guest(Connection& connection, std::string_view bytes) {
  Guest& guest = *connection.guest;
  if (guest.last) return;
  const bool begun = !guest.partial.empty();
  std::string_view left = gather(guest, bytes);
  const size_t all = left.size();
  while (!left.empty()) {
    if (guest.door == nullptr && !open_door(connection, left)) break;
    if (draining_ && !guest.door->serves_while_stopping()) {
      return dismiss_guest(connection, Farewell::kStopping);
    }
    const Taken taken = take_command(connection, left);
    if (taken.what == Taken::What::kNothing) {
      guest.wanted = taken.bytes;
      break;
    }
    left.remove_prefix(taken.bytes);
    if (taken.what == Taken::What::kLast) return take_no_more(connection);
    if (connection.phase != Connection::Phase::kOpen || !go_on_guest(connection, left)) return;
  }
  if (connection.phase == Connection::Phase::kClosing || left.empty()) return;
  if (!begun || left.size() < all) guest.partial_since_ns = io_.now_ns();
  if (guest.door != nullptr) guest.partial = memory_.take();
  guest.partial.assign(left.begin(), left.end());
}

// False: it has not shown yet who it is, or is nobody whom this node serves.
bool Listener::open_door(Connection& connection, std::string_view first_bytes) {
  const Speaks who = doors::who_speaks(first_bytes);
  if (who == Speaks::kNotKnownYet) return false;
  if (who == Speaks::kHttp || who == Speaks::kResp) {
    connection.guest->door = options_.doors->make(who, *connection.guest);
  }
  if (connection.guest->door == nullptr) return fail(connection, 0, why_not_served(who));
  connection.phase = Connection::Phase::kOpen;
  places_.become_idle(connection, io_.now_ns());
  return true;
}

Taken Listener::take_command(Connection& connection, std::string_view bytes) {
  Guest& guest = *connection.guest;
  Taken taken;
  const uint32_t before = connection.in_flight;
  guest.taking = true;
  let_speak(connection, [&] { taken = guest.door->take(bytes); });
  guest.taking = false;
  const uint32_t asked = connection.in_flight - before;
  if (asked > 1) connection.intake.took(round_, asked - 1);  // the first one: see go_on_guest()
  if (taken.what == Taken::What::kNothing) {
    ONCE_ASSERT(taken.bytes <= doors::kMostDoorBytes);
  } else {
    ONCE_ASSERT(taken.bytes <= bytes.size());
  }
  return taken;
}

// What the door says is counted, whether it goes out now or is kept for its turn. May cut the
// connection. Returns how much it was.
template <class Speak>
size_t Listener::let_speak(Connection& connection, Speak speak) {
  const Guest& guest = *connection.guest;
  const std::vector<char>* out = io_.outbox(connection.stream);
  const size_t said_before = out != nullptr ? out->size() : 0;
  const size_t kept_before = guest.door_bytes();
  speak();
  const size_t kept = guest.door_bytes();
  out = io_.outbox(connection.stream);
  const size_t said = out != nullptr ? out->size() - said_before : 0;
  connection.outbox.stream = connection.stream;
  outboxes_.added(connection.outbox, said, kept);
  return said + (kept > kept_before ? kept - kept_before : 0);
}

// As a frame that asks. What a door asks when it is told an answer has waited for its turn, and has
// its room since its command was taken. It goes on in the next round, for this one's memory ends
// before it would be looked at.
void Listener::ask_for(Connection& connection, uint64_t ticket,
                       const paxos::ClientRequest& request) {
  const bool room = !connection.guest->taking || may_ask_more(connection);
  count_one(connection);
  if (connection.half_closed != 0) ++half_closed_requests_;
  connection.intake.asked(request.operation == paxos::Operation::kRead, round_);
  connection.under_way.asked(request.operation == paxos::Operation::kWait, io_.now_ns());
  if (room && connection.guest->taking) return handler_->on_request(connection.id, ticket, request);
  LaterAsk& later = later_asks_.emplace_back();
  later.connection = connection.id;
  later.ticket = ticket;
  later.refused = !room;
  later.request = request;
  later.bytes.assign(request.name.begin(), request.name.end());
  later.bytes.insert(later.bytes.end(), request.value.begin(), request.value.end());
}

void Listener::ask_what_was_left() {
  if (later_asks_.empty()) return;
  while (half_closed_requests_ > kMaxHalfClosedRequests) make_room();
  for (LaterAsk& later : std::exchange(later_asks_, {})) {
    if (find(later.connection) == nullptr) continue;
    if (later.refused) {
      paxos::ClientReply overloaded;
      overloaded.status = paxos::Status::kOverloaded;
      handler_->on_turned_away(later.request.operation);
      reply(later.connection, later.ticket, later.request.operation, overloaded);
      continue;
    }
    const size_t name_bytes = later.request.name.size();
    const std::string_view bytes = memory_.retire(std::move(later.bytes));
    later.request.name = bytes.substr(0, name_bytes);
    later.request.value = bytes.substr(name_bytes);
    handler_->on_request(later.connection, later.ticket, later.request);
  }
  io_.wake();
}

void Listener::answer_guest(Connection& connection, uint64_t ticket, paxos::Operation operation,
                            const paxos::ClientReply& reply) {
  doors::Door& door = *connection.guest->door;
  connection.intake.answered(
      let_speak(connection, [&] { door.on_reply(ticket, operation, reply); }));
  count_out(connection);
}

// As judge(). Answers that wait for their turn are not read either; and with so much under way, or
// asked and waiting for its turn, that the next command might find no room, he waits until there is
// less.
Listener::HeldQueue* Listener::judge_guest(Connection& connection) {
  const doors::Door& door = *connection.guest->door;
  const size_t unread = io_.unsent_bytes(connection.stream) + door.kept_bytes();
  const ClientIntake::Verdict verdict = connection.intake.judge(unread, round_, share_);
  if (verdict == ClientIntake::Verdict::kWhenHeReads) return &unread_;
  const size_t asks = connection.in_flight + door.waiting();
  const bool full = asks + doors::kMostAsksOfCommand > kMaxInFlightPerConnection ||
                    door.unanswered() >= kMaxInFlightPerConnection;
  if ((full && !draining_) || !has_room(connection)) return &beside_;
  return verdict == ClientIntake::Verdict::kNextRound ? &next_round_ : nullptr;
}

bool Listener::go_on_guest(Connection& connection, std::string_view rest) {
  connection.intake.took(round_);
  return wait_in(judge_guest(connection), connection, rest);
}

// It is closed when all that was asked is answered; at once, if that is so, whatever is held of it.
void Listener::take_no_more(Connection& connection) {
  Guest& guest = *connection.guest;
  guest.last = true;
  guest.partial = {};
  if (connection.in_flight == 0) return close(connection);
  asks_no_more(connection);
}

void Listener::dismiss_guest(Connection& connection, Farewell why) {
  doors::Door& door = *connection.guest->door;
  let_speak(connection, [&] { door.say_farewell(why); });
  take_no_more(connection);
}

// False: he has said nothing, or may speak as this protocol does. Who has begun a line that is not
// one of HTTP may have meant one of RESP, so he hears nothing.
bool Listener::dismiss_first_line(Connection& connection, Farewell why) {
  Guest* const guest = connection.guest.get();
  if (guest == nullptr || guest->partial.empty()) return false;
  const std::string_view begun(guest->partial.data(), guest->partial.size());
  const Speaks who = doors::who_seems_to_speak(begun);
  if (who == Speaks::kHttp) guest->door = options_.doors->make(who, *guest);
  if (guest->door != nullptr) {
    dismiss_guest(connection, why);
  } else {
    close(connection);
  }
  return true;
}

void Listener::dismiss_silent(Connection& connection) {
  ++counters_.closed_before_hello;
  constexpr int64_t kMs = kFirstFrameTimeoutNs / 1'000'000;
  if (dismiss_first_line(connection, Farewell::kSlow)) {
    log(Complaint::kClientSilent,
        fmt::format("a client connection is closed: no whole first line came within {} ms", kMs));
    return;
  }
  fail(connection, 0, fmt::format("no client hello came within {} ms", kMs),
       Complaint::kClientSilent);
}

void Listener::dismiss_slow_guests(int64_t now_ns) {
  for (const Slot& slot : slots_) {
    Connection* const one = slot.connection.get();
    if (one == nullptr || one->guest == nullptr) continue;
    if (one->phase != Connection::Phase::kOpen || one->guest->partial.empty()) continue;
    if (now_ns - one->guest->partial_since_ns < Guest::kPatienceNs) continue;
    log(Complaint::kClientSilent,
        fmt::format("a client connection from {} is closed: no whole command came within {} s",
                    one->address.text(), Guest::kPatienceNs / 1'000'000'000));
    dismiss_guest(*one, Farewell::kSlow);
  }
}

}  // namespace once::net

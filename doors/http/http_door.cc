#include "doors/http/http_door.h"

#include <string>
#include <utility>

#include "base/assert.h"
#include "doors/http/help.h"
#include "doors/http/json.h"
#include "doors/http/target.h"

namespace once::doors::http {
namespace {

constexpr uint32_t kMsPerSecond = 1000;
constexpr std::string_view kEmptyLine = "\r\n";
constexpr std::string_view kStops = "the node stops; nothing happened";

Closing closing_of(const Head& head) {
  if (!head.keeps_alive) return Closing::kSaysClose;
  return head.http_1_0 ? Closing::kSaysKeepAlive : Closing::kSaysNothing;
}

Answer begun_answer(uint16_t status, const Order& order, Closing closing) {
  Answer answer;
  answer.status = status;
  answer.head_only = order.method == Method::kHead;
  answer.closing = closing;
  answer.try_again = status == 503;
  if (status == 405 || order.method == Method::kOptions) answer.allowed = order.route.allowed;
  return answer;
}

}  // namespace

// As far as it has come: what it asks for is not known, or cannot be told.
Order HttpDoor::order_of_a_part() const {
  Order order;
  if (reader_.head().is_head) order.method = Method::kHead;
  return order;
}

Taken HttpDoor::take(std::string_view bytes) {
  // It begins no request: some clients send one behind a body (RFC 9112, 2.2), and who asks no more
  // is not slow.
  if (bytes.starts_with(kEmptyLine)) {
    reader_.reset();  // it may have seen the first half
    return {Taken::What::kCommand, kEmptyLine.size()};
  }
  switch (reader_.read(bytes)) {
    case HeadReader::What::kMore:
      return {Taken::What::kNothing, bytes.size() + 1};
    case HeadReader::What::kBad:
      return take_last(reader_.objection(), order_of_a_part(), bytes.size());
    case HeadReader::What::kHead:
      break;
  }
  const Head& head = reader_.head();
  Order order;
  const Objection wrong = judge(head, bytes, host_.node(), serves_, order);
  // Nothing is asked any more; how the node is may be.
  if (host_.is_stopping() && (wrong.status != 0 || !tells_of_node(order.route.resource))) {
    return take_last({503, kStops}, order, head.bytes);
  }
  // Whoever asks before he sends a body that is not taken may send it or not: nobody can tell.
  if (wrong.status != 0 && head.expects_continue) return take_last(wrong, order, head.bytes);
  if (head.expects_continue) ask_for_body();
  const size_t whole = head.bytes + head.body_bytes;
  if (bytes.size() < whole) return {Taken::What::kNothing, whole};
  const Closing closing = closing_of(head);
  if (wrong.status != 0) {
    answer_text(begun_answer(wrong.status, order, closing), wrong.text, order.problems);
  } else {
    Asked asked;
    asked.closing = closing;
    serve(order, std::move(asked), bytes.substr(head.bytes, head.body_bytes));
  }
  const bool last = !head.keeps_alive;
  reader_.reset();
  body_asked_for_ = false;
  return {last ? Taken::What::kLast : Taken::What::kCommand, whole};
}

// What comes after it cannot be told from its body, or is not wanted.
Taken HttpDoor::take_last(const Objection& objection, const Order& order, size_t bytes) {
  answer_text(begun_answer(objection.status, order, Closing::kSaysClose), objection.text,
              order.problems);
  reader_.reset();
  return {Taken::What::kLast, bytes};
}

// Once, and not before what was asked earlier is answered: there it would be taken for a part of
// that answer.
void HttpDoor::ask_for_body() {
  if (std::exchange(body_asked_for_, true)) return;
  continue_due_ = true;
  send_what_is_ready();
}

template <class Put>
void HttpDoor::answer_at_once(Put put) {
  if (queue_.empty()) {
    if (std::vector<char>* out = host_.out()) put(*out);
    return;
  }
  Pending pending;
  pending.ready = true;
  put(pending.bytes);
  push(std::move(pending));
}

void HttpDoor::answer_text(Answer answer, std::string_view text, bool problem) {
  answer_at_once([&](std::vector<char>& out) { put_text(answer, text, {}, problem, out); });
}

void HttpDoor::serve(const Order& order, Asked asked, std::string_view body) {
  if (order.method == Method::kOptions) {
    const Answer answer = begun_answer(204, order, asked.closing);
    return answer_at_once([&](std::vector<char>& out) { put_answer(answer, out); });
  }
  if (is_of_name(order.route.resource)) return ask(order, std::move(asked), body);
  serve_node(order, begun_answer(200, order, asked.closing));
}

void HttpDoor::serve_node(const Order& order, const Answer& begun) {
  const NodeView& node = host_.node();
  Answer answer = begun;
  std::string text;
  switch (order.route.resource) {
    case Resource::kLive:
      return serve_health(node.live(), order, answer);
    case Resource::kReady:
      return serve_health(node.ready(), order, answer);
    case Resource::kMetrics:
      text = node.metrics();
      answer.type = kMetricsText;
      break;
    case Resource::kVersion:
      if (order.json) {
        JsonObject json;
        json.put("version", node.version());
        text = json.done();
        answer.type = kJson;
      } else {
        text = std::string(node.version()) + '\n';
      }
      break;
    default:
      text = serves_ == Serves::kAll ? kHelp : kAdministrationHelp;
      break;
  }
  answer.body = text;
  answer_at_once([&](std::vector<char>& out) { put_answer(answer, out); });
}

// Who is not well says why without being asked.
void HttpDoor::serve_health(const Health& health, const Order& order, Answer answer) {
  if (!health.well) answer.status = 503;
  answer.try_again = !health.well;
  const std::string text = health.well && !order.verbose ? "ok\n" : health.text;
  answer.body = text;
  answer_at_once([&](std::vector<char>& out) { put_answer(answer, out); });
}

void HttpDoor::ask(const Order& order, Asked asked, std::string_view body) {
  std::string_view name = order.route.name;
  if (!is_plain(name)) {
    auto decoded = percent_decoded(name);
    ONCE_ASSERT(decoded);  // judged already
    name = host_.keep(std::move(*decoded));
  }
  paxos::ClientRequest request;
  request.operation = order.operation;
  if (paxos::changes(order.operation)) request.id = order.has_id ? order.id : host_.draw_id();
  if (paxos::changes(order.operation) && request.id == RequestId{}) {
    return answer_text(begun_answer(503, order, asked.closing),
                       "the system gives no random bits for a request id; nothing happened",
                       order.problems);
  }
  request.timeout_ms = order.wait_s * kMsPerSecond;
  request.name = name;
  request.value = body;
  request.version = order.version;
  asked.operation = order.operation;
  asked.id = request.id;
  asked.head_only = order.method == Method::kHead;
  asked.json = order.json;
  asked.problems = order.problems;
  asked.conditional = order.conditional;
  asked.wait_s = order.wait_s;
  asked.known = order.known;
  if (order.problems) asked.name = name;
  const uint64_t ticket = first_ticket_ + queue_.size();
  Pending pending;
  pending.asked = std::move(asked);
  const bool now = parked_ == 0 && may_ask(request.operation);
  if (!now) {
    if (parked_++ == 0) next_parked_ = ticket;
    park(pending, request);
  }
  push(std::move(pending));
  if (now) ask_now(ticket, request);
}

bool HttpDoor::may_ask(paxos::Operation operation) const {
  return under_way_ == 0 || (!changes_ && !paxos::changes(operation));
}

void HttpDoor::ask_now(uint64_t ticket, const paxos::ClientRequest& request) {
  ++under_way_;
  changes_ = paxos::changes(request.operation);
  host_.ask(ticket, request);
}

void HttpDoor::park(Pending& pending, const paxos::ClientRequest& request) {
  pending.parked = true;
  pending.request = request;
  append(pending.held, request.name);
  append(pending.held, request.value);
}

void HttpDoor::ask_what_is_parked() {
  for (; parked_ > 0; ++next_parked_) {
    Pending& pending = queue_[next_parked_ - first_ticket_];
    if (!pending.parked) continue;
    if (!may_ask(pending.request.operation)) return;
    pending.parked = false;
    --parked_;
    const std::string_view held(pending.held.data(), pending.held.size());
    const size_t name_bytes = pending.request.name.size();
    pending.request.name = held.substr(0, name_bytes);
    pending.request.value = held.substr(name_bytes);
    ask_now(next_parked_, pending.request);
    pending.held = std::vector<char>();
    count(pending);
  }
}

void HttpDoor::on_reply(uint64_t ticket, paxos::Operation, const paxos::ClientReply& reply) {
  const uint64_t place = ticket - first_ticket_;
  ONCE_ASSERT(place < queue_.size() && !queue_[place].ready && !queue_[place].parked);
  Pending& pending = queue_[place];
  pending.ready = true;
  --under_way_;
  changes_ = false;
  ask_what_is_parked();
  std::vector<char>* const out = host_.out();
  if (place > 0 || out == nullptr) {
    put_outcome(pending.asked, reply, pending.bytes);
    return count(pending);
  }
  if (pending.continues) append(*out, kContinue);
  put_outcome(pending.asked, reply, *out);
  pop();
  send_what_is_ready();
}

void HttpDoor::push(Pending pending) {
  pending.continues = std::exchange(continue_due_, false);
  queue_.push_back(std::move(pending));
  count(queue_.back());
}

void HttpDoor::count(Pending& pending) {
  const Asked& asked = pending.asked;
  const size_t cost = sizeof pending + pending.bytes.capacity() + pending.held.capacity() +
                      asked.name.capacity() + asked.known.versions.capacity() * sizeof(uint64_t);
  kept_ += cost - pending.cost;
  pending.cost = cost;
}

void HttpDoor::pop() {
  kept_ -= queue_.front().cost;
  queue_.pop_front();
  ++first_ticket_;
}

void HttpDoor::send_what_is_ready() {
  std::vector<char>* const out = host_.out();
  while (!queue_.empty() && queue_.front().ready) {
    if (out != nullptr && queue_.front().continues) append(*out, kContinue);
    if (out != nullptr) append(*out, {queue_.front().bytes.data(), queue_.front().bytes.size()});
    pop();
  }
  if (!queue_.empty() || !std::exchange(continue_due_, false)) return;
  if (out != nullptr) append(*out, kContinue);
}

// Answers to what was asked before go out all the same, and the last of all says that no other
// comes.
void HttpDoor::say_farewell(Farewell why) {
  if (!queue_.empty() && !reader_.begun()) {
    if (!queue_.back().ready) queue_.back().asked.closing = Closing::kSaysClose;
    return;
  }
  const bool late = why == Farewell::kSlow || why == Farewell::kIdle;
  const std::string_view text = late ? "no whole request came in time; nothing happened"
                                : why == Farewell::kFull || why == Farewell::kNoPlace
                                    ? "the node has no room for this connection; nothing happened"
                                    : kStops;
  answer_text(begun_answer(late ? 408 : 503, order_of_a_part(), Closing::kSaysClose), text, false);
  reader_.reset();
}

}  // namespace once::doors::http

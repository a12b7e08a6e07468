#include "bench/peers/zookeeper_session.h"

#include <fmt/format.h>

#include "base/assert.h"

namespace once::bench::peers {
namespace {

enum Operation : int32_t { kCreate = 1, kGetData = 4, kSync = 9, kCloseSession = -11 };
enum Error : int32_t { kOk = 0, kNoNode = -101, kNodeExists = -110 };

constexpr int32_t kSessionTimeoutMs = 30'000;
constexpr size_t kPasswordBytes = 16;
constexpr int32_t kAllPermissions = 31;
constexpr int32_t kPersistent = 0;
constexpr int32_t kNotification = -1;  // as number of a reply: a watch has fired
constexpr size_t kReplyHeaderBytes = 16;
constexpr size_t kSessionIdAt = 8;  // of the answer to a connect

void append_number(Outbox& out, uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}
void append_int(Outbox& out, int32_t value) { append_number(out, static_cast<uint32_t>(value), 4); }
void append_text(Outbox& out, std::string_view text) {
  append_int(out, static_cast<int32_t>(text.size()));
  append(out, text);
}

// REQUIRES: `bytes` bytes from `at`.
uint64_t number_at(std::string_view from, size_t at, size_t bytes) {
  ONCE_ASSERT(at + bytes <= from.size());
  uint64_t value = 0;
  for (size_t i = at; i < at + bytes; ++i) value = value << 8 | static_cast<uint8_t>(from[i]);
  return value;
}
int32_t int_at(std::string_view from, size_t at) {
  return static_cast<int32_t>(number_at(from, at, 4));
}

// A frame that fill() appends, behind its length.
template <class Fill>
void append_frame(Outbox& out, Fill fill) {
  const size_t begin = out.size();
  append_int(out, 0);
  fill();
  const auto length = static_cast<uint32_t>(out.size() - begin - 4);
  for (size_t i = 0; i < 4; ++i) out[begin + i] = static_cast<char>(length >> (24 - 8 * i));
}

void append_request(Outbox& out, int32_t number, Operation operation) {
  append_int(out, number);
  append_int(out, operation);
}

void append_create(Outbox& out, int32_t number, std::string_view path, std::string_view value) {
  append_frame(out, [&] {
    append_request(out, number, kCreate);
    append_text(out, path);
    append_text(out, value);
    append_int(out, 1);  // entries of its access list: world:anyone
    append_int(out, kAllPermissions);
    append_text(out, "world");
    append_text(out, "anyone");
    append_int(out, kPersistent);
  });
}

}  // namespace

void ZookeeperSession::open(Outbox& out) {
  append_frame(out, [&] {
    append_int(out, 0);        // version of the protocol
    append_number(out, 0, 8);  // the last change that was seen
    append_int(out, kSessionTimeoutMs);
    append_number(out, 0, 8);  // a new session
    append_text(out, std::string(kPasswordBytes, '\0'));
    out.push_back(0);  // not content with a server that only reads
  });
}

int32_t ZookeeperSession::push(Kind kind, Caller caller) {
  asked_.push({kind, caller, ++last_number_});
  return last_number_;
}

void ZookeeperSession::create(Caller caller, std::string_view name, std::string_view value,
                              Outbox& out) {
  append_create(out, push(Kind::kRequest, caller), name, value);
}

void ZookeeperSession::read(Caller caller, std::string_view name, Outbox& out) {
  append_frame(out, [&] {
    append_request(out, push(Kind::kSync, caller), kSync);
    append_text(out, name);
  });
  append_frame(out, [&] {
    append_request(out, push(Kind::kRequest, caller), kGetData);
    append_text(out, name);
    out.push_back(0);  // no watch
  });
}

void ZookeeperSession::close(Outbox& out) {
  if (!connected_) return;
  append_frame(out, [&] { append_request(out, push(Kind::kClose, 0), kCloseSession); });
}

std::string ZookeeperSession::receive(std::string_view bytes, Outbox& out, AnswerHandler& handler) {
  unread_.append(bytes);
  std::string_view rest = unread_;
  while (rest.size() >= 4) {
    const size_t length = number_at(rest, 0, 4);
    if (rest.size() - 4 < length) break;
    std::string wrong = on_frame(rest.substr(4, length), out, handler);
    if (!wrong.empty()) return wrong;
    rest.remove_prefix(4 + length);
  }
  unread_.erase(0, unread_.size() - rest.size());
  return {};
}

std::string ZookeeperSession::on_frame(std::string_view frame, Outbox& out,
                                       AnswerHandler& handler) {
  if (connected_) return on_reply(frame, handler);
  if (frame.size() < kSessionIdAt + 8) return "a short answer to a connect";
  if (number_at(frame, kSessionIdAt, 8) == 0) return "the session was refused";
  connected_ = true;
  append_create(out, push(Kind::kParent, 0), parent_, "");
  return {};
}

std::string ZookeeperSession::on_reply(std::string_view frame, AnswerHandler& handler) {
  if (frame.size() < kReplyHeaderBytes) return "a short reply";
  const int32_t number = int_at(frame, 0), error = int_at(frame, 12);
  if (number == kNotification) return {};
  if (asked_.empty() || asked_.front().number != number) return "a reply that nobody asked for";
  const Asked asked = asked_.pop();
  if (asked.kind == Kind::kParent) {
    ready_ = error == kOk || error == kNodeExists;
    return ready_ ? "" : fmt::format("error {} of the parent {}", error, parent_);
  }
  if (asked.kind != Kind::kRequest) return {};
  const Answer answer = error == kOk                               ? Answer::kDone
                        : error == kNodeExists || error == kNoNode ? Answer::kRefused
                                                                   : Answer::kFailed;
  handler.on_answer(asked.caller, answer, fmt::format("error {}", error));
  return {};
}

}  // namespace once::bench::peers

#include "doors/resp/asking.h"

#include <fmt/format.h>

#include "base/limits.h"
#include "base/system_name.h"
#include "doors/resp/outcomes.h"

namespace once::doors {

bool good_name(RespDoor& door, std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) {
    door.answer_error(door.current(), fmt::format("ERR a name has 1 to {} bytes, this one has {}",
                                                  kMaxNameBytes, name.size()));
    return false;
  }
  // Asked all the same: the node refuses it, and counts that, whatever door it came through.
  if (is_system_name(name)) door.current().system_name = true;
  return true;
}

bool good_value(RespDoor& door, std::string_view value) {
  if (value.size() <= kMaxValueBytes) return true;
  door.answer_error(door.current(), fmt::format("ERR a value has at most {} bytes, this one has {}",
                                                kMaxValueBytes, value.size()));
  return false;
}

std::optional<uint64_t> good_number(RespDoor& door, std::string_view word, std::string_view what) {
  uint64_t number = 0;
  bool good = !word.empty();
  for (const char c : word) {
    const auto digit = static_cast<uint64_t>(static_cast<unsigned char>(c) - '0');
    good = good && digit <= 9 && number <= (UINT64_MAX - digit) / 10;
    if (!good) break;
    number = number * 10 + digit;
  }
  if (good) return number;
  door.answer_error(door.current(), fmt::format("ERR {} is not a number of this range", what));
  return std::nullopt;
}

void answer_null(RespDoor& door, PendingCommand& command) {
  door.answer(command, [](RespWriter& writer) { writer.null(); });
}
void answer_simple(RespDoor& door, PendingCommand& command, std::string_view text) {
  door.answer(command, [&](RespWriter& writer) { writer.simple(text); });
}
void answer_integer(RespDoor& door, PendingCommand& command, uint64_t number) {
  door.answer(command, [&](RespWriter& writer) { writer.integer(static_cast<int64_t>(number)); });
}

std::string failure_of(const PendingCommand& command, const paxos::ClientReply& reply) {
  if (reply.status == paxos::Status::kInvalid && command.system_name) {
    return fmt::format("ERR {}", kSystemNameRefused);
  }
  return failure_text(reply, command.operation);
}

bool answer_failure(RespDoor& door, PendingCommand& command, const paxos::ClientReply& reply) {
  std::string text = failure_of(command, reply);
  if (reply.status == paxos::Status::kSealed) text = sealed_text(door.remember(command).name);
  if (text.empty()) return false;
  door.answer_error(command, text);
  return true;
}

void ask_one(RespDoor& door, paxos::Operation operation, std::string_view name,
             std::string_view value, TellReply tell) {
  PendingCommand& command = door.current();
  // Reads never say their name.
  if (paxos::changes(operation)) door.remember(command).name = name;
  paxos::ClientRequest request;
  request.operation = operation;
  request.name = name;
  request.value = value;
  door.ask(command, 0, request, paxos::changes(operation), tell);
}

}  // namespace once::doors

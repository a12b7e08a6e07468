// Our own commands: all that a name has, and each operation by its own name.
#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/hex.h"
#include "base/limits.h"
#include "doors/resp/asking.h"
#include "doors/resp/commands.h"
#include "doors/resp/outcomes.h"

namespace once::doors {
namespace {

using paxos::ClientReply;
using paxos::Operation;
using paxos::Status;

// Four of a map's members; three without the value.
void write_state(RespWriter& writer, const paxos::State& state, bool with_value = true) {
  writer.bulk("version");
  writer.integer(static_cast<int64_t>(state.version));
  writer.bulk("sealed");
  writer.truth(state.sealed);
  writer.bulk("writer");
  writer.bulk(hex_of(state.writer));
  if (!with_value) return;
  writer.bulk("value");
  writer.bulk(state.value);
}

void tell_state(RespDoor& door, PendingCommand& command, size_t, const ClientReply& reply) {
  if (reply.status == Status::kNotYet || reply.status == Status::kEmpty) {
    return answer_null(door, command);
  }
  // A wait is told so when no higher version will ever come.
  if (answer_failure(door, command, reply)) return;
  door.answer(command, [&](RespWriter& writer) {
    writer.map(4);
    write_state(writer, reply.state);
  });
}

void tell_write(RespDoor& door, PendingCommand& command, size_t, const ClientReply& reply) {
  const bool stands = reply.status == Status::kAlreadySet || reply.status == Status::kSealed;
  if (!stands && answer_failure(door, command, reply)) return;
  door.answer(command, [&](RespWriter& writer) {
    // The winner has sent the value himself, and the node does not send it back.
    const bool won = reply.status == Status::kDone;
    writer.map(won ? 4 : 5);
    writer.bulk("won");
    writer.truth(won);
    write_state(writer, reply.state, !won);
  });
}

void tell_version(RespDoor& door, PendingCommand& command, size_t, const ClientReply& reply) {
  if (answer_failure(door, command, reply)) return;
  if (reply.status == Status::kConflict) {
    return door.answer_error(command, conflict_text(reply.state));
  }
  answer_integer(door, command, reply.state.version);
}

void tell_check(RespDoor& door, PendingCommand& command, size_t, const ClientReply& reply) {
  if (reply.status == Status::kConflict) return answer_integer(door, command, 0);
  if (!answer_failure(door, command, reply)) answer_integer(door, command, 1);
}

// An operation on the name in the first word, with the version in the second.
void ask_with_version(RespDoor& door, paxos::ClientRequest request, const Words& words,
                      std::string_view what, TellReply tell) {
  if (!good_name(door, words[1]) || !good_value(door, request.value)) return;
  const auto version = good_number(door, words[2], what);
  if (!version) return;
  PendingCommand& command = door.current();
  door.remember(command).name = words[1];
  request.name = words[1];
  request.version = *version;
  door.ask(command, 0, request, paxos::changes(request.operation), tell);
}

}  // namespace

void run_once_write(RespDoor& door, const Words& words) {
  paxos::ClientRequest request;
  request.operation = Operation::kWrite;
  if (words.size() != 3) {
    if (words.size() != 5 || !is_same_word(words[3], "id")) {
      return door.answer_error(door.current(), "ERR syntax error");
    }
    const auto id = request_id_of_hex(words[4]);
    if (!id || *id == RequestId{}) {
      return door.answer_error(door.current(),
                               "ERR an id has 1 to 32 hexadecimal digits, not all 0");
    }
    request.id = *id;
  }
  if (!good_name(door, words[1]) || !good_value(door, words[2])) return;
  request.name = words[1];
  request.value = words[2];
  PendingCommand& command = door.current();
  door.remember(command).name = words[1];
  door.ask(command, 0, request, true, tell_write);
}

void run_once_read(RespDoor& door, const Words& words) {
  if (good_name(door, words[1])) ask_one(door, Operation::kRead, words[1], {}, tell_state);
}

void run_once_cas(RespDoor& door, const Words& words) {
  paxos::ClientRequest request;
  request.operation = Operation::kCas;
  request.value = words[3];
  ask_with_version(door, request, words, "the version", tell_version);
}

void run_once_seal(RespDoor& door, const Words& words) {
  paxos::ClientRequest request;
  request.operation = Operation::kSeal;
  ask_with_version(door, request, words, "the version", tell_version);
}

void run_once_next(RespDoor& door, const Words& words) {
  if (good_name(door, words[1])) ask_one(door, Operation::kNext, words[1], {}, tell_version);
}

void run_once_check(RespDoor& door, const Words& words) {
  paxos::ClientRequest request;
  request.operation = Operation::kCheck;
  ask_with_version(door, request, words, "the token", tell_check);
}

void run_once_wait(RespDoor& door, const Words& words) {
  const auto ms = good_number(door, words[3], "the time");
  if (!ms) return;
  // A shorter wait in silence would say of the whole time that nothing came.
  if (*ms > static_cast<uint64_t>(kLongestTimeoutMs)) {
    return door.answer_error(
        door.current(),
        fmt::format("ERR a wait has at most {} milliseconds: ask again when they are over",
                    kLongestTimeoutMs));
  }
  paxos::ClientRequest request;
  request.operation = Operation::kWait;
  // 0 would leave it to the node.
  request.timeout_ms = std::max<uint32_t>(static_cast<uint32_t>(*ms), 1);
  ask_with_version(door, request, words, "the version", tell_state);
}

}  // namespace once::doors

// Commands of Redis on names.
#include <fmt/format.h>

#include "base/ascii.h"
#include "base/limits.h"
#include "doors/resp/asking.h"
#include "doors/resp/commands.h"
#include "doors/resp/outcomes.h"

namespace once::doors {
namespace {

using paxos::ClientReply;
using paxos::Operation;
using paxos::Status;

// What one MGET may bring.
constexpr size_t kMostValueBytesAtOnce = 4 * 1024 * 1024;

constexpr const char* kExpiryRefused =
    "ERR names do not expire; for what ends by itself use 'once lock'";

bool is_empty(const ClientReply& reply) {
  return reply.status == Status::kEmpty || reply.state.version == 0;
}

// --- reads -------------------------------------------------------------------------------------

void run_read(RespDoor& door, std::string_view name, TellReply tell) {
  if (good_name(door, name)) ask_one(door, Operation::kRead, name, {}, tell);
}

void tell_get(RespDoor& door, PendingCommand& command, size_t, const ClientReply& reply) {
  if (answer_failure(door, command, reply)) return;
  if (is_empty(reply)) return answer_null(door, command);
  door.answer(command, [&](RespWriter& writer) { writer.bulk(reply.state.value); });
}
void tell_strlen(RespDoor& door, PendingCommand& command, size_t, const ClientReply& reply) {
  if (!answer_failure(door, command, reply)) {
    answer_integer(door, command, reply.state.value.size());
  }
}
void tell_type(RespDoor& door, PendingCommand& command, size_t, const ClientReply& reply) {
  if (answer_failure(door, command, reply)) return;
  answer_simple(door, command, is_empty(reply) ? "none" : "string");
}
void tell_ttl(RespDoor& door, PendingCommand& command, size_t, const ClientReply& reply) {
  if (answer_failure(door, command, reply)) return;
  door.answer(command, [&](RespWriter& writer) { writer.integer(is_empty(reply) ? -2 : -1); });
}

// --- many names ----------------------------------------------------------------------------------

// That of the first name which failed, however the replies come.
void note_failure(CommandMemo& memo, size_t index, std::string text) {
  if (text.empty() || (!memo.failure.empty() && memo.failed_at < index)) return;
  memo.failure = std::move(text);
  memo.failed_at = index;
}

// True: it is answered so, or others are still due.
bool is_settled(RespDoor& door, PendingCommand& command) {
  if (command.asks > 0) return true;
  const CommandMemo& memo = door.remember(command);
  if (memo.failure.empty()) return false;
  door.answer_error(command, memo.failure);
  return true;
}

void tell_mget(RespDoor& door, PendingCommand& command, size_t index, const ClientReply& reply) {
  CommandMemo& memo = door.remember(command);
  note_failure(memo, index, failure_of(command, reply));
  if (!is_empty(reply) && memo.failure.empty()) {
    memo.value_bytes += reply.state.value.size();
    memo.values[index] = std::string(reply.state.value);
  }
  if (memo.value_bytes > kMostValueBytesAtOnce) {
    note_failure(memo, kMostAsksOfCommand,
                 fmt::format("ERR these values have more than {} bytes: ask for fewer at once",
                             kMostValueBytesAtOnce));
  }
  if (!memo.failure.empty()) {
    memo.values = {};
    memo.value_bytes = 0;
  }
  if (is_settled(door, command)) return;
  door.answer(command, [&](RespWriter& writer) {
    writer.array(memo.values.size());
    for (const auto& value : memo.values) value ? writer.bulk(*value) : writer.null();
  });
}

void tell_exists(RespDoor& door, PendingCommand& command, size_t index, const ClientReply& reply) {
  CommandMemo& memo = door.remember(command);
  note_failure(memo, index, failure_of(command, reply));
  if (!is_empty(reply)) ++memo.count;
  if (!is_settled(door, command)) answer_integer(door, command, static_cast<uint64_t>(memo.count));
}

void read_all(RespDoor& door, const Words& words, TellReply tell) {
  const size_t names = words.size() - 1;
  if (names > kMostAsksOfCommand) {
    return door.answer_error(
        door.current(),
        fmt::format("ERR at most {} names at once, these are {}", kMostAsksOfCommand, names));
  }
  for (size_t i = 1; i < words.size(); ++i) {
    if (!good_name(door, words[i])) return;
  }
  PendingCommand& command = door.current();
  door.remember(command).values.resize(names);
  for (size_t i = 0; i < names; ++i) {
    paxos::ClientRequest request;
    request.name = words[i + 1];
    door.ask(command, i, request, false, tell);
  }
}

// --- SET -----------------------------------------------------------------------------------------

void tell_set(RespDoor& door, PendingCommand& command, size_t, const ClientReply& reply) {
  if (answer_failure(door, command, reply)) return;
  if (reply.status != Status::kDone) return answer_null(door, command);
  answer_simple(door, command, "OK");
}

// Nil: it was set just now. Who asks again after a lost answer finds the value that he has set.
void tell_set_get(RespDoor& door, PendingCommand& command, size_t, const ClientReply& reply) {
  if (reply.status == Status::kAlreadySet || reply.status == Status::kSealed) {
    return door.answer(command, [&](RespWriter& writer) { writer.bulk(reply.state.value); });
  }
  if (!answer_failure(door, command, reply)) answer_null(door, command);
}

void tell_setnx(RespDoor& door, PendingCommand& command, size_t, const ClientReply& reply) {
  if (answer_failure(door, command, reply)) return;
  answer_integer(door, command, reply.status == Status::kDone ? 1 : 0);
}

// It is refused in silence by whatever stands there meanwhile: then it is not what was named.
void tell_ifeq_read(RespDoor& door, PendingCommand& command, size_t, const ClientReply& reply) {
  CommandMemo& memo = door.remember(command);
  if (answer_failure(door, command, reply)) return;
  if (is_empty(reply) || reply.state.value != memo.other) return answer_null(door, command);
  if (reply.state.sealed) return door.answer_error(command, sealed_text(memo.name));
  paxos::ClientRequest request;
  request.operation = Operation::kCas;
  request.version = reply.state.version;
  request.name = memo.name;
  request.value = memo.value;
  door.ask_again(command, request, tell_set);
}

void set_if_equal(RespDoor& door, std::string_view name, std::string_view value,
                  std::string_view old) {
  CommandMemo& memo = door.remember(door.current());
  memo.name = name;
  memo.value = value;
  memo.other = old;
  paxos::ClientRequest request;
  request.name = name;
  door.ask(door.current(), 0, request, true, tell_ifeq_read);
}

struct SetOptions {
  bool nx = false;
  bool get = false;
  std::optional<std::string_view> old;
  std::string_view refused;  // why, as an error
};

SetOptions set_options(const Words& words) {
  SetOptions options;
  for (size_t i = 3; i < words.size(); ++i) {
    if (is_same_word(words[i], "nx")) {
      options.nx = true;
    } else if (is_same_word(words[i], "get")) {
      options.get = true;
    } else if (is_same_word(words[i], "ifeq") && !options.old && i + 1 < words.size()) {
      options.old = words[++i];
    } else if (is_same_word(words[i], "ex") || is_same_word(words[i], "px") ||
               is_same_word(words[i], "exat") || is_same_word(words[i], "pxat") ||
               is_same_word(words[i], "keepttl")) {
      options.refused = kExpiryRefused;
      return options;
    } else if (is_same_word(words[i], "xx")) {
      options.refused = "ERR SET with XX is not served; use 'SET key value IFEQ old'";
      return options;
    } else {
      options.refused = "ERR syntax error";
      return options;
    }
  }
  if (options.old && (options.nx || options.get)) options.refused = "ERR syntax error";
  if (options.get && !options.nx && !options.old) {
    options.refused =
        "ERR SET with GET is served with NX only; use GET and 'SET key value IFEQ old'";
  }
  return options;
}

}  // namespace

void run_get(RespDoor& door, const Words& words) { run_read(door, words[1], tell_get); }
void run_strlen(RespDoor& door, const Words& words) { run_read(door, words[1], tell_strlen); }
void run_type(RespDoor& door, const Words& words) { run_read(door, words[1], tell_type); }
void run_ttl(RespDoor& door, const Words& words) { run_read(door, words[1], tell_ttl); }
void run_mget(RespDoor& door, const Words& words) { read_all(door, words, tell_mget); }
void run_exists(RespDoor& door, const Words& words) { read_all(door, words, tell_exists); }

void run_set(RespDoor& door, const Words& words) {
  const SetOptions options = set_options(words);
  if (!options.refused.empty()) return door.answer_error(door.current(), options.refused);
  if (!good_name(door, words[1]) || !good_value(door, words[2])) return;
  if (options.old) return set_if_equal(door, words[1], words[2], *options.old);
  ask_one(door, options.nx ? Operation::kWrite : Operation::kSet, words[1], words[2],
          options.get ? tell_set_get : tell_set);
}

void run_setnx(RespDoor& door, const Words& words) {
  if (!good_name(door, words[1]) || !good_value(door, words[2])) return;
  ask_one(door, Operation::kWrite, words[1], words[2], tell_setnx);
}

void run_incr(RespDoor& door, const Words& words) { run_once_next(door, words); }

void run_incrby(RespDoor& door, const Words& words) {
  if (words[2] == "1") return run_once_next(door, words);
  door.answer_error(door.current(), "ERR INCRBY is served with 1 only: it draws the next number");
}

}  // namespace once::doors

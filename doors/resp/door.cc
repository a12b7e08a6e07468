#include "doors/resp/door.h"

#include <atomic>
#include <utility>

#include "doors/resp/commands.h"

namespace once::doors {
namespace {

uint64_t next_id() {
  static std::atomic<uint64_t> ids{0};
  return ++ids;
}

const char* words_of(Door::Farewell why) {
  switch (why) {
    case Door::Farewell::kSlow:
      return "ERR Protocol error: the rest of a command did not come in time";
    case Door::Farewell::kIdle:
      return "ERR max number of clients reached: this connection was idle longest";
    case Door::Farewell::kFull:
      return "ERR max number of clients reached: the memory of this node is short";
    case Door::Farewell::kNoPlace:
      return "ERR max number of clients reached";
    case Door::Farewell::kStopping:
      break;
  }
  return "LOADING this node stops; what was asked after the last answer did not happen";
}

size_t bytes_of(const CommandMemo& memo) {
  return sizeof memo + memo.name.capacity() + memo.value.capacity() + memo.other.capacity() +
         memo.values.capacity() * sizeof memo.values[0] + memo.value_bytes +
         memo.turns.capacity() * sizeof memo.turns[0];
}

}  // namespace

RespDoor::RespDoor(DoorHost& host) : RespDoor(host, next_id()) {}

PendingCommand& RespDoor::begin() {
  PendingCommand& command = pending_.emplace_back();
  command.number = ++numbers_;
  command.resp = resp;
  count(command);
  return command;
}

// Where its answer is written: at once to the client, if it is its turn.
std::vector<char>& RespDoor::sink(PendingCommand& command) {
  if (&command != &pending_.front()) return command.text;
  std::vector<char>* const out = host_.out();
  if (out != nullptr) return *out;
  nowhere_.clear();
  return nowhere_;
}

void RespDoor::answer_error(PendingCommand& command, std::string_view text) {
  answer(command, [&](RespWriter& writer) { writer.error(text); });
}

CommandMemo& RespDoor::remember(PendingCommand& command) {
  if (!command.memo) command.memo = std::make_unique<CommandMemo>();
  return *command.memo;
}

void RespDoor::count(PendingCommand& command) {
  const size_t bytes =
      sizeof command + command.text.capacity() + (command.memo ? bytes_of(*command.memo) : 0);
  kept_ = kept_ - command.counted + bytes;
  command.counted = bytes;
}

// Nothing: it is answered with an error.
std::optional<paxos::ClientRequest> RespDoor::begin_ask(PendingCommand& command,
                                                        paxos::ClientRequest request,
                                                        TellReply tell) {
  if (paxos::changes(request.operation) && request.id == RequestId{}) {
    request.id = host_.draw_id();
    if (request.id == RequestId{}) {
      answer_error(command,
                   "TRYAGAIN the system gives no random bits for a request id; nothing happened");
      return std::nullopt;
    }
  }
  ++command.asks;
  command.tell = tell;
  command.operation = request.operation;
  return request;
}

void RespDoor::ask(PendingCommand& command, size_t index, const paxos::ClientRequest& request,
                   bool change, TellReply tell) {
  const std::optional<paxos::ClientRequest> begun = begin_ask(command, request, tell);
  if (!begun) return;
  const uint64_t ticket = command.number << kIndexBits | index;
  const uint64_t key = NameTurns::key_of(request.name);
  command.change = change;
  if (index == 0) {
    command.turn = key;
  } else {
    remember(command).turns.push_back(key);
  }
  if (turns_.enter(key, change, ticket, *begun)) host_.ask(ticket, *begun);
}

void RespDoor::ask_again(PendingCommand& command, const paxos::ClientRequest& request,
                         TellReply tell) {
  const std::optional<paxos::ClientRequest> begun = begin_ask(command, request, tell);
  if (begun) host_.ask(command.number << kIndexBits, *begun);
}

void RespDoor::end_turn(uint64_t key, bool change) {
  for (const NameTurns::Ask& next : turns_.leave(key, change)) {
    host_.ask(next.ticket, next.request);
  }
}

void RespDoor::end_turns(PendingCommand& command) {
  if (command.turn) end_turn(*command.turn, command.change);
  if (!command.memo) return;
  for (const uint64_t key : command.memo->turns) end_turn(key, command.change);
}

Taken RespDoor::take(std::string_view bytes) {
  const ParsedCommand parsed = parser_.parse(bytes);
  if (parsed.what == ParsedCommand::What::kNeedsMore) {
    return {Taken::What::kNothing, parsed.bytes};
  }
  if (parsed.what == ParsedCommand::What::kBroken) {
    answer_error(begin(), "ERR Protocol error: " + parsed.broken);
    flush();
    parser_.forget();
    return {Taken::What::kLast, bytes.size()};
  }
  if (!parser_.words().empty()) {
    if (bytes.front() != '*') host_.keep(parser_.decoded());
    PendingCommand& command = begin();
    run_command(*this, parser_.words());
    count(command);
    flush();
  }
  parser_.forget();
  return {last_ ? Taken::What::kLast : Taken::What::kCommand, parsed.bytes};
}

void RespDoor::on_reply(uint64_t ticket, paxos::Operation, const paxos::ClientReply& reply) {
  const uint64_t number = ticket >> kIndexBits;
  PendingCommand& command = pending_[number - pending_.front().number];
  --command.asks;
  command.tell(*this, command, ticket & ((1u << kIndexBits) - 1), reply);
  if (command.answered) {
    end_turns(command);
    command.memo.reset();  // its answer may wait for its turn for long
  }
  count(command);
  flush();
}

// All that have their turn and are answered.
void RespDoor::flush() {
  std::vector<char>* const out = host_.out();
  while (!pending_.empty() && pending_.front().answered) {
    PendingCommand& command = pending_.front();
    if (out != nullptr) {
      out->insert(out->end(), command.text.begin(), command.text.end());
    }
    kept_ -= command.counted;
    pending_.pop_front();
  }
}

void RespDoor::say_farewell(Farewell why) {
  answer_error(begin(), words_of(why));
  flush();
}

}  // namespace once::doors

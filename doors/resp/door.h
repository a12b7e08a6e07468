// The door for clients of Redis: RESP2 and RESP3, answers in the order of commands. What a command
// asks and how its answer is told stands in commands.h and the files that it names.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "doors/door.h"
#include "doors/resp/name_turns.h"
#include "doors/resp/parser.h"
#include "doors/resp/writer.h"

namespace once::doors {

class RespDoor;
struct PendingCommand;
using Words = std::vector<std::string_view>;

// What came for ask number `index` of a command. Asks again, or answers.
using TellReply = void (*)(RespDoor& door, PendingCommand& command, size_t index,
                           const paxos::ClientReply& reply);

// What a command needs to remember until it is answered.
struct CommandMemo {
  std::string name;
  std::string value;
  std::string other;  // what the value must be now
  std::vector<std::optional<std::string>> values;
  size_t value_bytes = 0;
  int64_t count = 0;
  std::string failure;
  size_t failed_at = 0;         // which of many names
  std::vector<uint64_t> turns;  // of many names: at which it has its turn, or waits for it
};

// A command whose answer is not complete, or waits for its turn.
struct PendingCommand {
  uint64_t number = 0;
  Resp resp = Resp::kTwo;
  bool answered = false;
  bool system_name = false;      // one of its names is the system's: the node refuses it
  bool change = false;           // of its one name
  std::optional<uint64_t> turn;  // at that one
  uint32_t asks = 0;             // that are not answered
  TellReply tell = nullptr;
  paxos::Operation operation = paxos::Operation::kRead;  // of the ask that came last
  std::unique_ptr<CommandMemo> memo;
  std::vector<char> text;  // the answer, until its turn
  size_t counted = 0;      // bytes that the door counts for it
};

class RespDoor final : public Door {
 public:
  explicit RespDoor(DoorHost& host);
  RespDoor(DoorHost& host, uint64_t id) : host_(host), id_(id) {}

  Taken take(std::string_view bytes) override;
  void on_reply(uint64_t ticket, paxos::Operation operation,
                const paxos::ClientReply& reply) override;
  size_t unanswered() const override { return pending_.size(); }
  size_t waiting() const override { return turns_.waiting(); }
  void say_farewell(Farewell why) override;
  size_t kept_bytes() const override { return kept_ + turns_.bytes() + parser_.kept_bytes(); }

  // For what runs commands. The one that is being taken:
  PendingCommand& current() { return pending_.back(); }
  // Answers it, by writing one whole answer.
  template <class Write>
  void answer(PendingCommand& command, Write write) {
    RespWriter writer(sink(command), command.resp);
    write(writer);
    command.answered = true;
  }
  void answer_error(PendingCommand& command, std::string_view text);
  void close_behind() { last_ = true; }
  // `index` comes back with the reply. The views of `request` are as in DoorHost::ask. A command
  // has one name, or reads many: `change` says whether it may change it, now or when it is told.
  // What earlier commands ask of the name is answered first.
  void ask(PendingCommand& command, size_t index, const paxos::ClientRequest& request, bool change,
           TellReply tell);
  // The same command, of the same name, when it is told.
  void ask_again(PendingCommand& command, const paxos::ClientRequest& request, TellReply tell);
  CommandMemo& remember(PendingCommand& command);
  void count(PendingCommand& command);  // again, after its memo has grown

  DoorHost& host() { return host_; }
  uint64_t id() const { return id_; }
  Resp resp = Resp::kTwo;
  std::string client_name;

 private:
  static constexpr unsigned kIndexBits = 11;
  static_assert(kMostAsksOfCommand <= size_t{1} << kIndexBits);

  PendingCommand& begin();
  std::vector<char>& sink(PendingCommand& command);
  void flush();
  void end_turns(PendingCommand& command);
  void end_turn(uint64_t key, bool change);
  std::optional<paxos::ClientRequest> begin_ask(PendingCommand& command,
                                                paxos::ClientRequest request, TellReply tell);

  DoorHost& host_;
  const uint64_t id_;
  CommandParser parser_;
  std::deque<PendingCommand> pending_;  // in the order in which they came
  NameTurns turns_;
  uint64_t numbers_ = 0;
  size_t kept_ = 0;
  bool last_ = false;
  std::vector<char> nowhere_;
};

}  // namespace once::doors

// What most commands share: names and numbers checked before anything is asked, and the answers
// that they tell alike. Private to doors/resp/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "doors/resp/door.h"

namespace once::doors {

// False: the current command is answered with an error.
bool good_name(RespDoor& door, std::string_view name);
bool good_value(RespDoor& door, std::string_view value);
// Nothing: likewise. `what`: how it is called in the error.
std::optional<uint64_t> good_number(RespDoor& door, std::string_view word, std::string_view what);

void answer_null(RespDoor& door, PendingCommand& command);
void answer_simple(RespDoor& door, PendingCommand& command, std::string_view text);
void answer_integer(RespDoor& door, PendingCommand& command, uint64_t number);

// As failure_text(), of what this command asked.
std::string failure_of(const PendingCommand& command, const paxos::ClientReply& reply);
// True: the reply was a failure, or `sealed`, and is answered.
bool answer_failure(RespDoor& door, PendingCommand& command, const paxos::ClientReply& reply);

// Of the current command; the name of one that changes is remembered, for errors that say it.
void ask_one(RespDoor& door, paxos::Operation operation, std::string_view name,
             std::string_view value, TellReply tell);

}  // namespace once::doors

// The commands of RESP: one table says what each is called, takes and does, and what it is for; it
// drives dispatch, errors and COMMAND. Beside it, what is refused with a word on what to use.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "doors/resp/door.h"

namespace once::doors {

struct RespCommand {
  std::string_view name;  // in small letters
  int words;              // with the name; negative: at least so many
  std::string_view group;
  std::string_view syntax;  // behind the name, as in the docs: "key value [NX]"
  std::string_view summary;
  bool changes;    // a name
  bool many_keys;  // all words are keys; else the first, if the syntax begins with one
  void (*run)(RespDoor& door, const Words& words);
};

std::span<const RespCommand> resp_commands();
const RespCommand* find_command(std::string_view name);  // in letters of any size
// Answers the door's current command, or asks for it.
void run_command(RespDoor& door, const Words& words);

// For people, of words that may be anything: short, printable.
std::string quoted(std::string_view word);

// data_commands.cc
void run_get(RespDoor& door, const Words& words);
void run_mget(RespDoor& door, const Words& words);
void run_exists(RespDoor& door, const Words& words);
void run_strlen(RespDoor& door, const Words& words);
void run_type(RespDoor& door, const Words& words);
void run_ttl(RespDoor& door, const Words& words);
void run_set(RespDoor& door, const Words& words);
void run_setnx(RespDoor& door, const Words& words);
void run_incr(RespDoor& door, const Words& words);
void run_incrby(RespDoor& door, const Words& words);
// once_commands.cc
void run_once_write(RespDoor& door, const Words& words);
void run_once_read(RespDoor& door, const Words& words);
void run_once_cas(RespDoor& door, const Words& words);
void run_once_seal(RespDoor& door, const Words& words);
void run_once_next(RespDoor& door, const Words& words);
void run_once_check(RespDoor& door, const Words& words);
void run_once_wait(RespDoor& door, const Words& words);
// connection_commands.cc
void run_ping(RespDoor& door, const Words& words);
void run_echo(RespDoor& door, const Words& words);
void run_hello(RespDoor& door, const Words& words);
void run_auth(RespDoor& door, const Words& words);
void run_select(RespDoor& door, const Words& words);
void run_client(RespDoor& door, const Words& words);
void run_quit(RespDoor& door, const Words& words);
void run_reset(RespDoor& door, const Words& words);
// server_commands.cc
void run_info(RespDoor& door, const Words& words);
void run_config(RespDoor& door, const Words& words);
void run_cluster(RespDoor& door, const Words& words);
void run_command_command(RespDoor& door, const Words& words);

}  // namespace once::doors

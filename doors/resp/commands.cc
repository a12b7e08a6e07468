#include "doors/resp/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/printable.h"

namespace once::doors {
namespace {

constexpr RespCommand kCommands[] = {
    {"get", 2, "string", "key", "The value of a name.", false, false, run_get},
    {"mget", -2, "string", "key [key ...]", "The values of up to 1,024 names.", false, true,
     run_mget},
    {"exists", -2, "generic", "key [key ...]", "How many of these names have a value.", false, true,
     run_exists},
    {"strlen", 2, "string", "key", "The bytes of a value.", false, false, run_strlen},
    {"type", 2, "generic", "key", "string, or none.", false, false, run_type},
    {"ttl", 2, "generic", "key", "-1: names do not expire; -2: nobody wrote it.", false, false,
     run_ttl},
    {"pttl", 2, "generic", "key", "-1: names do not expire; -2: nobody wrote it.", false, false,
     run_ttl},
    {"set", -3, "string", "key value [NX] [GET] [IFEQ old]",
     "Changes a name. NX: sets it once and for ever, if nobody has; NX GET: nil if you won, else "
     "the winner's value. IFEQ: if it has the value `old`.",
     true, false, run_set},
    {"setnx", 3, "string", "key value", "Sets a name once and for ever, if nobody has.", true,
     false, run_setnx},
    {"incr", 2, "string", "key", "A number higher than all that were drawn from the name.", true,
     false, run_incr},
    {"incrby", 3, "string", "key 1", "As INCR; by 1 only.", true, false, run_incrby},
    {"once.write", -3, "once", "key value [ID hex]",
     "Sets a name once and for ever. With the same id it can be asked again.", true, false,
     run_once_write},
    {"once.read", 2, "once", "key", "Version, sealed, writer and value of a name.", false, false,
     run_once_read},
    {"once.cas", 4, "once", "key version value", "Changes a name that has this version.", true,
     false, run_once_cas},
    {"once.seal", 3, "once", "key version", "Makes a name that has this version unchangeable.",
     true, false, run_once_seal},
    {"once.next", 2, "once", "key", "The next fencing token of a name.", true, false,
     run_once_next},
    {"once.check", 3, "once", "key token", "Whether the token is the newest one: 1 or 0.", false,
     false, run_once_check},
    {"once.wait", 4, "once", "key version milliseconds",
     "Waits for a higher version; nil if none came.", false, false, run_once_wait},
    {"ping", -1, "connection", "[message]", "PONG, or the message.", false, false, run_ping},
    {"echo", 2, "connection", "message", "The message.", false, false, run_echo},
    {"hello", -1, "connection", "[protover] [SETNAME name]", "Chooses RESP2 or RESP3.", false,
     false, run_hello},
    {"auth", -2, "connection", "[username] password", "Refused: there are no passwords.", false,
     false, run_auth},
    {"select", 2, "connection", "0", "There is one database, 0.", false, false, run_select},
    {"client", -2, "connection", "subcommand [argument ...]",
     "SETNAME, GETNAME, SETINFO, ID, LIST, NO-EVICT.", false, false, run_client},
    {"quit", -1, "connection", "", "Closes the connection.", false, false, run_quit},
    {"reset", 1, "connection", "", "Makes the connection as new.", false, false, run_reset},
    {"info", -1, "server", "[section ...]", "What this node is.", false, false, run_info},
    {"config", -2, "server", "GET parameter [parameter ...]", "save and appendonly.", false, false,
     run_config},
    {"cluster", -2, "cluster", "subcommand", "Refused: every node answers for every name.", false,
     false, run_cluster},
    {"command", -1, "server", "[COUNT] [DOCS] [INFO] [command ...]", "What commands there are.",
     false, false, run_command_command},
};

struct Instead {
  std::string_view names;  // blanks around each
  std::string_view use;
};
constexpr const char* kNeverGone =
    "names are never deleted: 'SET key value IFEQ old' changes one, a new name begins anew";
constexpr const char* kNoExpiry = "names do not expire; for what ends by itself use 'once lock'";
constexpr const char* kNoScripts =
    "there are no scripts; for a lock use 'once lock', for a change on condition "
    "'SET key value IFEQ old' or ONCE.CAS";
constexpr const char* kNoTransactions =
    "there are no transactions; each command is one, and 'SET key value IFEQ old' and ONCE.CAS "
    "change on condition";
constexpr const char* kNoChannels = "there are no channels; ONCE.WAIT waits for a change of a name";
constexpr const char* kNoScan = "names are listed by 'once list', not here";
constexpr Instead kInstead[] = {
    {" del unlink getdel flushall flushdb rename renamenx move ", kNeverGone},
    {" expire pexpire expireat pexpireat expiretime pexpiretime persist setex psetex getex ",
     kNoExpiry},
    {" eval evalsha eval_ro evalsha_ro script fcall fcall_ro function ", kNoScripts},
    {" multi exec discard watch unwatch ", kNoTransactions},
    {" subscribe psubscribe ssubscribe unsubscribe punsubscribe publish spublish pubsub ",
     kNoChannels},
    {" scan keys randomkey dbsize ", kNoScan},
    {" getset ", "use GET and 'SET key value IFEQ old'"},
    {" append setrange incrbyfloat decr decrby ", "use GET and 'SET key value IFEQ old'"},
    {" mset msetnx ", "each name is set by a command of its own"},
};

const Instead* find_instead(std::string_view name) {
  const std::string small = " " + small_letters(name) + " ";
  for (const Instead& one : kInstead) {
    if (one.names.find(small) != std::string_view::npos) return &one;
  }
  return nullptr;
}

std::string unknown_command(const Words& words) {
  constexpr size_t kMostShown = 128;
  std::string text =
      fmt::format("ERR unknown command '{}', with args beginning with: ", quoted(words[0]));
  const size_t bound = text.size() + kMostShown;
  for (size_t i = 1; i < words.size() && text.size() < bound; ++i) {
    text += fmt::format("'{}' ", quoted(words[i]));
  }
  return text;
}

bool fits(int arity, size_t words) {
  return arity >= 0 ? words == static_cast<size_t>(arity) : words >= static_cast<size_t>(-arity);
}

}  // namespace

std::string quoted(std::string_view word) {
  constexpr size_t kMostShown = 64;
  return printable(word.substr(0, kMostShown));
}

std::span<const RespCommand> resp_commands() { return kCommands; }

const RespCommand* find_command(std::string_view name) {
  for (const RespCommand& one : kCommands) {
    if (is_same_word(name, one.name)) return &one;
  }
  return nullptr;
}

void run_command(RespDoor& door, const Words& words) {
  const RespCommand* const command = find_command(words[0]);
  if (command != nullptr && fits(command->words, words.size())) return command->run(door, words);
  if (command != nullptr) {
    return door.answer_error(
        door.current(),
        fmt::format("ERR wrong number of arguments for '{}' command", command->name));
  }
  // Locks of Redis clients are given back by a script: nobody may take such an answer for "load the
  // script and ask again".
  if (const Instead* const instead = find_instead(words[0])) {
    return door.answer_error(door.current(), fmt::format("ERR unknown command '{}': {}",
                                                         quoted(words[0]), instead->use));
  }
  door.answer_error(door.current(), unknown_command(words));
}

}  // namespace once::doors

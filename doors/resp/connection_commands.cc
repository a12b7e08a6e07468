// Commands about the connection itself.
#include <fmt/format.h>

#include "base/ascii.h"
#include "doors/resp/asking.h"
#include "doors/resp/commands.h"

namespace once::doors {
namespace {

constexpr size_t kMostClientNameBytes = 256;

bool good_client_name(RespDoor& door, std::string_view name) {
  bool good = name.size() <= kMostClientNameBytes;
  for (const char c : name) good = good && c > ' ' && c <= '~';
  if (!good) {
    door.answer_error(door.current(),
                      "ERR Client names cannot contain spaces, newlines or special characters.");
  }
  return good;
}

// Node-redis reads these seven by their place.
void answer_hello(RespDoor& door) {
  PendingCommand& command = door.current();
  command.resp = door.resp;
  door.answer(command, [&](RespWriter& writer) {
    writer.map(7);
    writer.bulk("server");
    writer.bulk("once");
    writer.bulk("version");
    writer.bulk("7.0.0");  // of the commands that clients may expect
    writer.bulk("proto");
    writer.integer(static_cast<int>(door.resp));
    writer.bulk("id");
    writer.integer(static_cast<int64_t>(door.id()));
    writer.bulk("mode");
    writer.bulk("standalone");
    writer.bulk("role");
    writer.bulk("master");
    writer.bulk("modules");
    writer.array(0);
  });
}

constexpr const char* kWrongPassword =
    "WRONGPASS invalid username-password pair or user is disabled.";

}  // namespace

void run_ping(RespDoor& door, const Words& words) {
  if (words.size() == 1) return answer_simple(door, door.current(), "PONG");
  if (words.size() == 2) return run_echo(door, words);
  door.answer_error(door.current(), "ERR wrong number of arguments for 'ping' command");
}

void run_echo(RespDoor& door, const Words& words) {
  door.answer(door.current(), [&](RespWriter& writer) { writer.bulk(words[1]); });
}

void run_hello(RespDoor& door, const Words& words) {
  const auto refuse = [&](std::string_view text) { door.answer_error(door.current(), text); };
  Resp resp = door.resp;
  std::optional<std::string_view> name;
  if (words.size() > 1) {
    if (words[1] != "2" && words[1] != "3") return refuse("NOPROTO unsupported protocol version");
    resp = words[1] == "2" ? Resp::kTwo : Resp::kThree;
  }
  for (size_t i = 2; i < words.size(); ++i) {
    if (is_same_word(words[i], "auth") && i + 2 < words.size()) return refuse(kWrongPassword);
    if (!is_same_word(words[i], "setname") || i + 1 >= words.size()) {
      return refuse(fmt::format("ERR Syntax error in HELLO option '{}'", quoted(words[i])));
    }
    name = words[++i];
    if (!good_client_name(door, *name)) return;
  }
  door.resp = resp;
  if (name) door.client_name = *name;
  answer_hello(door);
}

// Who has a password for it thinks that it is protected.
void run_auth(RespDoor& door, const Words& words) {
  if (words.size() > 3) return door.answer_error(door.current(), "ERR syntax error");
  if (words.size() == 3) return door.answer_error(door.current(), kWrongPassword);
  door.answer_error(door.current(),
                    "ERR AUTH <password> called without any password configured for the default "
                    "user. Are you sure your configuration is correct?");
}

void run_select(RespDoor& door, const Words& words) {
  if (words[1] == "0") return answer_simple(door, door.current(), "OK");
  door.answer_error(door.current(), "ERR DB index is out of range");
}

void run_client(RespDoor& door, const Words& words) {
  PendingCommand& command = door.current();
  const auto is = [&](std::string_view name, size_t arguments) {
    return is_same_word(words[1], name) && words.size() == 2 + arguments;
  };
  if (is("setname", 1)) {
    if (!good_client_name(door, words[2])) return;
    door.client_name = words[2];
    return answer_simple(door, command, "OK");
  }
  if (is("setinfo", 2) || is("no-evict", 1)) return answer_simple(door, command, "OK");
  if (is("id", 0)) return answer_integer(door, command, door.id());
  if (is("getname", 0)) {
    if (door.client_name.empty()) return answer_null(door, command);
    return door.answer(command, [&](RespWriter& writer) { writer.bulk(door.client_name); });
  }
  if (is_same_word(words[1], "list")) {
    const std::string line = fmt::format("id={} name={} db=0 resp={}\n", door.id(),
                                         door.client_name, static_cast<int>(door.resp));
    return door.answer(command, [&](RespWriter& writer) { writer.bulk(line); });
  }
  door.answer_error(command,
                    fmt::format("ERR unknown subcommand '{}' of CLIENT", quoted(words[1])));
}

void run_quit(RespDoor& door, const Words&) {
  door.close_behind();
  answer_simple(door, door.current(), "OK");
}

void run_reset(RespDoor& door, const Words&) {
  door.resp = door.current().resp = Resp::kTwo;
  door.client_name.clear();
  answer_simple(door, door.current(), "RESET");
}

}  // namespace once::doors

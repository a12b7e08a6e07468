// Commands about the node, and about the commands.
#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "doors/resp/asking.h"
#include "doors/resp/commands.h"

namespace once::doors {
namespace {

void answer_unknown_subcommand(RespDoor& door, const Words& words, std::string_view command) {
  door.answer_error(door.current(),
                    fmt::format("ERR unknown subcommand '{}' of {}", quoted(words[1]), command));
}

// --- COMMAND: all of it from the one table -------------------------------------------------------

bool begins_with_key(const RespCommand& command) { return command.syntax.starts_with("key"); }

void write_info(RespWriter& writer, const RespCommand& command) {
  writer.array(6);
  writer.bulk(command.name);
  writer.integer(command.words);
  writer.array(1);
  writer.simple(command.changes ? "write" : begins_with_key(command) ? "readonly" : "fast");
  writer.integer(begins_with_key(command) ? 1 : 0);
  writer.integer(command.many_keys ? -1 : begins_with_key(command) ? 1 : 0);
  writer.integer(begins_with_key(command) ? 1 : 0);
}

// "[NX]" -> "NX", and that it may be left out.
std::vector<std::pair<std::string_view, bool>> arguments_of(std::string_view syntax) {
  std::vector<std::pair<std::string_view, bool>> arguments;
  while (!syntax.empty()) {
    const bool optional = syntax.front() == '[';
    const size_t end = std::min(syntax.find(optional ? ']' : ' '), syntax.size());
    arguments.emplace_back(syntax.substr(optional ? 1 : 0, end - (optional ? 1 : 0)), optional);
    syntax.remove_prefix(std::min(end + (optional ? 1 : 0), syntax.size()));
    while (syntax.starts_with(' ')) syntax.remove_prefix(1);
  }
  return arguments;
}

void write_docs(RespWriter& writer, const RespCommand& command) {
  const auto arguments = arguments_of(command.syntax);
  writer.bulk(command.name);
  writer.map(arguments.empty() ? 3 : 4);
  writer.bulk("summary");
  writer.bulk(command.summary);
  writer.bulk("since");
  writer.bulk("1.0.0");
  writer.bulk("group");
  writer.bulk(command.group);
  if (arguments.empty()) return;
  writer.bulk("arguments");
  writer.array(arguments.size());
  for (const auto& [name, optional] : arguments) {
    writer.map(optional ? 3 : 2);
    writer.bulk("name");
    writer.bulk(name);
    writer.bulk("type");
    writer.bulk("string");
    if (!optional) continue;
    writer.bulk("flags");
    writer.array(1);
    writer.simple("optional");
  }
}

std::vector<const RespCommand*> all_commands() {
  std::vector<const RespCommand*> all;
  for (const RespCommand& one : resp_commands()) all.push_back(&one);
  return all;
}

// Of the words from the third on; null: there is none of this name.
std::vector<const RespCommand*> named_commands(const Words& words) {
  if (words.size() == 2) return all_commands();
  std::vector<const RespCommand*> named;
  for (size_t i = 2; i < words.size(); ++i) named.push_back(find_command(words[i]));
  return named;
}

void answer_command_info(RespDoor& door, const std::vector<const RespCommand*>& commands) {
  door.answer(door.current(), [&](RespWriter& writer) {
    writer.array(commands.size());
    for (const RespCommand* one : commands) one ? write_info(writer, *one) : writer.null();
  });
}

}  // namespace

void run_info(RespDoor& door, const Words&) {
  const NodeView& node = door.host().node();
  const std::string text = fmt::format(
      "# Server\r\nredis_version:7.0.0\r\nonce_version:{}\r\nredis_mode:standalone\r\n\r\n"
      "# Persistence\r\nloading:0\r\n\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n",
      node.version());
  door.answer(door.current(), [&](RespWriter& writer) { writer.bulk(text); });
}

void run_config(RespDoor& door, const Words& words) {
  if (!is_same_word(words[1], "get") || words.size() < 3) {
    return answer_unknown_subcommand(door, words, "CONFIG");
  }
  using Setting = std::pair<std::string_view, std::string_view>;
  static constexpr Setting kSettings[] = {{"save", ""}, {"appendonly", "yes"}};
  std::vector<Setting> found;
  for (const Setting& one : kSettings) {
    const bool asked = std::any_of(words.begin() + 2, words.end(), [&](std::string_view word) {
      return word == "*" || is_same_word(word, one.first);
    });
    if (asked) found.push_back(one);
  }
  door.answer(door.current(), [&](RespWriter& writer) {
    writer.map(found.size());
    for (const auto& [name, value] : found) {
      writer.bulk(name);
      writer.bulk(value);
    }
  });
}

void run_cluster(RespDoor& door, const Words&) {
  door.answer_error(door.current(), "ERR This instance has cluster support disabled");
}

void run_command_command(RespDoor& door, const Words& words) {
  if (words.size() == 1) return answer_command_info(door, all_commands());
  if (is_same_word(words[1], "count") && words.size() == 2) {
    return answer_integer(door, door.current(), resp_commands().size());
  }
  if (is_same_word(words[1], "info")) return answer_command_info(door, named_commands(words));
  if (!is_same_word(words[1], "docs")) return answer_unknown_subcommand(door, words, "COMMAND");
  std::vector<const RespCommand*> documented = named_commands(words);
  std::erase(documented, nullptr);
  door.answer(door.current(), [&](RespWriter& writer) {
    writer.map(documented.size());
    for (const RespCommand* one : documented) write_docs(writer, *one);
  });
}

}  // namespace once::doors

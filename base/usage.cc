#include "base/usage.h"

#include <algorithm>
#include <vector>

#include "base/nearest_word.h"
#include "base/printable.h"
#include "base/usage_format.h"

namespace once {
namespace {

std::vector<std::string> command_words(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::App* command : app.get_subcommands({})) words.push_back(command->get_name());
  return words;
}

const CLI::App* command_of(const CLI::App& app, std::string_view word) {
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() == word) return command;
  }
  return nullptr;
}

const CLI::Option* option_of(const CLI::App* app, std::string_view name) {
  if (app == nullptr) return nullptr;
  for (const CLI::Option* option : options_of(*app)) {
    const auto& names = option->get_lnames();
    if (std::find(names.begin(), names.end(), name) != names.end()) return option;
  }
  return nullptr;
}

const CLI::Option* short_option_of(const CLI::App* app, char letter) {
  if (app == nullptr) return nullptr;
  for (const CLI::Option* option : options_of(*app)) {
    const auto& names = option->get_snames();
    if (std::find(names.begin(), names.end(), std::string(1, letter)) != names.end()) return option;
  }
  return nullptr;
}

std::string nearest_option(const CLI::App& app, const CLI::App* command, std::string_view name) {
  std::vector<std::string> names;
  for (const CLI::App* each : {command, &app}) {
    if (each == nullptr) continue;
    for (const CLI::Option* option : options_of(*each)) {
      for (const std::string& one : option->get_lnames()) names.push_back(one);
    }
  }
  return nearest_word(name, names);
}

// Written before the command, an option of a command is not found.
std::string owners_of(const CLI::App& app, std::string_view name) {
  std::string owners;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (option_of(command, name) != nullptr) owners += " " + command->get_name();
  }
  return owners.empty() ? owners : "; behind the command there is one of:" + owners;
}

bool takes_program(const CLI::App& command) {
  const auto positionals =
      command.get_options([](const CLI::Option* option) { return option->get_positional(); });
  return !positionals.empty() && positionals.back()->get_expected_max() > 1;
}

std::string no_such_option(const CLI::App& app, const CLI::App* command, std::string_view name) {
  const std::string who = command == nullptr ? "" : " " + command->get_name();
  const std::string nearest = nearest_option(app, command, name);
  std::string text = app.get_name() + who + ": there is no option '--" + printable(name) + "'";
  if (!nearest.empty()) text += "; did you mean '--" + nearest + "'?";
  if (command != nullptr && takes_program(*command)) {
    text += "\nThe options of a command to be run stand behind --, with the command.";
  }
  if (nearest.empty()) text += owners_of(app, name);
  return text + "\n`" + app.get_name() + " help" + who + "` shows those that there are.\n";
}

std::string no_such_short_option(const CLI::App& app, const CLI::App* command,
                                 std::string_view word) {
  const std::string who = command == nullptr ? "" : " " + command->get_name();
  std::string text = app.get_name() + who + ": there is no option '" + printable(word) + "'\n";
  text += command != nullptr && takes_program(*command)
              ? "The options of a command to be run stand behind --, with the command.\n"
              : "Names and values that begin with a dash stand behind --.\n";
  return text + "`" + app.get_name() + " help" + who + "` shows those that there are.\n";
}

}  // namespace

std::string short_help(CommandWord all, const std::string& examples) {
  const CLI::App& app = all.app();
  const std::string& name = app.get_name();
  return app.get_description() + "\n\n" + examples +
         "\nCommands: " + wrapped(CLI::detail::join(command_words(app), " "), 10) + "\n\n`" + name +
         " help` shows them all, `" + name + " help COMMAND` one of them with examples.\n";
}

std::optional<std::string> help_about(CommandWord all, const std::string& command) {
  const CLI::App& app = all.app();
  // App::help() would go on to the command that was given.
  const auto text_of = [](const CLI::App& one, const std::string& name) {
    return one.get_formatter()->make_help(&one, name, CLI::AppFormatMode::Normal);
  };
  if (command.empty()) return text_of(app, app.get_name());
  const CLI::App* found = command_of(app, command);
  if (found == nullptr) return std::nullopt;
  return text_of(*found, app.get_name() + " " + command);
}

std::string no_such_command(CommandWord all, std::string_view word) {
  const CLI::App& app = all.app();
  const std::vector<std::string> words = command_words(app);
  if (words.empty()) {
    return app.get_name() + ": '" + printable(word) +
           "' is not expected, it takes options only\n`" + app.get_name() + " help` shows them.\n";
  }
  const std::string nearest = nearest_word(word, words);
  std::string text = app.get_name() + ": there is no command '" + printable(word) + "'";
  if (!nearest.empty()) text += "; did you mean '" + nearest + "'?";
  return text + "\nCommands: " + wrapped(CLI::detail::join(words, " "), 10) + "\n`" +
         app.get_name() + " help COMMAND` tells more of one.\n";
}

namespace {

std::string without_value(const CLI::App& app, const CLI::App* command, std::string_view option) {
  const std::string who = command == nullptr ? "" : " " + command->get_name();
  return app.get_name() + who + ": " + std::string(option) + " needs a value\n`" + app.get_name() +
         " help" + who + "` tells more.\n";
}

struct Looked {
  std::string wrong;
  const CLI::App* command = nullptr;
};

// `-lx`: letters one after the other, as long as none takes a value. A dash alone, and one before a
// digit that is no option, begins a value. How many of the next words are values; less than 0:
// there is no such option.
int values_behind(const CLI::App& app, const CLI::App* command, std::string_view word) {
  for (size_t at = 1; at < word.size(); ++at) {
    const CLI::Option* option = short_option_of(command, word[at]);
    if (option == nullptr) option = short_option_of(&app, word[at]);
    if (option == nullptr) return at == 1 && word[at] >= '0' && word[at] <= '9' ? 0 : -1;
    const int values = option->get_items_expected_min();
    if (values > 0) return at + 1 < word.size() ? 0 : values;
  }
  return 0;
}

Looked look_at(CommandWord all, int argc, const char* const* argv) {
  const CLI::App& app = all.app();
  const CLI::App* command = nullptr;
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    const std::string_view word = argv[i];
    if (word.starts_with("--")) {
      const std::string_view name = word.substr(2, word.find('=') - 2);
      const CLI::Option* option = option_of(command, name);
      if (option == nullptr) option = option_of(&app, name);
      if (option == nullptr) return {no_such_option(app, command, name), command};
      if (word.find('=') != std::string_view::npos) continue;
      for (int values = option->get_items_expected_min(); values > 0; --values) {
        if (++i < argc && std::string_view(argv[i]) != "--") continue;
        return {without_value(app, command, word), command};
      }
    } else if (word.starts_with('-')) {
      const int values = values_behind(app, command, word);
      if (values < 0) return {no_such_short_option(app, command, word), command};
      i += values;
    } else if (command == nullptr) {
      command = command_of(app, word);
      if (command == nullptr) return {no_such_command(all, word), nullptr};
    }
  }
  return {{}, command};
}

}  // namespace

std::string wrong_word(CommandWord all, int argc, const char* const* argv) {
  return look_at(all, argc, argv).wrong;
}

std::string command_word(CommandWord all, int argc, const char* const* argv) {
  const CLI::App* command = look_at(all, argc, argv).command;
  return command == nullptr ? "" : command->get_name();
}

std::string with_usage(CommandWord all, const std::string& complaint) {
  const CLI::App& app = all.app();
  const std::vector<const CLI::App*> chosen =
      app.get_subcommands([](const CLI::App* command) { return command->parsed(); });
  const std::string who = chosen.empty() ? "" : " " + chosen.front()->get_name();
  const auto help = help_about(all, chosen.empty() ? "" : chosen.front()->get_name());
  std::string text = app.get_name() + who + ": ";
  text += chosen.empty() && complaint.find("subcommand") != std::string::npos
              ? "no command was given"
              : complaint.substr(0, complaint.find("\nRun with"));
  while (text.ends_with('\n')) text.pop_back();
  const size_t usage = help->find("Usage:");
  return text + "\n" + help->substr(usage, help->find('\n', usage) - usage) + "\n`" +
         app.get_name() + " help" + who + "` tells more.\n";
}

}  // namespace once

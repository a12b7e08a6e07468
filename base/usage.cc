#include "base/usage.h"

#include <algorithm>
#include <vector>

#include "base/nearest_word.h"
#include "base/printable.h"

namespace once {
namespace {

constexpr size_t kTextColumn = 29;
constexpr std::string_view kIndent = "  ";

// Words of `text` in lines that begin at `column` and end before the screen does.
std::string wrapped(std::string_view text, size_t column) {
  std::string out;
  size_t used = column;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    if (used > column && used + 1 + word.size() > kHelpColumns) {
      out += "\n" + std::string(column, ' ');
      used = column;
    } else if (used > column) {
      out += ' ';
      ++used;
    }
    out += word;
    used += word.size();
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return out;
}

std::string entry(const std::string& head, std::string_view text) {
  std::string line = std::string(kIndent) + head;
  const bool fits = line.size() + 1 < kTextColumn;
  line += fits ? std::string(kTextColumn - line.size(), ' ') : "\n" + std::string(kTextColumn, ' ');
  return line + wrapped(text, kTextColumn) + "\n";
}

std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return option->nonpositional(); });
}

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

}  // namespace

std::string Usage::make_group(std::string group, bool is_positional,
                              std::vector<const CLI::Option*> options) const {
  std::string out = is_positional ? "\nArguments:\n" : "\n" + group + ":\n";
  for (const CLI::Option* option : options) out += make_option(option, is_positional);
  return out;
}

std::string Usage::make_option(const CLI::Option* option, bool is_positional) const {
  std::string head = make_option_name(option, is_positional);
  if (!is_positional && option->get_type_size() != 0) head += " " + option->get_type_name();
  std::string text = option->get_description();
  if (!option->get_default_str().empty()) text += " (" + option->get_default_str() + ")";
  if (!option->get_envname().empty()) text += "; also $" + option->get_envname();
  return entry(head, text);
}

// The words of a command to be run.
std::string Usage::make_option_usage(const CLI::Option* option) const {
  if (option->get_expected_max() == 1) return CLI::Formatter::make_option_usage(option);
  return "-- " + option->get_name(true) + "...";
}

std::string Usage::make_subcommand(const CLI::App* command) const {
  return entry(command->get_name(), command->get_description());
}

std::string Usage::make_usage(const CLI::App* app, std::string name) const {
  std::string usage = CLI::Formatter::make_usage(app, std::move(name));
  const std::string_view parsers = "SUBCOMMAND";
  if (const size_t at = usage.find(parsers); at != std::string::npos) {
    usage.replace(at, parsers.size(), "COMMAND ...");
  }
  return usage;
}

std::string Usage::make_footer(const CLI::App* app) const {
  std::string out;
  if (const CLI::App* all = app->get_parent()) {
    out = "Options of every command:\n";
    for (const CLI::Option* option : options_of(*all)) {
      const bool own = option == all->get_help_ptr() || option == all->get_version_ptr();
      if (!own) out += make_option(option, false);
    }
    out += "\n";
  }
  return out + CLI::Formatter::make_footer(app);
}

std::string short_help(const CLI::App& app, const std::string& examples) {
  const std::string& name = app.get_name();
  return app.get_description() + "\n\n" + examples +
         "\nCommands: " + wrapped(CLI::detail::join(command_words(app), " "), 10) + "\n\n`" + name +
         " help` shows them all, `" + name + " help COMMAND` one of them with examples.\n";
}

std::optional<std::string> help_about(const CLI::App& app, const std::string& command) {
  // App::help() would go on to the command that was given.
  const auto text_of = [](const CLI::App& one, const std::string& name) {
    return one.get_formatter()->make_help(&one, name, CLI::AppFormatMode::Normal);
  };
  if (command.empty()) return text_of(app, app.get_name());
  const CLI::App* found = command_of(app, command);
  if (found == nullptr) return std::nullopt;
  return text_of(*found, app.get_name() + " " + command);
}

std::string no_such_command(const CLI::App& app, std::string_view word) {
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

std::string wrong_word(const CLI::App& app, int argc, const char* const* argv) {
  const CLI::App* command = nullptr;
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    const std::string_view word = argv[i];
    if (word.starts_with("--")) {
      const std::string_view name = word.substr(2, word.find('=') - 2);
      const CLI::Option* option = option_of(command, name);
      if (option == nullptr) option = option_of(&app, name);
      if (option == nullptr) return no_such_option(app, command, name);
      if (word.find('=') == std::string_view::npos) i += option->get_items_expected_min();
    } else if (command == nullptr && !word.starts_with('-')) {
      command = command_of(app, word);
      if (command == nullptr) return no_such_command(app, word);
    }
  }
  return {};
}

std::string with_usage(const CLI::App& app, const std::string& complaint) {
  const std::vector<const CLI::App*> chosen =
      app.get_subcommands([](const CLI::App* command) { return command->parsed(); });
  const std::string who = chosen.empty() ? "" : " " + chosen.front()->get_name();
  const auto help = help_about(app, chosen.empty() ? "" : chosen.front()->get_name());
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

#include "cli/completion.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "cli/command_tree.h"

namespace once::client {
namespace {

struct Option {
  std::string name;  // with its dashes
  std::string description;
  bool takes_value = false;
};
struct CommandWords {
  std::string name;
  std::string description;
  std::vector<Option> options;
  std::vector<std::string> choices;  // of its first positional
};

CommandWords words_of(CommandWord command, bool is_top) {
  CommandWords words{command.name(), command.description(), {}, {}};
  for (const OptionText& option : command.options()) {
    for (const std::string& name : option.long_names) {
      // A subcommand's own --help is the same word as that of all.
      if (!is_top && name == "--help") continue;
      // An option whose value may be left out is completed like a flag.
      words.options.push_back({name, option.description, option.needs_value});
    }
    if (words.choices.empty()) words.choices = option.choices;
  }
  return words;
}

std::string joined(const CommandWords& words) {
  std::string text;
  for (const Option& option : words.options) text += option.name + " ";
  for (const std::string& choice : words.choices) text += choice + " ";
  if (!text.empty()) text.pop_back();
  return text;
}

// Descriptions go into single quotes.
std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// In single quotes, where zsh gives brackets and colons a meaning of their own.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string bash_script(const CommandWords& top, const std::vector<CommandWords>& commands) {
  std::string names, cases, valued;
  for (const CommandWords& command : commands) {
    names += command.name + " ";
    cases +=
        fmt::format("    {}) words=\"{} {}\" ;;\n", command.name, joined(command), joined(top));
    for (const Option& option : command.options) {
      if (option.takes_value) valued += "|" + option.name;
    }
  }
  for (const Option& option : top.options) {
    if (option.takes_value) valued += "|" + option.name;
  }
  valued = valued.empty() ? "''" : valued.substr(1);
  return "# Completion of once for bash.\n_once() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} command= words i\n"
         "  COMPREPLY=()\n"
         "  case ${COMP_WORDS[COMP_CWORD-1]} in " +
         valued +
         ") return ;; esac\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case ${COMP_WORDS[i]} in\n"
         "      " +
         valued +
         ") ((i++)) ;;\n"
         "      -*) ;;\n"
         "      *) command=${COMP_WORDS[i]}; break ;;\n"
         "    esac\n"
         "  done\n"
         "  case $command in\n" +
         cases + "    '') words=\"" + names + joined(top) +
         "\" ;;\n"
         "    *) return ;;\n"
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "}\ncomplete -F _once once\n";
}

std::string zsh_options(const CommandWords& words) {
  std::string text;
  for (const Option& option : words.options) {
    const std::string spec = option.name + "[" + zsh_text(option.description) + "]" +
                             (option.takes_value ? ":value:" : "");
    text += " \\\n      " + single_quoted(spec);
  }
  return text;
}

std::string zsh_script(const CommandWords& top, const std::vector<CommandWords>& commands) {
  std::string names, cases;
  for (const CommandWords& command : commands) {
    names += " \\\n        " + single_quoted(command.name + ":" + zsh_text(command.description));
    std::string choices;
    for (const std::string& choice : command.choices) choices += " " + choice;
    cases += fmt::format("    {})\n      _arguments{}{}{} ;;\n", command.name, zsh_options(top),
                         zsh_options(command),
                         choices.empty() ? "" : " \\\n      '1:word:(" + choices.substr(1) + ")'");
  }
  return "#compdef once\n# Completion of once for zsh.\n_once() {\n"
         "  local line state\n"
         "  _arguments -C" +
         zsh_options(top) +
         " \\\n      '1:command:->command' '*::arg:->rest'\n"
         "  case $state in\n"
         "    command)\n      local -a names=(" +
         names +
         ")\n"
         "      _describe command names ;;\n"
         "    rest) _once_rest ;;\n"
         "  esac\n}\n"
         "_once_rest() {\n  case $line[1] in\n" +
         cases +
         "  esac\n}\n"
         "if [[ $funcstack[1] == _once ]]; then _once \"$@\"; else compdef _once once; fi\n";
}

std::string fish_options(const CommandWords& words, const std::string& condition) {
  std::string text;
  for (const Option& option : words.options) {
    text += fmt::format("complete -c once{} -l {}{} -d {}\n", condition, option.name.substr(2),
                        option.takes_value ? " -x" : "", single_quoted(option.description));
  }
  return text;
}

std::string fish_script(const CommandWords& top, const std::vector<CommandWords>& commands) {
  std::string text =
      "# Completion of once for fish.\ncomplete -c once -f\n" + fish_options(top, "");
  for (const CommandWords& command : commands) {
    text += fmt::format("complete -c once -n __fish_use_subcommand -a {} -d {}\n", command.name,
                        single_quoted(command.description));
    const std::string seen = fmt::format(" -n '__fish_seen_subcommand_from {}'", command.name);
    text += fish_options(command, seen);
    for (const std::string& choice : command.choices) {
      text += fmt::format("complete -c once{} -a {}\n", seen, choice);
    }
  }
  return text;
}

}  // namespace

std::string completion_script(Shell shell) {
  Arguments arguments;
  Texts texts;
  const CommandLine line = make_command_tree(arguments, texts);
  const CommandWords top = words_of(line.all(), true);
  std::vector<CommandWords> commands;
  for (const CommandWord command : line.all().commands()) {
    commands.push_back(words_of(command, false));
  }
  for (CommandWords& each : commands) {
    if (each.name != "help") continue;
    for (const CommandWords& command : commands) each.choices.push_back(command.name);
  }
  switch (shell) {
    case Shell::kBash:
      return bash_script(top, commands);
    case Shell::kZsh:
      return zsh_script(top, commands);
    case Shell::kFish:
      return fish_script(top, commands);
  }
  return {};
}

}  // namespace once::client

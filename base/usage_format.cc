#include "base/usage_format.h"

#include <algorithm>

namespace once {
namespace {

constexpr size_t kTextColumn = 29;
constexpr std::string_view kIndent = "  ";

std::string entry(const std::string& head, std::string_view text) {
  std::string line = std::string(kIndent) + head;
  const bool fits = line.size() + 1 < kTextColumn;
  line += fits ? std::string(kTextColumn - line.size(), ' ') : "\n" + std::string(kTextColumn, ' ');
  return line + wrapped(text, kTextColumn) + "\n";
}

}  // namespace

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

std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return option->nonpositional(); });
}

std::string UsageFormat::make_group(std::string group, bool is_positional,
                                    std::vector<const CLI::Option*> options) const {
  std::string out = is_positional ? "\nArguments:\n" : "\n" + group + ":\n";
  for (const CLI::Option* option : options) out += make_option(option, is_positional);
  return out;
}

std::string UsageFormat::make_option(const CLI::Option* option, bool is_positional) const {
  std::string head = make_option_name(option, is_positional);
  if (!is_positional && option->get_type_size() != 0) head += " " + option->get_type_name();
  std::string text = option->get_description();
  if (!option->get_default_str().empty()) text += " (" + option->get_default_str() + ")";
  if (!option->get_envname().empty()) text += "; also $" + option->get_envname();
  return entry(head, text);
}

// The words of a command to be run.
std::string UsageFormat::make_option_usage(const CLI::Option* option) const {
  if (option->get_expected_max() == 1) return CLI::Formatter::make_option_usage(option);
  return "-- " + option->get_name(true) + "...";
}

std::string UsageFormat::make_subcommand(const CLI::App* command) const {
  return entry(command->get_name(), command->get_description());
}

std::string UsageFormat::make_usage(const CLI::App* app, std::string name) const {
  std::string usage = CLI::Formatter::make_usage(app, std::move(name));
  const std::string_view parsers = "SUBCOMMAND";
  if (const size_t at = usage.find(parsers); at != std::string::npos) {
    usage.replace(at, parsers.size(), "COMMAND ...");
  }
  return usage;
}

std::string UsageFormat::make_footer(const CLI::App* app) const {
  std::string out;
  if (const CLI::App* all = app->get_parent()) {
    for (const CLI::Option* option : options_of(*all)) {
      const bool own = option == all->get_help_ptr() || option == all->get_version_ptr();
      if (!own) out += make_option(option, false);
    }
    if (!out.empty()) out = "Options of every command:\n" + out + "\n";
  }
  return out + CLI::Formatter::make_footer(app);
}

}  // namespace once

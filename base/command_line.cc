#include "base/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "base/printable.h"
#include "base/shell_word.h"
#include "base/usage_format.h"

namespace once {
namespace {

// What to do about an option without its value: one that is needed cannot be left out.
std::string give_it(bool needed, const std::string& what) {
  return (needed ? "; give it " : "; leave the option out, or give it ") + what;
}

// Of the commands that stand on the line, and of all.
bool is_needed(const CLI::App& app, int argc, const char* const* argv, const std::string& name) {
  const CLI::Option* option = app.get_option_no_throw(name);
  for (int i = 1; i < argc && option == nullptr; ++i) {
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
      if (command->get_name() == argv[i]) option = command->get_option_no_throw(name);
    }
  }
  return option != nullptr && option->get_required();
}

// `--option=` with nothing behind it: CLI11 would take the next word for its value.
std::string option_without_value(const CLI::App& app, int argc, const char* const* argv) {
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    const std::string_view word = argv[i];
    if (word.size() > 3 && word.substr(0, 2) == "--" && word.find('=') == word.size() - 1) {
      const std::string name(word.substr(0, word.size() - 1));
      return std::string(word) + " has no value behind it" +
             give_it(is_needed(app, argc, argv, name), "one");
    }
  }
  return {};
}

// "--timeout: At Most 1 required but received 2", as CLI11 has it.
std::string given_too_often(const std::string& text) {
  const size_t at = text.find(": At Most 1 required but received ");
  if (at == std::string::npos) return text;
  const std::string times = text.substr(text.rfind(' ') + 1);
  return text.substr(0, at) + " was given " + (times == "2" ? "twice" : times + " times");
}

// "'5s' is not a whole number of milliseconds"; the unit is that of the help.
std::string no_number(const CLI::Option& option, const std::string& text, const char* kind) {
  const std::string unit = option.get_type_name();
  const bool seconds = unit == "S" || unit.find("SECONDS") != std::string::npos;
  const char* of = unit == "MS"    ? " of milliseconds"
                   : unit == "MIB" ? " of MiB"
                   : seconds       ? " of seconds"
                                   : "";
  return "'" + text + "' is not a " + kind + of;
}

// "Could not convert: --seconds = 5s", as CLI11 has it, of an option without bounds.
std::string not_converted(const CLI::App& app, const std::string& text) {
  constexpr std::string_view kBegin = "Could not convert: ";
  const size_t equals = text.find(" = ");
  if (!text.starts_with(kBegin) || equals == std::string::npos) return text;
  const std::string name = text.substr(kBegin.size(), equals - kBegin.size());
  const CLI::Option* option = app.get_option_no_throw(name);
  for (const CLI::App* command : app.get_subcommands()) {
    if (option == nullptr) option = command->get_option_no_throw(name);
  }
  if (option == nullptr) return text;
  return name + ": " + no_number(*option, text.substr(equals + 3), "number");
}

// CLI11 describes a fixed set of words as {a,b,c}.
std::vector<std::string> choices_of(const CLI::Option& option) {
  std::vector<std::string> choices;
  const std::string type = option.get_type_name();
  const size_t begin = type.find('{');
  const size_t end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos) return choices;
  std::istringstream words(type.substr(begin + 1, end - begin - 1));
  for (std::string word; std::getline(words, word, ',');) choices.push_back(word);
  return choices;
}

template <class Value>
OptionWord add_option(CLI::App* app, const char* name, Value& value, const char* what) {
  return OptionWord(app->add_option(name, value, what));
}

template <class Value, class Take>
OptionWord add_function(CLI::App* app, const char* name, const Take& take, const char* what) {
  return OptionWord(app->add_option_function<Value>(name, take, what));
}

}  // namespace

OptionWord OptionWord::unit(const std::string& name) const {
  return OptionWord(option_->type_name(name));
}
OptionWord OptionWord::check(
    const std::function<std::string(const std::string&)>& what_is_wrong) const {
  return OptionWord(option_->check(what_is_wrong));
}
OptionWord OptionWord::within(int least, int most) const {
  const CLI::Option* option = option_;  // its unit may be said after this
  return check([=](const std::string& text) {
    int64_t number = 0;
    const bool is = CLI::detail::lexical_cast(text, number);
    if (is && number >= least && number <= most) return std::string();
    return no_number(*option, text, "whole number") + ", from " + std::to_string(least) + " to " +
           std::to_string(most);
  });
}
OptionWord OptionWord::one_of(const std::vector<std::string>& words) const {
  return OptionWord(option_->check(CLI::IsMember(words)));
}
OptionWord OptionWord::required() const { return OptionWord(option_->required()); }
OptionWord OptionWord::not_empty() const {
  const CLI::Option* option = option_;  // whether it is needed may be said after this
  return check([option](const std::string& value) {
    return value.empty() ? "it is empty" + give_it(option->get_required(), "a value")
                         : std::string();
  });
}
OptionWord OptionWord::shown_default(const std::string& text) const {
  return OptionWord(option_->default_str(text));
}
OptionWord OptionWord::environment(const char* variable) const {
  return OptionWord(option_->envname(variable));
}
OptionWord OptionWord::on_given(const std::function<void(const std::string&)>& call) const {
  return OptionWord(option_->each(call));
}
OptionWord OptionWord::needs(OptionWord other) const {
  return OptionWord(option_->needs(other.option_));
}
OptionWord OptionWord::excludes(OptionWord other) const {
  return OptionWord(option_->excludes(other.option_));
}
OptionWord OptionWord::values(int least, int most) const {
  return OptionWord(option_->expected(least, most));
}
bool OptionWord::given() const { return option_->count() != 0; }

CommandWord CommandWord::add_command(const char* word, const char* what) const {
  return CommandWord(app_->add_subcommand(word, what));
}
std::vector<CommandWord> CommandWord::commands() const {
  std::vector<CommandWord> commands;
  for (CLI::App* command : app_->get_subcommands({})) commands.emplace_back(command);
  return commands;
}
const std::string& CommandWord::name() const { return app_->get_name(); }
std::string CommandWord::description() const { return app_->get_description(); }

std::vector<OptionText> CommandWord::options() const {
  std::vector<OptionText> texts;
  for (const CLI::Option* option : app_->get_options([](CLI::Option*) { return true; })) {
    OptionText& text = texts.emplace_back();
    for (const std::string& name : option->get_lnames()) text.long_names.push_back("--" + name);
    text.description = option->get_description();
    text.needs_value = option->get_items_expected_min() > 0;
    if (option->get_positional()) text.choices = choices_of(*option);
  }
  return texts;
}
bool CommandWord::chosen() const { return app_->parsed(); }

std::vector<GivenOption> CommandWord::given() const {
  std::vector<GivenOption> given;
  for (const CLI::Option* option : app_->get_options([](CLI::Option*) { return true; })) {
    const std::vector<CLI::Option*>& typed = app_->parse_order();
    if (option->get_lnames().empty()) continue;
    if (std::find(typed.begin(), typed.end(), option) == typed.end()) continue;
    const std::string name = "--" + option->get_lnames().front();
    if (option->get_items_expected_max() == 0) {
      given.push_back({name, std::nullopt});
    } else {
      for (const std::string& value : option->results()) given.push_back({name, value});
    }
  }
  return given;
}

OptionWord CommandWord::add(const char* name, std::string& value, const char* what) const {
  return add_option(app_, name, value, what);
}
OptionWord CommandWord::add(const char* name, int& value, const char* what) const {
  return add_option(app_, name, value, what);
}
OptionWord CommandWord::add(const char* name, int64_t& value, const char* what) const {
  return add_option(app_, name, value, what);
}
OptionWord CommandWord::add(const char* name, uint64_t& value, const char* what) const {
  return add_option(app_, name, value, what);
}
OptionWord CommandWord::add(const char* name, uint32_t& value, const char* what) const {
  return add_option(app_, name, value, what);
}
OptionWord CommandWord::add(const char* name, double& value, const char* what) const {
  return add_option(app_, name, value, what);
}
OptionWord CommandWord::add(const char* name, std::vector<std::string>& value,
                            const char* what) const {
  return add_option(app_, name, value, what);
}
OptionWord CommandWord::add_text(const char* name,
                                 const std::function<void(const std::string&)>& take,
                                 const char* what) const {
  return add_function<std::string>(app_, name, take, what);
}
OptionWord CommandWord::add_number(const char* name, const std::function<void(int)>& take,
                                   const char* what) const {
  return add_function<int>(app_, name, take, what);
}
OptionWord CommandWord::add_real(const char* name, const std::function<void(double)>& take,
                                 const char* what) const {
  return add_function<double>(app_, name, take, what);
}
OptionWord CommandWord::add_flag(const char* name, bool& value, const char* what) const {
  return OptionWord(app_->add_flag(name, value, what));
}

void CommandWord::footer(const std::string& text) const { app_->footer(text); }
void CommandWord::on_chosen(const std::function<void()>& call) const { app_->callback(call); }
void CommandWord::help_flag(const char* what) const { app_->set_help_flag("-h,--help", what); }
void CommandWord::version_flag(const std::string& text) const {
  app_->set_version_flag("--version", text, "Print the version");
}
void CommandWord::takes_options_of_all() const { app_->fallthrough()->group("Commands"); }

CommandLine::CommandLine(const char* description, const char* program, Commands commands)
    : app_(std::make_unique<CLI::App>(description, program)) {
  app_->formatter(std::make_shared<UsageFormat>());
  if (commands == Commands::kOne) app_->require_subcommand(1);
  if (commands == Commands::kAtMostOne) app_->require_subcommand(0, 1);
}
CommandLine::~CommandLine() = default;
CommandLine::CommandLine(CommandLine&&) noexcept = default;

std::optional<EarlyExit> CommandLine::parse(int argc, const char* const* argv,
                                            int usage_code) const {
  if (const std::string wrong = option_without_value(*app_, argc, argv); !wrong.empty()) {
    return EarlyExit{usage_code, "", app_->get_name() + ": " + printable(wrong) + "\n"};
  }
  // It quotes words that were given, and they do not begin lines of their own.
  app_->failure_message([](const CLI::App* which, const CLI::Error& problem) {
    const auto code = static_cast<CLI::ExitCodes>(problem.get_exit_code());
    const CLI::Error quoted(problem.get_name(), printable(problem.what()), code);
    return CLI::FailureMessage::simple(which, quoted);
  });
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ArgumentMismatch& problem) {
    return EarlyExit{usage_code, "", printable(given_too_often(problem.what())) + "\n"};
  } catch (const CLI::ConversionError& problem) {
    return EarlyExit{usage_code, "", printable(not_converted(*app_, problem.what())) + "\n"};
  } catch (const CLI::ParseError& problem) {
    std::ostringstream out, err;
    const int code = app_->exit(problem, out, err) == 0 ? 0 : usage_code;
    return EarlyExit{code, out.str(), err.str()};
  }
  return std::nullopt;
}

std::string words_of(const GivenOption& option) {
  return option.value ? option.name + " " + shell_word(*option.value) : option.name;
}

std::string empty_variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value != '\0') return {};
  return std::string(name) + " is set, but empty; unset it, or give it a value";
}

bool is_real_number(const std::string& text, double& value) {
  return CLI::detail::lexical_cast(text, value);
}

}  // namespace once

// A program's command line: its commands, their options and arguments, and what each fills.
//
// CLI11 reads it; nobody else includes that, since to read and compile its headers takes longer
// than any library of ours. Commands and options are views of a CommandLine, valid as long as it
// is; what they are bound to must outlive parse(). Single-threaded; prints nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/early_exit.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace once {

// An option (its name begins with dashes) or an argument of a command.
class OptionWord {
 public:
  explicit OptionWord(CLI::Option* option) : option_(option) {}

  OptionWord unit(const std::string& name) const;  // of its value, as the help shows it
  OptionWord check(const std::function<std::string(const std::string&)>& what_is_wrong) const;
  OptionWord within(int least, int most) const;                    // told only when it is broken
  OptionWord one_of(const std::vector<std::string>& words) const;  // shown, and told
  OptionWord required() const;
  // Its empty value (of a variable that is not set, most likely) must not pass for one that was
  // left out.
  OptionWord not_empty() const;
  OptionWord shown_default(const std::string& text) const;
  OptionWord environment(const char* variable) const;  // that stands for it
  OptionWord on_given(const std::function<void(const std::string&)>& call) const;
  OptionWord needs(OptionWord other) const;
  OptionWord excludes(OptionWord other) const;
  OptionWord values(int least, int most) const;  // how many it takes
  bool given() const;

 private:
  CLI::Option* option_;
};

// Of an option, for those who list them.
struct OptionText {
  std::vector<std::string> long_names;  // with their dashes
  std::string description;
  bool needs_value = false;
  std::vector<std::string> choices;  // of an argument that is one of a few words
};

// An option as it was given, for whoever says what to type instead.
struct GivenOption {
  std::string name;                  // with its dashes
  std::optional<std::string> value;  // nothing: it takes none
};
std::string words_of(const GivenOption& option);  // as a shell takes them

class CommandWord {
 public:
  explicit CommandWord(CLI::App* app) : app_(app) {}

  CommandWord add_command(const char* word, const char* what) const;
  std::vector<CommandWord> commands() const;
  const std::string& name() const;
  std::string description() const;
  std::vector<OptionText> options() const;
  bool chosen() const;  // after parse()
  // After parse(): each option that stood on the line, by its long name, and as often as it was
  // given. No arguments that are no options, and nothing that stands in the environment.
  std::vector<GivenOption> given() const;

  OptionWord add(const char* name, std::string& value, const char* what) const;
  OptionWord add(const char* name, int& value, const char* what) const;
  OptionWord add(const char* name, int64_t& value, const char* what) const;
  OptionWord add(const char* name, uint64_t& value, const char* what) const;
  OptionWord add(const char* name, uint32_t& value, const char* what) const;
  OptionWord add(const char* name, double& value, const char* what) const;
  OptionWord add(const char* name, std::vector<std::string>& value, const char* what) const;
  // An empty value counts as given.
  OptionWord add_text(const char* name, const std::function<void(const std::string&)>& take,
                      const char* what) const;
  OptionWord add_number(const char* name, const std::function<void(int)>& take,
                        const char* what) const;
  OptionWord add_real(const char* name, const std::function<void(double)>& take,
                      const char* what) const;
  OptionWord add_flag(const char* name, bool& value, const char* what) const;

  void footer(const std::string& text) const;
  void on_chosen(const std::function<void()>& call) const;
  void help_flag(const char* what) const;
  void version_flag(const std::string& text) const;
  void takes_options_of_all() const;  // they may stand behind this command too

  CLI::App& app() const { return *app_; }

 private:
  CLI::App* app_;
};

enum class Commands : uint8_t { kNone, kAtMostOne, kOne };

class CommandLine {
 public:
  CommandLine(const char* description, const char* program, Commands commands);
  ~CommandLine();
  CommandLine(CommandLine&&) noexcept;

  CommandWord all() const { return CommandWord(app_.get()); }
  // Empty: what the options are bound to is filled. Otherwise help (code 0), or what is wrong
  // (`usage_code`).
  std::optional<EarlyExit> parse(int argc, const char* const* argv, int usage_code) const;

 private:
  std::unique_ptr<CLI::App> app_;
};

// Of a variable that stands for an option, and is set and empty: what is wrong, or nothing.
std::string empty_variable(const char* name);
// True: `text` is a number, which stands in `value`.
bool is_real_number(const std::string& text, double& value);

}  // namespace once

// What a command line is answered with in words: help, and what a wrong word was meant to be. Pure.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace once {

inline constexpr size_t kHelpColumns = 80;

// Help for people: what is given, not how it is parsed, and behind the options of a command those
// that every command has.
class Usage final : public CLI::Formatter {
  std::string make_group(std::string group, bool is_positional,
                         std::vector<const CLI::Option*> options) const override;
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_usage(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* command) const override;
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_footer(const CLI::App* app) const override;
};

// For somebody who typed nothing but the program's name.
std::string short_help(const CLI::App& app, const std::string& examples);
// The help of a command (of all if there is no word); nothing: there is no such command.
std::optional<std::string> help_about(const CLI::App& app, const std::string& command);
// There is no such command: which may have been meant, and which there are.
std::string no_such_command(const CLI::App& app, std::string_view word);
// The first word that is neither a command nor an option, explained; empty: there is none. Behind
// `--`, and what options are given, nothing is looked at.
std::string wrong_word(const CLI::App& app, int argc, const char* const* argv);
// What the parser says is wrong, with whose usage that is.
std::string with_usage(const CLI::App& app, const std::string& complaint);

}  // namespace once

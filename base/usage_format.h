// How CLI11 lays out the help of a command line: for people, what is given and not how it is
// parsed, and behind the options of a command those that every command has. For command_line.cc and
// usage.cc.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace once {

inline constexpr size_t kHelpColumns = 80;

class UsageFormat final : public CLI::Formatter {
  std::string make_group(std::string group, bool is_positional,
                         std::vector<const CLI::Option*> options) const override;
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_usage(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* command) const override;
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_footer(const CLI::App* app) const override;
};

// Words of `text` in lines that begin at `column` and end before the screen does.
std::string wrapped(std::string_view text, size_t column);
std::vector<const CLI::Option*> options_of(const CLI::App& app);  // no arguments

}  // namespace once

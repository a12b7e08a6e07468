// What a command line is answered with in words: help, and what a wrong word was meant to be. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/command_line.h"

namespace once {

// For somebody who typed nothing but the program's name.
std::string short_help(CommandWord all, const std::string& examples);
// The help of a command (of all if there is no word); nothing: there is no such command.
std::optional<std::string> help_about(CommandWord all, const std::string& command);
// There is no such command: which may have been meant, and which there are.
std::string no_such_command(CommandWord all, std::string_view word);
// The first word that is neither a command nor an option, or an option without the value that it
// needs, explained; empty: there is none. Behind `--`, and what options are given, nothing is
// looked at.
std::string wrong_word(CommandWord all, int argc, const char* const* argv);
// The command that such words begin with; empty: none.
std::string command_word(CommandWord all, int argc, const char* const* argv);
// What the parser says is wrong, with whose usage that is.
std::string with_usage(CommandWord all, const std::string& complaint);

}  // namespace once

// What the commands share of standard input and output.
#pragma once

#include <string>
#include <string_view>

#include "cli/arguments.h"
#include "client/client.h"

namespace once::client {

// One line on standard error, whatever it quotes; lost when nobody can or will read it.
void complain(std::string_view text);
// Ctrl-C leaves ^C on the terminal, where the next line would begin.
void leave_echo(int signal);
int usage_error(std::string_view message);  // says it; the code to exit with

// False when it could not be written; the reason is on standard error then.
bool write_stdout(std::string_view bytes);
// What to exit with when the answer to a question could not be written. REQUIRES: errno as it was
// left.
int not_shown();
// Each line in rows that fit a terminal of that descriptor. `text`: lines that end, printable.
std::string fitted(std::string_view text, int fd);
// A value: the bare bytes into a pipe or a file, or with --raw. On a terminal printable, line
// breaks and tabs as they are, and the prompt begins on a line of its own; elsewhere
// `end` follows.
bool show_value(const Arguments& arguments, std::string_view value, std::string_view end = {});

// The value that was given, or standard input for "-". False: said why on standard error.
bool take_value(const std::string& given, std::string& value);

Options client_options(const Arguments& arguments);

}  // namespace once::client

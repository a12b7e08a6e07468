// What the commands share of standard input and output.
#pragma once

#include <string>
#include <string_view>

#include "client/arguments.h"
#include "client/client.h"

namespace once::client {

int usage_error(std::string_view message);  // says it; the code to exit with

// False when it could not be written; the reason is on standard error then.
bool write_stdout(std::string_view bytes);

// The value that was given, or standard input for "-". False: said why on standard error.
bool take_value(const std::string& given, std::string& value);

Options client_options(const Arguments& arguments);

}  // namespace once::client

// Every command and option of `once`, bound to the values that they fill.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "client/arguments.h"

namespace once::client {

struct Texts {
  std::string endpoints;
  std::string request_id;
  std::string version = "0";
  std::string shell;
};

// The arguments must outlive the tree.
std::unique_ptr<CLI::App> make_command_tree(Arguments& arguments, Texts& texts);

}  // namespace once::client

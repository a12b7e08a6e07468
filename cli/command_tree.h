// Every command and option of `once`, bound to the values that they fill.
#pragma once

#include <optional>
#include <string>

#include "base/command_line.h"
#include "cli/arguments.h"

namespace once::client {

inline constexpr const char* kEndpointsVariable = "ONCE_ENDPOINTS";
inline constexpr const char* kClusterIdVariable = "ONCE_CLUSTER_ID";

struct Texts {
  std::string endpoints;
  bool endpoints_given = false;
  std::optional<std::string> request_id;
  std::optional<std::string> cluster_id;
  std::string version = "0";
  std::optional<double> grace_s;
  std::string shell;
  bool version_wanted = false;
  bool help_wanted = false;
  std::string topic;  // of the help; empty: all
};

std::string version_text();
// The arguments must outlive the tree.
CommandLine make_command_tree(Arguments& arguments, Texts& texts);

}  // namespace once::client

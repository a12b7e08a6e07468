// What onced was asked to do: the command line as a value. docs/operations.md describes every flag.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "base/command_line.h"
#include "base/early_exit.h"
#include "server/dev.h"
#include "server/node.h"

namespace once::server {

struct FormatOptions {
  std::string data;
  uint16_t node = 0;
  std::string cluster;
  std::string cluster_id;
  bool new_cluster = false;  // draw the cluster id; then none is given
  uint64_t segment_mib = 0;
  bool unsafe_buffered_log = false;
  std::vector<GivenOption> given;  // all of the above that stood on the command line
};
struct InspectOptions {
  std::string data;
  std::string name;  // empty: an overview
  bool unsafe_buffered_log = false;
};
struct VerifyOptions {
  std::string data;
  bool unsafe_buffered_log = false;
};
struct VersionOptions {};

using Command = std::variant<FormatOptions, StartOptions, DevOptions, InspectOptions, VerifyOptions,
                             VersionOptions>;

std::string version_text();

// Numbers are within their ranges; what the texts mean is checked by who uses them. Changes nothing
// and prints nothing.
tl::expected<Command, EarlyExit> parse_command_line(int argc, const char* const* argv);

}  // namespace once::server

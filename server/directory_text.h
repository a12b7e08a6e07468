// What the files beside the log say: lines of key=value, closed by a line with the checksum of
// those before. Text in, values out: reads and writes no file. Any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "server/data_directory.h"

namespace once::server {

bool is_member(const Configuration& configuration);

// The lines with their checksum line.
std::string with_checksum(std::string lines);

std::string identity_text(const Configuration& configuration);
// What it returns keeps every limit that the rest of the node counts on. `path` is for the error.
Result<Configuration> parse_identity(const std::string& path, const std::string& text);

std::string peers_text(const std::map<NodeId, DiskId>& peers);
std::optional<std::map<NodeId, DiskId>> parse_peers(const std::string& text);  // nothing: damaged

std::string standing_text(Standing standing, const DiskId& disk);
// Nothing: damaged, or of another disk.
std::optional<Standing> parse_standing(const std::string& text, const DiskId& disk);

std::string streams_text(uint32_t count);
std::optional<uint32_t> parse_streams(const std::string& text);  // nothing: damaged

}  // namespace once::server

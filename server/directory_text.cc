#include "server/directory_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/dialable.h"
#include "base/endpoints.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/host_port.h"
#include "base/limits.h"
#include "base/lost_disk.h"
#include "base/parse_number.h"

namespace once::server {

namespace {

constexpr uint64_t kIdentityVersion = 2;  // 1 did not say who sits in which slot

using Lines = std::vector<std::pair<std::string, std::string>>;

bool read_number(std::string_view text, uint64_t* value, int base = 10) {
  const auto number = parse_number<uint64_t>(text, base);
  *value = number.value_or(0);
  return number.has_value();
}

template <class Id>
bool parse_hex(std::string_view text, Id* id) {
  const auto read = uuid_of_hex(text);
  if (read) static_cast<Uuid&>(*id) = *read;
  return read.has_value();
}

// The key=value lines without the checksum line, if that is right.
bool parse_lines(const std::string& text, Lines* lines) {
  size_t body = 0;
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\n', at);
    size_t equals = text.find('=', at);
    if (end == std::string::npos || equals == std::string::npos || equals > end) return false;
    body = at;
    lines->emplace_back(text.substr(at, equals - at), text.substr(equals + 1, end - equals - 1));
    at = end + 1;
  }
  if (lines->empty() || lines->back().first != "checksum") return false;
  uint64_t sum = 0;
  if (!read_number(lines->back().second, &sum, 16)) return false;
  lines->pop_back();
  return sum == checksum(text.data(), body);
}

// Less than `format` asks for: a directory that an earlier release made must be read as it is.
bool is_address(const std::string& address) {
  return !host_part(address).empty() && port_number(port_digits(address)).value_or(0) >= 1 &&
         address.find_first_of(" \t\r\n=") == std::string::npos;
}

// `onced format` makes them of 2 to 4096 MiB; tests make smaller ones.
bool is_segment_size(uint64_t bytes) {
  return bytes >= kMaxBatchBytes && bytes <= kMaxSegmentBytes && bytes % kMaxBatchBytes == 0;
}

bool parse_fields(const Lines& lines, Configuration* configuration) {
  std::map<std::string, std::string> fields(lines.begin(), lines.end());
  uint64_t node = 0;
  uint64_t shards = 0;
  auto members = parse_members(fields["members"]);
  if (!members || !parse_hex(fields["cluster"], &configuration->cluster) ||
      !parse_hex(fields["disk"], &configuration->disk) || !read_number(fields["node"], &node) ||
      !read_number(fields["epoch"], &configuration->epoch) ||
      !read_number(fields["hash_seed"], &configuration->hash_seed, 16) ||
      !read_number(fields["shard_count"], &shards) ||
      !read_number(fields["segment_bytes"], &configuration->segment_bytes)) {
    return false;
  }
  if (node == 0 || node > kMaxNodes || shards == 0 || shards > UINT16_MAX) return false;
  if (!is_segment_size(configuration->segment_bytes)) return false;
  configuration->node = NodeId{static_cast<uint16_t>(node)};
  configuration->shard_count = static_cast<uint16_t>(shards);
  configuration->members = std::move(*members);
  return is_member(*configuration);
}

}  // namespace

std::string with_checksum(std::string text) {
  return text + fmt::format("checksum={:016x}\n", checksum(text.data(), text.size()));
}

std::string identity_text(const Configuration& configuration) {
  std::string members;
  for (const auto& [node, address] : configuration.members) {
    members += fmt::format("{}{}={}", members.empty() ? "" : ",", node.value, address);
  }
  return with_checksum(fmt::format(
      "format={}\ncluster={}\ndisk={}\nnode={}\nepoch={}\nhash_seed={:016x}\nshard_count={}\n"
      "segment_bytes={}\nmembers={}\n",
      kIdentityVersion, hex_of(configuration.cluster), hex_of(configuration.disk),
      configuration.node.value, configuration.epoch, configuration.hash_seed,
      configuration.shard_count, configuration.segment_bytes, members));
}

bool is_member(const Configuration& configuration) {
  return std::any_of(configuration.members.begin(), configuration.members.end(),
                     [&](const auto& member) { return member.first == configuration.node; });
}

Result<Configuration> parse_identity(const std::string& path, const std::string& text) {
  auto damaged = error(fmt::format("{} is damaged: restore it, or {}", path, kLeaveItOff));
  Lines lines;
  if (!parse_lines(text, &lines)) return damaged;
  uint64_t version = 0;
  if (lines.empty() || lines[0].first != "format" || !read_number(lines[0].second, &version)) {
    return damaged;
  }
  if (version > kIdentityVersion) {
    return error(fmt::format("{} has format {}, this program reads format {}; start a newer onced",
                             path, version, kIdentityVersion));
  }
  if (version < kIdentityVersion) {
    return error(fmt::format(
        "{} has format {} of an older release, this program reads format {}: use that release to "
        "read what is there, or format all nodes of a new cluster in empty directories",
        path, version, kIdentityVersion));
  }
  Configuration configuration;
  if (!parse_fields(lines, &configuration)) return damaged;
  return configuration;
}

std::string peers_text(const std::map<NodeId, DiskId>& peers) {
  std::string text;
  for (const auto& [node, disk] : peers) text += fmt::format("{}={}\n", node.value, hex_of(disk));
  return with_checksum(text);
}

std::optional<std::map<NodeId, DiskId>> parse_peers(const std::string& text) {
  Lines lines;
  if (!parse_lines(text, &lines)) return std::nullopt;
  std::map<NodeId, DiskId> peers;
  for (const auto& [name, value] : lines) {
    uint64_t node = 0;
    DiskId disk;
    if (!read_number(name, &node) || node < 1 || node > kMaxNodes || !parse_hex(value, &disk)) {
      return std::nullopt;
    }
    if (!peers.emplace(NodeId{static_cast<uint16_t>(node)}, disk).second) return std::nullopt;
  }
  return peers;
}

std::string standing_text(Standing standing, const DiskId& disk) {
  const char* word = standing == Standing::kAdmitted ? "admitted" : "withdrawn";
  return with_checksum(fmt::format("standing={}\ndisk={}\n", word, hex_of(disk)));
}

std::optional<Standing> parse_standing(const std::string& text, const DiskId& disk) {
  Lines lines;
  DiskId of;
  if (!parse_lines(text, &lines) || lines.size() != 2 || lines[0].first != "standing" ||
      lines[1].first != "disk" || !parse_hex(lines[1].second, &of) || of != disk) {
    return std::nullopt;
  }
  if (lines[0].second == "admitted") return Standing::kAdmitted;
  if (lines[0].second == "withdrawn") return Standing::kWithdrawn;
  return std::nullopt;
}

std::string streams_text(uint32_t count) { return with_checksum(fmt::format("count={}\n", count)); }

std::optional<uint32_t> parse_streams(const std::string& text) {
  Lines lines;
  uint64_t count = 0;
  if (!parse_lines(text, &lines) || lines.size() != 1 || lines[0].first != "count") {
    return std::nullopt;
  }
  if (!read_number(lines[0].second, &count) || count < 1 || count > kMaxCores) return std::nullopt;
  return static_cast<uint32_t>(count);
}

Result<std::vector<std::pair<NodeId, std::string>>> parse_members(const std::string& text) {
  std::vector<std::pair<NodeId, std::string>> members;
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find(',', at), text.size());
    std::string member = text.substr(at, end - at);
    size_t equals = member.find('=');
    uint64_t node = 0;
    if (member.find_first_of(" \t\r\n") != std::string::npos) {
      return error(fmt::format("bad member \"{}\": it has a blank in it", member));
    }
    if (equals == std::string::npos || !read_number(member.substr(0, equals), &node) || node == 0 ||
        node > kMaxNodes) {
      return error(fmt::format("bad member \"{}\": write NODE=HOST:PORT, with NODE in 1..{}",
                               member, kMaxNodes));
    }
    if (const std::string address = member.substr(equals + 1); !is_address(address)) {
      return error(fmt::format("bad member \"{}\": its address has {}: write {}=HOST:PORT", member,
                               wrong_with_address(address), node));
    }
    const NodeId id{static_cast<uint16_t>(node)};
    if (std::any_of(members.begin(), members.end(),
                    [id](const auto& before) { return before.first == id; })) {
      return error(fmt::format("node {} is listed twice", node));
    }
    members.emplace_back(id, member.substr(equals + 1));
    at = end + 1;
  }
  return members;
}

namespace {

// One spelling for one address: names of hosts know no case, and ports no leading zeros.
std::string normal_address(const std::string& address) {
  std::string host = small_letters(host_part(address));
  if (host.size() > 1 && host.back() == '.') host.pop_back();
  return fmt::format("{}:{}", host, port_number(port_digits(address)).value_or(0));
}

}  // namespace

Result<std::string> check_member_list(const std::vector<std::pair<NodeId, std::string>>& members) {
  std::map<std::string, NodeId> seen;
  for (const auto& [node, address] : members) {
    if (const std::string wrong = undialable(address); !wrong.empty()) {
      return error(
          fmt::format("{0} in --cluster {1}; the other nodes dial what stands there: write "
                      "{2}=HOST{3}, with the "
                      "host by which they reach node {2}",
                      address, wrong, node.value, port_part(address)));
    }
    if (const std::string wrong = wrong_with_address(address); !wrong.empty()) {
      return error(fmt::format(
          "{} in --cluster has {}: write {}=HOST:PORT; the list cannot be changed later", address,
          wrong, node.value));
    }
    const auto [before, first] = seen.emplace(normal_address(address), node);
    if (first) continue;
    return error(fmt::format("nodes {} and {} have the same address {}: each needs one of its own",
                             before->second.value, node.value, address));
  }
  const size_t count = members.size();
  if (count % 2 != 0) return std::string{};
  return fmt::format(
      "{} nodes survive the loss of {}, no more than {} do, and each write waits for more disks: "
      "an odd number is worth more",
      count, (count - 1) / 2, count - 1);
}

Result<ClusterId> parse_cluster_id(const std::string& hex) {
  if (const auto cluster = cluster_id_of_hex(hex)) return *cluster;
  return error(fmt::format("bad cluster id \"{}\": write 1 to 32 hex digits, not all 0", hex));
}

}  // namespace once::server

// The files beside the log: `identity` (whose directory this is), `lock` (which process has it) and
// `peers` (disks met so far). Text, closed by a checksum line, replaced by rename. Blocking; called
// at start, and from any thread for a peer's first contact.
#include "server/data_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>

#include "base/assert.h"
#include "base/hash.h"
#include "base/limits.h"
#include "wal/log.h"
#include "wal/posix_file.h"
#include "wal/posix_storage.h"

namespace once::server {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kIdentityVersion = 1;
constexpr size_t kMaxFileBytes = 64 * 1024;
constexpr int kLockTries = 40;           // two seconds
constexpr int kOrphanedLockTries = 600;  // half a minute
constexpr auto kLockPause = std::chrono::milliseconds(50);

using Lines = std::vector<std::pair<std::string, std::string>>;

std::string to_hex(const Uuid& id) { return fmt::format("{:016x}{:016x}", id.high, id.low); }

bool parse_number(std::string_view text, uint64_t* value, int base = 10) {
  auto [at, code] = std::from_chars(text.data(), text.data() + text.size(), *value, base);
  return code == std::errc{} && at == text.data() + text.size();
}

bool parse_hex(std::string_view text, Uuid* id) {
  if (text.empty() || text.size() > 32) return false;
  size_t low = std::min<size_t>(16, text.size());
  id->high = 0;
  std::string_view high = text.substr(0, text.size() - low);
  if (!high.empty() && !parse_number(high, &id->high, 16)) return false;
  return parse_number(text.substr(text.size() - low), &id->low, 16);
}

std::string with_checksum(std::string text) {
  return text + fmt::format("checksum={:016x}\n", checksum(text.data(), text.size()));
}

Result<void> replace_file(const std::string& directory, const std::string& name,
                          const std::string& text) {
  std::string path = directory + "/" + name;
  std::string unfinished = path + ".tmp";
  wal::Descriptor file(open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (file.get() < 0) return tl::unexpected(wal::system_error("open", unfinished));
  auto written = wal::write_fully(file, unfinished, text.data(), text.size(), 0);
  if (!written) return written;
  if (fsync(file.get()) != 0) return tl::unexpected(wal::system_error("sync", unfinished));
  if (rename(unfinished.c_str(), path.c_str()) != 0) {
    return tl::unexpected(wal::system_error("rename", unfinished));
  }
  return wal::sync_directory(directory);
}

Result<std::string> read_file(const std::string& path) {
  wal::Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return tl::unexpected(wal::system_error("open", path));
  std::string text(kMaxFileBytes, '\0');
  auto size = wal::read_fully(file, path, text.data(), text.size(), 0);
  if (!size) return tl::unexpected(size.error());
  text.resize(*size);
  return text;
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
  if (!parse_number(lines->back().second, &sum, 16)) return false;
  lines->pop_back();
  return sum == checksum(text.data(), body);
}

std::string identity_text(const Configuration& configuration) {
  std::string members;
  for (const auto& [node, address] : configuration.members) {
    members += fmt::format("{}{}={}", members.empty() ? "" : ",", node.value, address);
  }
  return with_checksum(fmt::format(
      "format={}\ncluster={}\ndisk={}\nnode={}\nepoch={}\nhash_seed={:016x}\nshard_count={}\n"
      "segment_bytes={}\nmembers={}\n",
      kIdentityVersion, to_hex(configuration.cluster), to_hex(configuration.disk),
      configuration.node.value, configuration.epoch, configuration.hash_seed,
      configuration.shard_count, configuration.segment_bytes, members));
}

bool is_member(const Configuration& configuration) {
  return std::any_of(configuration.members.begin(), configuration.members.end(),
                     [&](const auto& member) { return member.first == configuration.node; });
}

bool parse_fields(const Lines& lines, Configuration* configuration) {
  std::map<std::string, std::string> fields(lines.begin(), lines.end());
  uint64_t node = 0;
  uint64_t shards = 0;
  auto members = parse_members(fields["members"]);
  if (!members || !parse_hex(fields["cluster"], &configuration->cluster) ||
      !parse_hex(fields["disk"], &configuration->disk) || !parse_number(fields["node"], &node) ||
      !parse_number(fields["epoch"], &configuration->epoch) ||
      !parse_number(fields["hash_seed"], &configuration->hash_seed, 16) ||
      !parse_number(fields["shard_count"], &shards) ||
      !parse_number(fields["segment_bytes"], &configuration->segment_bytes)) {
    return false;
  }
  if (node == 0 || node > kMaxNodes || shards == 0 || shards > UINT16_MAX) return false;
  configuration->node = NodeId{static_cast<uint16_t>(node)};
  configuration->shard_count = static_cast<uint16_t>(shards);
  configuration->members = std::move(*members);
  return is_member(*configuration);
}

Result<Configuration> parse_identity(const std::string& path, const std::string& text) {
  auto damaged =
      error(fmt::format("{} is damaged: restore it, or add the node as a new member", path));
  Lines lines;
  if (!parse_lines(text, &lines)) return damaged;
  uint64_t version = 0;
  if (lines.empty() || lines[0].first != "format" || !parse_number(lines[0].second, &version)) {
    return damaged;
  }
  if (version > kIdentityVersion) {
    return error(fmt::format("{} has format {}, this program reads up to {}; start a newer onced",
                             path, version, kIdentityVersion));
  }
  Configuration configuration;
  if (!parse_fields(lines, &configuration)) return damaged;
  return configuration;
}

Result<void> draw_disk(DiskId* disk) {
  uint64_t words[2];
  if (getrandom(words, sizeof words, 0) != static_cast<ssize_t>(sizeof words)) {
    return tl::unexpected(wal::system_error("draw a disk identity for", "the data directory"));
  }
  disk->high = words[0];
  disk->low = words[1];
  return {};
}

Result<void> make_empty_directory(const std::string& path) {
  std::error_code code;
  fs::create_directories(path, code);
  if (code) return error(fmt::format("cannot create {}: {}", path, code.message()));
  bool empty = fs::is_empty(path, code);
  if (code) return error(fmt::format("cannot read {}: {}", path, code.message()));
  if (!empty) {
    return error(fmt::format(
        "{} is not empty; format a new or empty directory (nothing was changed)", path));
  }
  fs::path parent = fs::absolute(path).lexically_normal();
  if (!parent.has_filename()) parent = parent.parent_path();
  return wal::sync_directory(parent.parent_path().string());
}

// The identity comes last: without it the directory does not count as formatted.
Result<void> make_files(const std::string& path, const Configuration& configuration, bool direct) {
  wal::Identity identity{configuration.cluster, configuration.node, configuration.disk};
  wal::LogOptions log;
  log.directory = path;
  log.segment_bytes = configuration.segment_bytes;
  wal::PosixStorage storage(direct);
  auto made = wal::create_stream(storage, identity, log);
  if (!made) return made;
  made = replace_file(path, "lock", "");
  if (!made) return made;
  made = replace_file(path, "peers", with_checksum(""));
  if (!made) return made;
  made = replace_file(path, "streams", with_checksum("count=1\n"));
  if (!made) return made;
  return replace_file(path, "identity", identity_text(configuration));
}

// The process that locked it last, or 0.
pid_t read_owner(const std::string& lock_path) {
  uint64_t pid = 0;
  const auto text = read_file(lock_path);
  if (!text || !parse_number(text->substr(0, text->find('\n')), &pid) || pid > INT32_MAX) return 0;
  return static_cast<pid_t>(pid);
}

// A killed process keeps the lock until the kernel has finished its last write. That write may
// arrive behind whatever is read before, so this waits for it, on a stalled disk for a while.
Result<void> wait_for_lock(const wal::Descriptor& file, const std::string& directory,
                           const std::string& path) {
  for (int tries = 1; flock(file.get(), LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return tl::unexpected(wal::system_error("lock", path));
    const pid_t owner = read_owner(path);
    const bool ended = owner > 0 && kill(owner, 0) != 0 && errno == ESRCH;
    if (tries >= kLockTries && !ended) {
      return error(
          fmt::format("{} is in use by process {}; stop it first, or give another directory",
                      directory, owner == 0 ? "(unknown)" : std::to_string(owner)));
    }
    if (tries >= kOrphanedLockTries) {
      return error(fmt::format(
          "{} is still locked by process {}, which has ended: its last write has not returned "
          "from the disk; see whether the disk hangs, then start again",
          directory, owner));
    }
    std::this_thread::sleep_for(kLockPause);
  }
  return {};
}

Result<wal::Descriptor> lock_directory(const std::string& directory) {
  std::string path = directory + "/lock";
  wal::Descriptor file(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (file.get() < 0) return tl::unexpected(wal::system_error("open", path));
  auto locked = wait_for_lock(file, directory, path);
  if (!locked) return tl::unexpected(locked.error());
  std::string pid = fmt::format("{}\n", getpid());
  // In place, for a full disk has no other block; and if there is none, the lock holds all the
  // same.
  auto written = wal::write_fully(file, path, pid.data(), pid.size(), 0);
  if (written && ftruncate(file.get(), static_cast<off_t>(pid.size())) != 0) {
    return tl::unexpected(wal::system_error("truncate", path));
  }
  return file;
}

Result<std::map<NodeId, DiskId>> read_peers(const std::string& path) {
  auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  Lines lines;
  bool good = parse_lines(*text, &lines);
  std::map<NodeId, DiskId> peers;
  for (const auto& [name, value] : lines) {
    uint64_t node = 0;
    DiskId disk;
    good = good && parse_number(name, &node) && node >= 1 && node <= kMaxNodes &&
           parse_hex(value, &disk);
    peers[NodeId{static_cast<uint16_t>(node)}] = disk;
  }
  if (!good) return error(fmt::format("{} is damaged: restore it from a backup", path));
  return peers;
}

class OpenDirectory final : public DataDirectory {
 public:
  OpenDirectory(std::string path, Configuration configuration, wal::Descriptor lock,
                std::map<NodeId, DiskId> peers, uint32_t streams)
      : path_(std::move(path)),
        configuration_(std::move(configuration)),
        lock_(std::move(lock)),
        streams_(streams),
        peers_(std::move(peers)) {}

  const Configuration& configuration() const override { return configuration_; }
  const std::string& path() const override { return path_; }
  int lock_descriptor() const override { return lock_.get(); }
  uint32_t streams() const override { return streams_; }
  Result<void> remember_streams(uint32_t count) override {
    auto written = replace_file(path_, "streams", with_checksum(fmt::format("count={}\n", count)));
    if (written) streams_ = count;
    return written;
  }
  std::string check_peer_disk(NodeId node, DiskId disk) override;

 private:
  const std::string path_;
  const Configuration configuration_;
  const wal::Descriptor lock_;  // held as long as it is open
  uint32_t streams_;
  std::mutex mutex_;
  std::map<NodeId, DiskId> peers_;
};

std::string OpenDirectory::check_peer_disk(NodeId node, DiskId disk) {
  if (node.value == 0 || node.value > kMaxNodes) {
    return fmt::format("node {} is not a node number (1..{})", node.value, kMaxNodes);
  }
  std::lock_guard guard(mutex_);
  auto known = peers_.find(node);
  if (known != peers_.end()) {
    if (known->second == disk) return "";
    return fmt::format(
        "node {} has another disk than before ({}, known: {}): its data directory "
        "was lost or replaced; it must join as a new member",
        node.value, to_hex(disk), to_hex(known->second));
  }
  auto peers = peers_;
  peers[node] = disk;
  std::string text;
  for (const auto& [peer, its_disk] : peers) {
    text += fmt::format("{}={}\n", peer.value, to_hex(its_disk));
  }
  auto written = replace_file(path_, "peers", with_checksum(text));
  if (!written) {
    return fmt::format("the disk of node {} cannot be remembered: {}", node.value,
                       written.error().message);
  }
  peers_ = std::move(peers);
  return "";
}

bool is_address(const std::string& address) {
  size_t colon = address.rfind(':');
  uint64_t port = 0;
  return colon != std::string::npos && colon > 0 &&
         parse_number(std::string_view(address).substr(colon + 1), &port) && port >= 1 &&
         port <= 65535 && address.find_first_of(" \t\r\n=") == std::string::npos;
}

}  // namespace

Result<void> DataDirectory::format(const std::string& path, Configuration configuration,
                                   bool direct) {
  std::sort(configuration.members.begin(), configuration.members.end());
  if (configuration.shard_count == 0) configuration.shard_count = kShardCount;
  if (configuration.segment_bytes == 0) configuration.segment_bytes = kDefaultSegmentBytes;
  if (!is_member(configuration)) {
    return error(fmt::format("node {} is not among the members of the cluster; give it an address",
                             configuration.node.value));
  }
  uint64_t words[2] = {configuration.cluster.high, configuration.cluster.low};
  configuration.hash_seed = checksum(words, sizeof words);
  auto result = draw_disk(&configuration.disk);
  if (!result) return result;
  result = make_empty_directory(path);
  if (!result) return result;
  result = make_files(path, configuration, direct);
  if (!result) {
    // It was empty before, so what is there is of this attempt; the next must not trip over it.
    for (const char* name : {"identity", "identity.tmp", "lock", "lock.tmp", "peers", "peers.tmp",
                             "streams", "streams.tmp", "log-0-1.seg"}) {
      unlink((path + "/" + name).c_str());
    }
  }
  return result;
}

Result<Configuration> DataDirectory::read_configuration(const std::string& path) {
  std::error_code code;
  if (!fs::is_directory(path, code)) {
    return error(fmt::format("there is no data directory {}; make it with onced format", path));
  }
  std::string identity = path + "/identity";
  if (!fs::exists(identity, code) && !code) {
    return error(
        fmt::format("{} is not formatted; use onced format (if it was in use before, its "
                    "data are lost: add the node as a new member)",
                    path));
  }
  auto text = read_file(identity);
  if (!text) return tl::unexpected(text.error());
  return parse_identity(identity, *text);
}

Result<uint32_t> DataDirectory::read_streams(const std::string& path) {
  auto text = read_file(path + "/streams");
  if (!text) return tl::unexpected(text.error());
  Lines lines;
  uint64_t count = 0;
  const bool good = parse_lines(*text, &lines) && lines.size() == 1 &&
                    lines.begin()->first == "count" &&
                    parse_number(lines.begin()->second, &count) && count >= 1 && count <= kMaxCores;
  if (!good) return error(fmt::format("{}/streams is damaged: restore it from a backup", path));
  return static_cast<uint32_t>(count);
}

Result<std::unique_ptr<DataDirectory>> DataDirectory::open(const std::string& path) {
  auto configuration = read_configuration(path);
  if (!configuration) return tl::unexpected(configuration.error());
  auto lock = lock_directory(path);
  if (!lock) return tl::unexpected(lock.error());
  // A run that was killed may have renamed a file and not synced its name. What this run finds and
  // builds on, a log segment above all, must not vanish in a power cut.
  auto named = wal::sync_directory(path);
  if (!named) return tl::unexpected(named.error());
  auto peers = read_peers(path + "/peers");
  if (!peers) return tl::unexpected(peers.error());
  auto streams = read_streams(path);
  if (!streams) return tl::unexpected(streams.error());
  return std::make_unique<OpenDirectory>(path, std::move(*configuration), std::move(*lock),
                                         std::move(*peers), *streams);
}

Result<std::vector<std::pair<NodeId, std::string>>> parse_members(const std::string& text) {
  std::map<NodeId, std::string> members;
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find(',', at), text.size());
    std::string member = text.substr(at, end - at);
    size_t equals = member.find('=');
    uint64_t node = 0;
    if (equals == std::string::npos || !parse_number(member.substr(0, equals), &node) ||
        node == 0 || node > kMaxNodes || !is_address(member.substr(equals + 1))) {
      return error(fmt::format("bad member \"{}\": write NODE=HOST:PORT, with NODE in 1..{}",
                               member, kMaxNodes));
    }
    NodeId id{static_cast<uint16_t>(node)};
    if (!members.emplace(id, member.substr(equals + 1)).second) {
      return error(fmt::format("node {} is listed twice", node));
    }
    at = end + 1;
  }
  return std::vector<std::pair<NodeId, std::string>>(members.begin(), members.end());
}

Result<ClusterId> parse_cluster_id(const std::string& hex) {
  ClusterId cluster;
  if (!parse_hex(hex, &cluster)) {
    return error(fmt::format("bad cluster id \"{}\": write 1 to 32 hex digits", hex));
  }
  return cluster;
}

}  // namespace once::server

// The files beside the log: `identity` (whose directory this is), `lock` (which process has it),
// `peers` (disks met so far) and `standing` (whether it may vote; absent: not yet). Text, closed by
// a checksum line, replaced by rename. Blocking; called at start, and from any thread for a peer's
// first contact.
#include "server/data_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <map>
#include <mutex>
#include <thread>

#include "base/assert.h"
#include "base/descriptor.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/lost_disk.h"
#include "base/parse_number.h"
#include "server/directory_access.h"
#include "server/directory_text.h"
#include "server/log_place.h"
#include "wal/log.h"
#include "wal/posix_file.h"
#include "wal/posix_storage.h"
#include "wal/segment.h"

namespace once::server {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileBytes = 64 * 1024;
constexpr const char* kStandingFile = "standing";
constexpr int kLockTriesPerLine = 200;  // ten seconds

Result<void> replace_file(const std::string& directory, const std::string& name,
                          const std::string& text) {
  return wal::make_file(directory + "/" + name, {text, text.size()}, false);
}

Result<std::string> read_file(const std::string& path) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return tl::unexpected(wal::system_error("open", path));
  std::string text(kMaxFileBytes, '\0');
  auto size = wal::read_fully(file, path, text.data(), text.size(), 0);
  if (!size) return tl::unexpected(size.error());
  text.resize(*size);
  return text;
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

// What make_files() makes, in its order.
constexpr const char* kMadeByFormat[] = {"log-0-1.seg", "lock", "peers", "streams", "identity"};

// Nothing but the first of these files, and not the last, which makes a directory count.
bool holds_unfinished_format(const std::string& path) {
  std::error_code failure;
  fs::directory_iterator file(path, failure);
  for (; !failure && file != fs::directory_iterator(); file.increment(failure)) {
    const std::string name = file->path().filename().string();
    if (name == "identity") return false;
    const auto made_so = [&](std::string_view made) {
      return name == made || name == std::string(made) + ".tmp";
    };
    if (!std::any_of(std::begin(kMadeByFormat), std::end(kMadeByFormat), made_so)) return false;
  }
  return !failure;
}

std::string no_directory(const std::string& path) {
  return fmt::format("{} is not a directory: give the data directory, or one to make", path);
}

Result<void> make_empty_directory(const std::string& path) {
  auto safe = check_path(path);
  if (!safe) return safe;
  std::error_code code;
  if (fs::exists(path, code) && !fs::is_directory(path, code) && !code) {
    return error(no_directory(path));
  }
  bool empty = !fs::exists(path, code) || fs::is_empty(path, code);
  if (code) return error(fmt::format("cannot read {}: {}", path, code.message()));
  if (!empty && holds_unfinished_format(path)) {
    return error(fmt::format(
        "{} holds what an onced format left that did not end: delete the directory, if no node "
        "ever ran on it, and format it again (nothing was changed)",
        path));
  }
  if (!empty) {
    return error(fmt::format(
        "{} is not empty; format a new or empty directory (nothing was changed)", path));
  }
  auto made = make_private_directory(path);
  if (!made) return made;
  fs::path parent = fs::absolute(path).lexically_normal();
  if (!parent.has_filename()) parent = parent.parent_path();
  return wal::sync_directory(parent.parent_path().string());
}

// The identity comes last: without it the directory does not count as formatted.
Result<void> make_files(const std::string& path, const Configuration& configuration, bool direct) {
  wal::PosixStorage storage(direct);
  auto made =
      wal::create_stream(storage, log_identity(configuration), log_place(configuration, path, 0));
  if (!made) return made;
  made = replace_file(path, "lock", "");
  if (!made) return made;
  made = replace_file(path, "peers", peers_text({}));
  if (!made) return made;
  made = replace_file(path, "streams", streams_text(1));
  if (!made) return made;
  return replace_file(path, "identity", identity_text(configuration));
}

// The process that locked it last, or 0.
pid_t read_owner(const std::string& lock_path) {
  const auto text = read_file(lock_path);
  if (!text) return 0;
  const std::string_view line = std::string_view(*text).substr(0, text->find('\n'));
  return static_cast<pid_t>(std::max(0, parse_number<int32_t>(line).value_or(0)));
}

bool has_ended(pid_t process) { return process > 0 && kill(process, 0) != 0 && errno == ESRCH; }

// A killed process keeps the lock until the kernel has finished its last write. That write may
// arrive behind whatever is read before, so this waits for it, on a stalled disk for a while.
using Tell = std::function<void(std::string_view)>;
Result<void> wait_for_lock(const Descriptor& file, const std::string& directory,
                           const std::string& path, const Tell& tell, LockPatience patience) {
  for (int tries = 1; flock(file.get(), LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return tl::unexpected(wal::system_error("lock", path));
    const pid_t owner = read_owner(path);
    const bool ended = has_ended(owner);
    if (tries >= patience.tries && !ended) {
      return error(
          fmt::format("{} is in use by process {}; stop it first, or give another directory",
                      directory, owner == 0 ? "(unknown)" : std::to_string(owner)));
    }
    if (tries >= patience.orphaned_tries) {
      return error(fmt::format(
          "{} is still locked by process {}, which has ended, or runs in another container: if it "
          "has ended, its last write has not returned from the disk; see whether the disk hangs, "
          "then start again",
          directory, owner));
    }
    if (tries % kLockTriesPerLine == 0 && tell) {
      tell(
          fmt::format("waiting for process {} to give up {}: it has ended, and its last write is "
                      "still under way, or it runs in another container",
                      owner, directory));
    }
    std::this_thread::sleep_for(LockPatience::kPause);
  }
  return {};
}

Result<Descriptor> lock_directory(const std::string& directory, const Tell& tell,
                                  LockPatience patience) {
  std::string path = directory + "/lock";
  Descriptor file(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (file.get() < 0 && errno == EROFS) {
    return error(
        fmt::format("{} is on a file system that is read-only: mount it writable; if the kernel "
                    "made it so, look for errors of the disk (dmesg) before (onced inspect reads "
                    "the directory as it is)",
                    directory));
  }
  if (file.get() < 0 && errno == ENOENT) {
    return error(
        fmt::format("{} is missing: somebody removed it, or the directory is not whole; if nothing "
                    "else is gone and no node runs on it, make an empty file of that name, of the "
                    "same owner and with mode 600",
                    path));
  }
  if (file.get() < 0) return tl::unexpected(wal::system_error("open", path));
  auto locked = wait_for_lock(file, directory, path, tell, patience);
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

// What this node learnt after an older copy was made, that copy forgets.
std::string damaged(const std::string& path) {
  return fmt::format("{} is damaged. Put no older copy there: {}", path, kLeaveItOff);
}

Result<std::map<NodeId, DiskId>> read_peers(const std::string& path) {
  auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  auto peers = parse_peers(*text);
  if (!peers) return error(damaged(path));
  return *peers;
}

// A directory that an earlier version made has no such file: it asks, as a new one does.
Result<Standing> read_standing(const std::string& path, const DiskId& disk) {
  std::error_code code;
  if (!fs::exists(path, code) && !code) return Standing::kWaiting;
  auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  auto standing = parse_standing(*text, disk);
  if (!standing) return error(damaged(path));
  return *standing;
}

class OpenDirectory final : public LockedDirectory {
 public:
  OpenDirectory(std::string path, Configuration configuration, Descriptor lock,
                std::map<NodeId, DiskId> peers, uint32_t streams, Standing standing)
      : path_(std::move(path)),
        configuration_(std::move(configuration)),
        lock_(std::move(lock)),
        streams_(streams),
        peers_(std::move(peers)),
        standing_(standing) {}

  const Configuration& configuration() const override { return configuration_; }
  const std::string& path() const override { return path_; }
  int lock_descriptor() const override { return lock_.get(); }
  uint32_t streams() const override { return streams_; }
  Result<void> remember_streams(uint32_t count) override {
    auto written = replace_file(path_, "streams", streams_text(count));
    if (written) streams_ = count;
    return written;
  }
  Result<size_t> remove_other_streams() override;
  std::string check_peer_disk(NodeId node, DiskId disk) override;
  net::DiskTable known_disks() override;
  Standing standing() const override { return standing_; }
  Result<void> remember_standing(Standing standing) override {
    ONCE_ASSERT(standing != Standing::kWaiting);
    return replace_file(path_, kStandingFile, standing_text(standing, configuration_.disk));
  }

 private:
  const std::string path_;
  const Configuration configuration_;
  const Descriptor lock_;  // held as long as it is open
  uint32_t streams_;
  std::mutex writing_;  // taken before mutex_, which is never held for long
  std::mutex mutex_;
  std::map<NodeId, DiskId> peers_;  // what the file says; read under mutex_, written under both
  const Standing standing_;
};

Result<size_t> OpenDirectory::remove_other_streams() {
  std::error_code failure;
  std::vector<fs::path> others, renamed;
  fs::directory_iterator file(path_, failure);
  for (; !failure && file != fs::directory_iterator(); file.increment(failure)) {
    const std::string name = file->path().filename().string();
    const bool is_renamed = wal::stream_of_removed_segment(name).has_value();
    const auto stream = wal::stream_of_segment(name);
    if (!is_renamed && (!stream || *stream < streams_)) continue;
    // A folder, say, is somebody else's, whatever it is called.
    if (fs::is_regular_file(file->symlink_status(failure)) && !failure) {
      (is_renamed ? renamed : others).push_back(file->path());
    }
  }
  for (const auto& path : others) {
    if (failure) break;
    renamed.push_back(path.parent_path() / wal::removed_segment_name(path.filename().string()));
    fs::rename(path, renamed.back(), failure);
  }
  // Before any is gone: a part of a stream and nothing else would be a loss, not a removal.
  if (!failure && !others.empty()) {
    if (const auto synced = wal::sync_directory(path_); !synced) {
      return tl::unexpected(synced.error());
    }
  }
  for (const auto& path : renamed) {
    if (!failure) fs::remove(path, failure);
  }
  if (failure) return error(fmt::format("cannot clear up {}: {}", path_, failure.message()));
  if (renamed.empty()) return 0;
  const auto synced = wal::sync_directory(path_);
  if (!synced) return tl::unexpected(synced.error());
  return renamed.size();
}

net::DiskTable OpenDirectory::known_disks() {
  std::lock_guard guard(mutex_);
  net::DiskTable table;
  for (const auto& [node, disk] : peers_) table.set(node, disk);
  return table;
}

std::string OpenDirectory::check_peer_disk(NodeId node, DiskId disk) {
  if (node.value == 0 || node.value > kMaxNodes) {
    return fmt::format("node {} is not a node number (1..{})", node.value, kMaxNodes);
  }
  const auto known = [&]() -> std::optional<std::string> {
    const std::lock_guard guard(mutex_);
    const auto found = peers_.find(node);
    if (found == peers_.end()) return std::nullopt;
    if (found->second == disk) return "";
    return fmt::format(
        "node {} has another disk than before ({}, known: {}): its data directory "
        "was lost or replaced. It must not vote, and it cannot be replaced yet (see A lost disk in "
        "docs/deploy.md)",
        node.value, hex_of(disk), hex_of(found->second));
  };
  if (const auto told = known()) return *told;
  const std::lock_guard writing(writing_);
  if (const auto told = known()) return *told;
  auto peers = peers_;
  peers[node] = disk;
  auto written = replace_file(path_, "peers", peers_text(peers));
  if (!written) {
    return fmt::format("the disk of node {} cannot be remembered: {}", node.value,
                       written.error().message);
  }
  const std::lock_guard guard(mutex_);
  peers_ = std::move(peers);
  return "";
}

}  // namespace

Result<void> DataDirectory::format(const std::string& path, Configuration configuration,
                                   bool direct) {
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
    for (const char* name : kMadeByFormat) {
      unlink((path + "/" + name).c_str());
      unlink((path + "/" + name + ".tmp").c_str());
    }
  }
  return result;
}

Result<Configuration> DataDirectory::read_configuration(const std::string& path) {
  if (const auto readable = check_readable(path, "identity"); !readable) {
    return tl::unexpected(readable.error());
  }
  std::error_code code;
  if (!fs::is_directory(path, code)) {
    if (fs::exists(path, code)) return error(no_directory(path));
    return error(fmt::format("there is no data directory {}; make it with onced format", path));
  }
  std::string identity = path + "/identity";
  if (!fs::exists(identity, code) && !code) {
    return error(
        fmt::format("{} is not formatted; use onced format (if it was in use before, its "
                    "data are lost: {})",
                    path, kLeaveItOff));
  }
  auto text = read_file(identity);
  if (!text) return tl::unexpected(text.error());
  return parse_identity(identity, *text);
}

Result<uint32_t> DataDirectory::read_streams(const std::string& path) {
  auto text = read_file(path + "/streams");
  if (!text) return tl::unexpected(text.error());
  auto count = parse_streams(*text);
  if (!count) return error(damaged(path + "/streams"));
  return *count;
}

std::optional<pid_t> DataDirectory::used_by(const std::string& path) {
  const Descriptor file(::open((path + "/lock").c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 || flock(file.get(), LOCK_EX | LOCK_NB) == 0) return std::nullopt;
  if (errno != EWOULDBLOCK) return std::nullopt;
  const pid_t owner = read_owner(path + "/lock");
  return has_ended(owner) ? std::nullopt : std::optional(owner);
}

Result<std::unique_ptr<LockedDirectory>> DataDirectory::open(const std::string& path,
                                                             const Tell& tell,
                                                             LockPatience patience) {
  const auto safe = check_path(path);
  if (!safe) return tl::unexpected(safe.error());
  auto configuration = read_configuration(path);
  if (!configuration) return tl::unexpected(configuration.error());
  auto lock = lock_directory(path, tell, patience);
  if (!lock) return tl::unexpected(lock.error());
  const auto closed = make_private(path);
  if (!closed) return tl::unexpected(closed.error());
  if (!closed->empty() && tell) tell(*closed);
  // A run that was killed may have renamed a file and not synced its name. What this run finds and
  // builds on, a log segment above all, must not vanish in a power cut.
  auto named = wal::sync_directory(path);
  if (!named) return tl::unexpected(named.error());
  auto peers = read_peers(path + "/peers");
  if (!peers) return tl::unexpected(peers.error());
  auto streams = read_streams(path);
  if (!streams) return tl::unexpected(streams.error());
  auto standing = read_standing(path + "/" + kStandingFile, configuration->disk);
  if (!standing) return tl::unexpected(standing.error());
  return std::make_unique<OpenDirectory>(path, std::move(*configuration), std::move(*lock),
                                         std::move(*peers), *streams, *standing);
}

}  // namespace once::server

// A node's data directory: who it belongs to, the lock that keeps two processes apart, the disk
// identities of the peers met so far, and whether it may vote. A refused start changes nothing in
// it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "net/disk_table.h"

namespace once::server {

struct Configuration {
  ClusterId cluster;
  DiskId disk;
  NodeId node;
  uint64_t epoch = 1;
  uint64_t hash_seed = 0;  // derived from the cluster id, so that every member has the same
  uint16_t shard_count = 0;
  uint64_t segment_bytes = 0;
  std::vector<std::pair<NodeId, std::string>> members;  // by slot; HOST:PORT of the peer port
};

// kWaiting: not every member has said yet that it knows this disk. kAdmitted: all have, once and
// for ever. kWithdrawn: it was formatted as a cluster of one, and is not alone: it votes no more.
enum class Standing : uint8_t { kWaiting, kAdmitted, kWithdrawn };

// How often open() tries to take the lock of another process, and of one that has ended.
struct LockPatience {
  static constexpr std::chrono::milliseconds kPause{50};  // between two tries
  int tries = 40;                                         // two seconds
  int orphaned_tries = 2400;                              // two minutes
};

class LockedDirectory;

class DataDirectory {
 public:
  // Refuses a directory that is not empty. Draws the disk identity; makes the first log segment.
  static Result<void> format(const std::string& path, Configuration configuration, bool direct);
  // Locks it. Errors: missing, not formatted, newer format, damaged, in use by process N.
  // `tell` (may be empty) hears what it waits for, now and then, when that takes long.
  static Result<std::unique_ptr<LockedDirectory>> open(
      const std::string& path, const std::function<void(std::string_view)>& tell = {},
      LockPatience patience = {});
  // Without the lock, for `onced inspect`.
  static Result<Configuration> read_configuration(const std::string& path);
  static Result<uint32_t> read_streams(const std::string& path);  // as streams()
  // The process that has it, 0 if that cannot be told; nothing: none has, as far as can be seen.
  static std::optional<pid_t> used_by(const std::string& path);

  virtual ~DataDirectory() = default;
  virtual const Configuration& configuration() const = 0;
  virtual const std::string& path() const = 0;
  // How many log streams there must be: one that is gone is a loss, not a new stream.
  virtual uint32_t streams() const = 0;
  virtual Result<void> remember_streams(uint32_t count) = 0;  // durable when it returns
  // The files of those that there need not be: of a start that did not end, or no longer needed.
  // How many they were. Files that are called otherwise stay.
  virtual Result<size_t> remove_other_streams() = 0;
  // Empty: this is the disk that we know under that number, or the first one (then remembered
  // durably before this returns). Otherwise the reason to refuse. Waits for the disk only where
  // none is known. Any thread.
  virtual std::string check_peer_disk(NodeId node, DiskId disk) = 0;
  // The disks that it remembers, durably. Waits for no disk. Any thread.
  virtual net::DiskTable known_disks() = 0;
  virtual Standing standing() const = 0;  // as it was when the directory was opened
  virtual Result<void> remember_standing(Standing standing) = 0;  // durable when it returns
};

// One on the machine's own disk, as open() gives it. Only who sets up the rings sees the
// descriptor.
class LockedDirectory : public DataDirectory {
 public:
  // Locked by flock(2) as long as anybody has its file open: for IoOptions::held_file. Owned by
  // this.
  virtual int lock_descriptor() const = 0;
};

// "1=HOST:PORT,2=HOST:PORT": numbers 1..kMaxNodes, each once. The order is that of the slots.
Result<std::vector<std::pair<NodeId, std::string>>> parse_members(const std::string& text);
// Of a new cluster: no two members have one address, however it is written, and each can be
// dialled. What it returns is advice for people; often none.
Result<std::string> check_member_list(const std::vector<std::pair<NodeId, std::string>>& members);
Result<ClusterId> parse_cluster_id(const std::string& hex);  // 1..32 hex digits

}  // namespace once::server

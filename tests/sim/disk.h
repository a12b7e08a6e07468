// One node's simulated disk: files of sectors, writes in flight, and what a crash leaves of them.
// Recovery reads it through wal::Storage; the running log writes it through SimIo. Blocks are kept
// without their trailing zeros, because most of a log block is zeros.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "tests/sim/world.h"
#include "wal/storage.h"

namespace once::sim {

inline constexpr size_t kSectorBytes = 512;

struct DiskRates {
  int64_t latency_ns = 500 * kUs;  // of most writes
  int64_t jitter_ns = 500 * kUs;
  uint32_t slow = 0;  // per million writes: up to `slow_ns`
  int64_t slow_ns = 2 * kSecond;
  uint32_t error = 0;        // per million writes: EIO
  uint32_t short_write = 0;  // per million writes
  uint32_t torn = 0;         // per million writes in flight at a crash, a part lands
};

class SimDisk final : public wal::Storage {
 public:
  explicit SimDisk(World& world) : world_(world) {}

  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<uint64_t> sync_and_size(const std::string& path) override;
  Result<size_t> read(const std::string& path, uint64_t offset, std::span<char> bytes) override;
  Result<void> create(const std::string& path, uint64_t size, std::span<const char> head) override;

  bool exists(const std::string& path) const { return files_.contains(path); }
  // As long as no sync_names() follows, a crash may take it back: see forget_names().
  void rename(const std::string& from, const std::string& to);
  void remove(const std::string& path);
  void sync_names() { unsynced_.clear(); }
  // The machine is gone: of what was renamed and removed since the last sync, what came last is
  // taken back, so much as `kept` leaves of it.
  void forget_names(size_t kept);
  size_t unsynced_names() const { return unsynced_.size(); }
  // Lands a whole write. Offset and size are multiples of a block.
  void write(const std::string& path, uint64_t offset, std::string_view bytes);
  // Lands only the sectors for which `lands(sector)` is true.
  void write_some(const std::string& path, uint64_t offset, std::string_view bytes,
                  const std::function<bool(size_t)>& lands);
  void flip_bit(const std::string& path, uint64_t offset, unsigned bit);
  std::vector<std::string> paths() const;
  uint64_t size_of(const std::string& path) const;
  void wipe() {
    files_.clear();
    unsynced_.clear();
  }
  bool full = false;  // no new files

 private:
  struct File {
    uint64_t bytes = 0;
    std::vector<std::string> blocks;
  };
  void put(File& file, size_t block, std::string_view bytes);

  struct NameChange {
    std::string from;
    std::string to;  // empty: removed
    File removed;
  };

  World& world_;
  std::map<std::string, File> files_;
  std::vector<NameChange> unsynced_;
};

}  // namespace once::sim

// The files of SimIo: writes and reads that take their time, and what the helper thread does.
#include <utility>

#include "base/assert.h"
#include "tests/sim/sim_io.h"

namespace once::sim {

Result<reactor::FileId> SimIo::open_file(const std::string& path, bool,
                                         reactor::FileHandler* handler) {
  if (!disk_.exists(path)) return error("cannot open " + path + ": No such file or directory");
  files_.push_back({path, handler, true});
  return reactor::FileId{static_cast<uint32_t>(files_.size() - 1)};
}

void SimIo::close_file(reactor::FileId file) { files_[file.value].open = false; }

void SimIo::write_file(reactor::FileId file, uint64_t offset, std::span<const char> bytes,
                       reactor::SyncMode, uint64_t token) {
  ONCE_ASSERT(files_[file.value].open);
  Write write{file.value, offset, token, std::string(bytes.data(), bytes.size()),
              Write::Fate::kDone};
  int64_t latency = disk_rates_.latency_ns + world_.between(0, disk_rates_.jitter_ns);
  if (world_.chance(disk_rates_.slow)) {
    latency += world_.between(20 * kMs, disk_rates_.slow_ns);
    world_.count(Fault::kSlowWrite);
    world_.tell("node {} disk: a write takes {} ms", host_ + 1, latency / kMs);
  }
  if (world_.chance(disk_rates_.error)) write.fate = Write::Fate::kError;
  if (world_.chance(disk_rates_.short_write)) write.fate = Write::Fate::kShort;
  watcher_.on_submitted(latency);
  const uint64_t id = next_id_++;
  writes_.emplace(id, std::move(write));
  world_.after(latency, this, kWriteDone, id);
}

void SimIo::finish_write(uint64_t id) {
  const auto found = writes_.find(id);
  if (found == writes_.end()) return;
  const Write write = std::move(found->second);
  writes_.erase(found);
  const std::string& path = files_[write.file].path;
  world_.mix(checksum(write.bytes.data(), write.bytes.size()), write.offset);
  if (write.fate == Write::Fate::kDone) {
    disk_.write(path, write.offset, write.bytes);
    watcher_.on_landed(path, write.offset, write.bytes);
    return happen({.kind = Kind::kWritten, .id = write.file, .token = write.token});
  }
  const bool is_short = write.fate == Write::Fate::kShort;
  world_.count(is_short ? Fault::kShortWrite : Fault::kWriteError);
  const uint64_t seed = world_.prng().next();
  const size_t landed = world_.below(write.bytes.size() / kSectorBytes);
  disk_.write_some(path, write.offset, write.bytes, [&](size_t sector) {
    return is_short ? sector < landed : (seed >> (sector & 63) & 1) != 0;
  });
  happen({.kind = Kind::kFileFailed,
          .id = write.file,
          .text = is_short ? "short write to " + path : "cannot write " + path + ": I/O error"});
}

void SimIo::read_file(reactor::FileId file, uint64_t offset, std::span<char> bytes,
                      uint64_t token) {
  ONCE_ASSERT(files_[file.value].open);
  const uint64_t id = next_id_++;
  reads_.emplace(id, Read{file.value, offset, token, bytes});
  const int64_t latency = disk_rates_.latency_ns + world_.between(0, disk_rates_.jitter_ns);
  world_.after(latency, this, kReadDone, id);
}

void SimIo::finish_read(uint64_t id) {
  const auto found = reads_.find(id);
  if (found == reads_.end()) return;
  const Read read = found->second;
  reads_.erase(found);
  const auto got = disk_.read(files_[read.file].path, read.offset, read.bytes);
  ONCE_ASSERT(got && *got == read.bytes.size());
  happen({.kind = Kind::kRead, .id = read.file, .token = read.token});
}

// --- the helper thread
// ----------------------------------------------------------------------------

void SimIo::prepare_file(const std::string& path, uint64_t size,
                         reactor::FilePreparedHandler* handler) {
  ask_helper({.path = path, .size = size, .handler = handler});
}

void SimIo::recycle_file(const std::string& from, const std::string& to,
                         reactor::FilePreparedHandler* handler) {
  ask_helper({.path = to, .handler = handler, .from = from});
}

bool SimIo::remove_file(const std::string& path) {
  ask_helper({.path = path, .removed = true});
  return true;
}

void SimIo::ask_helper(Preparation preparation) {
  preparations_.push_back(std::move(preparation));
  if (preparations_.size() == 1) begin_preparation();
}

void SimIo::begin_preparation() {
  world_.after(world_.between(kMs, 20 * kMs), this, kPrepared, process_);
}

void SimIo::finish_preparation() {
  Preparation& file = preparations_.front();
  if (!file.from.empty() && !file.renamed) {
    disk_.rename(file.from, file.path);
    file.renamed = true;
    return begin_preparation();  // of its second half, the sync of the directory
  }
  if (file.removed) {
    disk_.remove(file.path);
  } else {
    happen(
        {.kind = Kind::kPrepared, .text = make(file), .path = file.path, .prepared = file.handler});
  }
  preparations_.pop_front();
  if (!preparations_.empty()) begin_preparation();
}

// Empty, or why it failed.
std::string SimIo::make(const Preparation& file) {
  if (!file.renamed && !disk_.exists(file.path)) {
    if (const auto made = disk_.create(file.path, file.size, {}); !made) {
      world_.tell("node {} disk full: {}", host_ + 1, made.error().message);
      return made.error().message;
    }
  }
  disk_.sync_names();
  return "";
}

}  // namespace once::sim

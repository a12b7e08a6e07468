// Thirty writes of one block each way, onto zero-filled space as in the log; the medians decide.
#include "wal/sync_probe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include "wal/posix_file.h"
#include "wal/segment.h"

namespace once::wal {
namespace {

constexpr size_t kWrites = 30;
// In the ring every fdatasync goes through a worker thread, which this probe does not see: it must
// be well ahead (measured: it matters on consumer drives, by a factor of two and more).
constexpr double kWorthAHop = 0.6;

Result<void> write_dsync(const Descriptor& file, const std::string& path, char* block,
                         uint64_t offset) {
  iovec part{block, kBlockBytes};
  ssize_t written = pwritev2(file.get(), &part, 1, static_cast<off_t>(offset), RWF_DSYNC);
  if (written >= 0 && static_cast<size_t>(written) != kBlockBytes) errno = EOPNOTSUPP;
  if (written != static_cast<ssize_t>(kBlockBytes)) {
    return tl::unexpected(system_error("write", path));
  }
  return {};
}

Result<void> write_fdatasync(const Descriptor& file, const std::string& path, char* block,
                             uint64_t offset) {
  auto written = write_fully(file, path, block, kBlockBytes, offset);
  if (!written) return written;
  if (fdatasync(file.get()) != 0) return tl::unexpected(system_error("sync", path));
  return {};
}

template <class Write>
Result<int64_t> time_ns(Write write, uint64_t offset) {
  const auto begin = std::chrono::steady_clock::now();
  Result<void> written = write(offset);
  if (!written) return tl::unexpected(written.error());
  return (std::chrono::steady_clock::now() - begin).count();
}

int64_t median(std::array<int64_t, kWrites>& times) {
  std::nth_element(times.begin(), times.begin() + kWrites / 2, times.end());
  return times[kWrites / 2];
}

// A kernel or a file system that does not know forced writes says so, and a container's seccomp
// profile that does not know pwritev2 denies it (EPERM). All else is the disk's.
bool is_not_there(int error_number) {
  return error_number == EOPNOTSUPP || error_number == EINVAL || error_number == ENOSYS ||
         error_number == EPERM;
}

bool is_full(int error_number) { return error_number == ENOSPC || error_number == EDQUOT; }

Result<reactor::SyncMode> not_measured(std::string* report) {
  if (report != nullptr) *report = "log sync: RWF_DSYNC (not measured: the disk is full)";
  return reactor::SyncMode::kDsync;
}

Result<reactor::SyncMode> measure(const std::string& path, bool direct, std::string* report) {
  // A node whose disk is full, of blocks or of inodes, must start all the same: it serves reads,
  // and recovers by itself.
  auto file = open_aligned(path, O_RDWR | O_CREAT | O_TRUNC, direct);
  if (!file) return is_full(errno) ? not_measured(report) : tl::unexpected(file.error());
  if (is_full(posix_fallocate(file->get(), 0, kWrites * kBlockBytes))) return not_measured(report);
  AlignedBytes blocks = allocate_aligned(kWrites * kBlockBytes);
  auto filled = write_fully(*file, path, blocks.get(), kWrites * kBlockBytes, 0);
  if (!filled) return is_full(errno) ? not_measured(report) : tl::unexpected(filled.error());
  if (fsync(file->get()) != 0) {
    if (is_full(errno)) return not_measured(report);
    return tl::unexpected(system_error("sync", path));
  }

  // By turns, so that what else the device does meanwhile weighs on both alike.
  std::array<int64_t, kWrites> fdatasync_times, dsync_times;
  bool has_dsync = true;  // a kernel or file system without RWF_DSYNC still has the other way
  for (size_t index = 0; index < kWrites; ++index) {
    const uint64_t offset = index * kBlockBytes;
    auto flushed = time_ns(
        [&](uint64_t at) { return write_fdatasync(*file, path, blocks.get(), at); }, offset);
    if (!flushed) return tl::unexpected(flushed.error());
    fdatasync_times[index] = *flushed;
    if (!has_dsync) continue;
    auto written =
        time_ns([&](uint64_t at) { return write_dsync(*file, path, blocks.get(), at); }, offset);
    if (!written && !is_not_there(errno)) {
      return is_full(errno) ? not_measured(report) : tl::unexpected(written.error());
    }
    has_dsync = written.has_value();
    if (has_dsync) dsync_times[index] = *written;
  }
  const int64_t fdatasync_ns = median(fdatasync_times);
  const int64_t dsync_ns = has_dsync ? median(dsync_times) : 0;
  const bool dsync =
      has_dsync && static_cast<double>(dsync_ns) * kWorthAHop <= static_cast<double>(fdatasync_ns);
  if (report != nullptr) {
    *report = fmt::format(
        "log sync: {} (median of {} writes of 4 KiB: RWF_DSYNC {}, "
        "fdatasync {} us)",
        dsync ? "RWF_DSYNC" : "write + fdatasync", kWrites,
        has_dsync ? fmt::format("{} us", dsync_ns / 1000) : "not available", fdatasync_ns / 1000);
  }
  return dsync ? reactor::SyncMode::kDsync : reactor::SyncMode::kFdatasync;
}

}  // namespace

Result<reactor::SyncMode> probe_sync(const std::string& directory, bool direct,
                                     std::string* report) {
  std::string path = directory + "/sync-probe.tmp";
  auto mode = measure(path, direct, report);
  unlink(path.c_str());
  return mode;
}

}  // namespace once::wal

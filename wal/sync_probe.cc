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

#include "wal/segment.h"

namespace once::wal {
namespace {

constexpr size_t kWrites = 30;

Result<void> write_dsync(const Descriptor& file, const std::string& path, char* block,
                         uint64_t offset) {
  iovec part{block, kBlockBytes};
  ssize_t written = pwritev2(file.get(), &part, 1, static_cast<off_t>(offset), RWF_DSYNC);
  if (written >= 0 && static_cast<size_t>(written) != kBlockBytes) errno = EIO;
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
Result<int64_t> median_ns(Write write) {
  std::array<int64_t, kWrites> times;
  for (size_t index = 0; index < kWrites; ++index) {
    auto begin = std::chrono::steady_clock::now();
    Result<void> written = write(index * kBlockBytes);
    if (!written) return tl::unexpected(written.error());
    times[index] = (std::chrono::steady_clock::now() - begin).count();
  }
  std::nth_element(times.begin(), times.begin() + kWrites / 2, times.end());
  return times[kWrites / 2];
}

Result<reactor::SyncMode> measure(const std::string& path, bool direct, std::string* report) {
  auto file = open_aligned(path, O_RDWR | O_CREAT | O_TRUNC, direct);
  if (!file) return tl::unexpected(file.error());
  AlignedBytes blocks = allocate_aligned(kWrites * kBlockBytes);
  auto filled = write_fully(*file, path, blocks.get(), kWrites * kBlockBytes, 0);
  if (!filled) return tl::unexpected(filled.error());
  if (fsync(file->get()) != 0) return tl::unexpected(system_error("sync", path));

  auto fdatasync_ns = median_ns(
      [&](uint64_t offset) { return write_fdatasync(*file, path, blocks.get(), offset); });
  if (!fdatasync_ns) return tl::unexpected(fdatasync_ns.error());
  auto dsync_ns =
      median_ns([&](uint64_t offset) { return write_dsync(*file, path, blocks.get(), offset); });
  // A kernel or file system without RWF_DSYNC still has the other way.
  bool dsync = dsync_ns && *dsync_ns <= *fdatasync_ns;
  if (report != nullptr) {
    *report = fmt::format(
        "log sync: {} (median of {} writes of 4 KiB: RWF_DSYNC {}, "
        "fdatasync {} us)",
        dsync ? "RWF_DSYNC" : "write + fdatasync", kWrites,
        dsync_ns ? fmt::format("{} us", *dsync_ns / 1000) : "not available", *fdatasync_ns / 1000);
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

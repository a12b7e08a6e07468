#include "wal/posix_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/sync_directory.h"

namespace once::wal {
namespace {

constexpr uint32_t kTmpfs = 0x01021994;
constexpr uint32_t kRamfs = 0x858458f6;

// As statfs(2) gives it for the directory of `path`; 0 if that fails.
uint32_t file_system_magic(const std::string& path) {
  struct statfs info {};
  std::string where = std::filesystem::path(path).parent_path().string();
  if (statfs(where.empty() ? "." : where.c_str(), &info) != 0) return 0;
  return static_cast<uint32_t>(info.f_type);
}

bool is_in_memory(const std::string& path) {
  const uint32_t magic = file_system_magic(path);
  return magic == kTmpfs || magic == kRamfs;
}

std::string file_system_type(const std::string& path) {
  const uint32_t magic = file_system_magic(path);
  switch (magic) {
    case 0:
      return "unknown";
    case kTmpfs:
      return "tmpfs";
    case 0x794c7630:
      return "overlayfs";
    case kRamfs:
      return "ramfs";
    case 0xef53:
      return "ext4";
    case 0x58465342:
      return "XFS";
    case 0x9123683e:
      return "btrfs";
    case 0x6969:
      return "NFS";
    case 0x2fc12fc1:
      return "ZFS";
    case 0x65735546:
      return "FUSE";
    case 0x01021997:
      return "9p";
    default:
      return fmt::format("type {:#x}", magic);
  }
}

// Since Linux 6.6 tmpfs takes O_DIRECT, and has no more of a disk than before.
Result<void> check_disk(const std::string& path) {
  if (!is_in_memory(path)) return {};
  return error(fmt::format(
      "{} would be on {}, which is in memory only; put the data directory on ext4 or XFS, or "
      "give --unsafe-buffered-log (a reboot then loses everything)",
      path, file_system_type(path)));
}

Error direct_refused(const std::string& path) {
  return Error{fmt::format(
      "O_DIRECT is refused by the file system of {} ({}); put the data directory on ext4 or XFS, "
      "or start with --unsafe-buffered-log (a power cut may then lose acknowledged writes)",
      path, file_system_type(path))};
}

}  // namespace

Error system_error(const char* verb, const std::string& path) {
  return Error{fmt::format("cannot {} {}: {}", verb, path, std::strerror(errno))};
}

Result<Descriptor> open_aligned(const std::string& path, int flags, bool direct) {
  auto fits = direct ? check_disk(path) : Result<void>{};
  if (!fits) return tl::unexpected(fits.error());
  Descriptor fd(open(path.c_str(), flags | O_CLOEXEC | (direct ? O_DIRECT : 0), 0600));
  if (fd) return fd;
  if (direct && errno == EINVAL) return tl::unexpected(direct_refused(path));
  return tl::unexpected(system_error("open", path));
}

Result<void> make_file(const std::string& path, const FileContents& contents, bool direct) {
  auto fits = direct ? check_disk(path) : Result<void>{};
  if (!fits) return fits;
  const auto failed = make_durable_file(path, contents, direct ? O_DIRECT : 0);
  if (!failed) return {};
  errno = failed->error_number;
  if (direct && errno == EINVAL) return tl::unexpected(direct_refused(failed->path));
  return tl::unexpected(system_error(failed->doing, failed->path));
}

Result<uint64_t> file_bytes(const Descriptor& file, const std::string& path) {
  struct stat info {};
  if (fstat(file.get(), &info) != 0) return tl::unexpected(system_error("stat", path));
  return static_cast<uint64_t>(info.st_size);
}

Result<void> sync_directory(const std::string& directory) {
  errno = once::sync_directory(directory);
  if (errno != 0) return tl::unexpected(system_error("sync directory", directory));
  return {};
}

Result<void> write_fully(const Descriptor& file, const std::string& path, const char* bytes,
                         size_t size, uint64_t offset) {
  while (size > 0) {
    ssize_t written = pwrite(file.get(), bytes, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written == 0) errno = EIO;
    if (written <= 0) return tl::unexpected(system_error("write", path));
    bytes += written;
    size -= static_cast<size_t>(written);
    offset += static_cast<uint64_t>(written);
  }
  return {};
}

Result<size_t> read_fully(const Descriptor& file, const std::string& path, char* bytes, size_t size,
                          uint64_t offset) {
  size_t done = 0;
  while (done < size) {
    ssize_t got = pread(file.get(), bytes + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return tl::unexpected(system_error("read", path));
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

}  // namespace once::wal

// Names and blocking access of segment files, and the making of a stream's first one.
#include "wal/segment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/assert.h"

namespace once::wal {
namespace {

std::string file_system_type(const std::string& path) {
  struct statfs info {};
  std::string where = std::filesystem::path(path).parent_path().string();
  if (statfs(where.empty() ? "." : where.c_str(), &info) != 0) return "unknown";
  switch (static_cast<uint32_t>(info.f_type)) {
    case 0x01021994:
      return "tmpfs";
    case 0x794c7630:
      return "overlayfs";
    case 0x858458f6:
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
      return fmt::format("type {:#x}", static_cast<uint32_t>(info.f_type));
  }
}

bool parse_generation(const std::string& name, uint32_t stream, uint64_t* generation) {
  std::string prefix = fmt::format("log-{}-", stream);
  constexpr std::string_view suffix = ".seg";
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return false;
  if (name.size() <= prefix.size() + suffix.size()) return false;
  const char* begin = name.data() + prefix.size();
  const char* end = name.data() + name.size() - suffix.size();
  auto [at, code] = std::from_chars(begin, end, *generation);
  return code == std::errc{} && at == end;
}

Result<void> write_first_segment(const Identity& identity, const LogOptions& options,
                                 const std::string& path) {
  auto file = open_aligned(path, O_RDWR | O_CREAT | O_EXCL, options.direct);
  if (!file) return tl::unexpected(file.error());
  AlignedBytes buffer = allocate_aligned(kMaxBatchBytes);
  for (uint64_t at = kMaxBatchBytes; at < options.segment_bytes; at += kMaxBatchBytes) {
    auto written = write_fully(*file, path, buffer.get(), kMaxBatchBytes, at);
    if (!written) return written;
  }
  BlockHeader header = header_for(identity, options.stream);
  header.kind = static_cast<uint32_t>(BlockKind::kSegmentHeader);
  header.generation = kFirstGeneration;
  header.segment_first_sequence = kFirstSequence;
  header.sequence = kFirstSequence;
  header.durable_sequence = kFirstSequence;
  seal_block(buffer.get(), header);
  auto written = write_fully(*file, path, buffer.get(), kMaxBatchBytes, 0);
  if (!written) return written;
  if (fsync(file->get()) != 0) return tl::unexpected(system_error("sync", path));
  return {};
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

void AlignedFree::operator()(char* memory) const { std::free(memory); }

AlignedBytes allocate_aligned(size_t bytes) {
  char* memory = static_cast<char*>(std::aligned_alloc(kBlockBytes, bytes));
  ONCE_ASSERT(memory != nullptr);
  std::memset(memory, 0, bytes);
  return AlignedBytes(memory);
}

std::string segment_path(const std::string& directory, uint32_t stream, uint64_t generation) {
  return fmt::format("{}/log-{}-{}.seg", directory, stream, generation);
}

Error system_error(const char* verb, const std::string& path) {
  return Error{fmt::format("cannot {} {}: {}", verb, path, std::strerror(errno))};
}

Result<std::vector<SegmentFile>> list_segments(const std::string& directory, uint32_t stream) {
  std::error_code code;
  std::filesystem::directory_iterator at(directory, code);
  std::vector<SegmentFile> segments;
  for (; !code && at != std::filesystem::directory_iterator(); at.increment(code)) {
    uint64_t generation = 0;
    if (!parse_generation(at->path().filename().string(), stream, &generation)) continue;
    segments.push_back({generation, segment_path(directory, stream, generation)});
  }
  if (code) return error(fmt::format("cannot list {}: {}", directory, code.message()));
  std::sort(segments.begin(), segments.end(),
            [](const auto& a, const auto& b) { return a.generation < b.generation; });
  return segments;
}

Result<Descriptor> open_aligned(const std::string& path, int flags, bool direct) {
  int fd = open(path.c_str(), flags | O_CLOEXEC | (direct ? O_DIRECT : 0), 0600);
  if (fd >= 0) return Descriptor(fd);
  if (direct && errno == EINVAL) {
    return error(fmt::format(
        "O_DIRECT is refused by the file system of {} ({}); put the data directory on ext4 or XFS, "
        "or start with --unsafe-buffered-log (a power cut may then lose acknowledged writes)",
        path, file_system_type(path)));
  }
  return tl::unexpected(system_error("open", path));
}

Result<uint64_t> file_bytes(const Descriptor& file, const std::string& path) {
  struct stat info {};
  if (fstat(file.get(), &info) != 0) return tl::unexpected(system_error("stat", path));
  return static_cast<uint64_t>(info.st_size);
}

Result<void> sync_directory(const std::string& directory) {
  Descriptor opened(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() < 0) return tl::unexpected(system_error("open", directory));
  if (fsync(opened.get()) != 0) return tl::unexpected(system_error("sync", directory));
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

Result<void> create_stream(const Identity& identity, const LogOptions& options) {
  if (options.segment_bytes == 0 || options.segment_bytes % kMaxBatchBytes != 0) {
    return error(fmt::format("segment size {} is not a multiple of {} bytes", options.segment_bytes,
                             kMaxBatchBytes));
  }
  auto present = list_segments(options.directory, options.stream);
  if (!present) return tl::unexpected(present.error());
  if (!present->empty()) {
    return error(fmt::format("{} exists already; a stream is made once", present->front().path));
  }
  std::string path = segment_path(options.directory, options.stream, kFirstGeneration);
  std::string unfinished = path + ".tmp";
  unlink(unfinished.c_str());
  auto written = write_first_segment(identity, options, unfinished);
  if (!written) {
    unlink(unfinished.c_str());
    return written;
  }
  if (rename(unfinished.c_str(), path.c_str()) != 0) {
    return tl::unexpected(system_error("rename", unfinished));
  }
  return sync_directory(options.directory);
}

}  // namespace once::wal

// Files that are there whole and durable, or not at all: a file is written as PATH.tmp and synced,
// then it gets its name, then its directory is synced. Blocking; any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace once {

struct FileFailure {
  const char* doing = "";  // "write to"; empty: it was stopped
  std::string path;
  int error_number = 0;
};

struct FileContents {
  std::span<const char> head;  // of O_DIRECT: whole blocks
  uint64_t bytes = 0;          // in all, not fewer than of `head`; the rest are zeros
};

// Nobody but the owner may read it. Nothing: it is there. Else nothing is left behind, but for a
// failure of the directory's sync: then the name may be there or not after a power cut.
// `more_flags`: for open(2), as O_DIRECT. `stopping`: ends it midway once it is true.
[[nodiscard]] std::optional<FileFailure> make_durable_file(
    const std::string& path, const FileContents& contents, int more_flags = 0,
    const std::atomic<bool>* stopping = nullptr);

// What a file is called until it is whole.
std::string unfinished_name(const std::string& path);

}  // namespace once

// Blocking access to files by descriptor, for what runs before a log does. Errors name the file and
// the reason. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/descriptor.h"
#include "base/durable_file.h"
#include "base/result.h"

namespace once::wal {

// `flags` as for open(2); with `direct`, a refused O_DIRECT gets an error that says what to do.
Result<Descriptor> open_aligned(const std::string& path, int flags, bool direct);
// The same of a file that is not there yet.
Result<void> make_file(const std::string& path, const FileContents& contents, bool direct);
Result<uint64_t> file_bytes(const Descriptor& file, const std::string& path);
Result<void> sync_directory(const std::string& directory);
Result<void> write_fully(const Descriptor& file, const std::string& path, const char* bytes,
                         size_t size, uint64_t offset);
// Reads up to `size` bytes; fewer only at the end of the file.
Result<size_t> read_fully(const Descriptor& file, const std::string& path, char* bytes, size_t size,
                          uint64_t offset);
// "cannot VERB PATH: REASON", from errno.
Error system_error(const char* verb, const std::string& path);

}  // namespace once::wal

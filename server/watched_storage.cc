#include "server/watched_storage.h"

#include "server/log_place.h"
#include "wal/numbers.h"
#include "wal/posix_file.h"
#include "wal/segment.h"
#include "wal/stream_files.h"

namespace once::server {

// The newest segment that was begun is read twice: once for what its blocks say of each other, once
// for its records. Files that do not count are not read.
uint64_t bytes_to_read(wal::Storage& storage, const Configuration& configuration,
                       const std::string& directory, uint32_t stream) {
  const wal::LogOptions options = log_place(configuration, directory, stream);
  const wal::AlignedBytes block = wal::allocate_aligned(kBlockBytes);
  const auto files = wal::find_stream_files(storage, log_identity(configuration), options,
                                            wal::kNoEnd, block.get());
  if (!files) return 0;
  const size_t twice = files->newest == wal::Generation{} ? 0 : 1;
  return (files->counted.size() + twice) * configuration.segment_bytes;
}

}  // namespace once::server

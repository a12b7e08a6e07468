#include "server/watched_storage.h"

#include "wal/segment.h"

namespace once::server {

// The newest segment that was begun is read twice: once for what its blocks say of each other, once
// for its records. Counted by their names: to look into a file is to sync it first, and the kernel
// tells of a failed sync once. Whoever goes on from the log must be the one who is told.
uint64_t bytes_to_read(wal::Storage& storage, const Configuration& configuration,
                       const std::string& directory, uint32_t stream) {
  const auto files = wal::list_segments(storage, directory, stream);
  if (!files || files->empty()) return 0;
  return (files->size() + 1) * configuration.segment_bytes;
}

}  // namespace once::server

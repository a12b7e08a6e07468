// Log streams that there need not be: what a start or a removal left that did not end, or those of
// cores that are gone, whose names are in other streams by now. Reads files. Any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/types.h"
#include "server/data_directory.h"
#include "wal/storage.h"

namespace once::server {

// The numbers of those, ascending: a start may remove them. `latest`: the last run that the streams
// that there must be know of. A stream that this run, or a later one, wrote is no left-over: then
// the file `streams` is not the one of this log, and the error says so (corrupt). So it may be
// where a stream is damaged, or cannot be read: that is an error too.
Result<std::vector<uint32_t>> find_other_streams(wal::Storage& storage,
                                                 const DataDirectory& directory,
                                                 Incarnation latest);

}  // namespace once::server

// Measures which way of making a write durable is faster on this disk. Blocking; at start only.
#pragma once

#include <string>

#include "base/result.h"
#include "reactor/io.h"

namespace once::wal {

// Uses a temporary file in `directory`, and removes it. `report` (may be null) gets one line for
// the process log.
Result<reactor::SyncMode> probe_sync(const std::string& directory, bool direct,
                                     std::string* report);

}  // namespace once::wal

// Whether a block that was read may be what the log wrote there, and the words for it if not.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "wal/block_format.h"

namespace once::wal {

tl::unexpected<Error> corrupt(const std::string& path, uint64_t block, const std::string& what);

// Magic and checksum are right. The header is then the block's.
bool is_whole(char* block, BlockHeader* header);

// The rest is about whole blocks.
Result<void> check_owner(const BlockHeader& header, const Identity& identity,
                         const std::string& path);
// It says that it is block `index` of a segment of this stream, whichever generation that has.
bool in_place(const BlockHeader& header, uint32_t stream, uint64_t index);
// A run can count on from what it says. REQUIRES: it is in place, so that its segment's first
// sequence tells how high its own can be. (The list of segments judges generations.)
bool can_go_on(const BlockHeader& header);
std::string place_of(const BlockHeader& header);

}  // namespace once::wal

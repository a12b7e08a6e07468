// What two cores say to each other so that the one who was away learns what was decided meanwhile
// (DESIGN 3.6). Views point into memory of whoever made the message, as in messages.h.
#pragma once

#include <cstdint>
#include <string_view>

namespace once::paxos {

// `pass`: the asker's own number, returned as it was, so that no late answer is taken for another.

struct SyncCompare {  // what do you know to be decided of these shards?
  uint64_t pass = 0;
  uint16_t shard = 0;   // the first,
  uint16_t shards = 0;  // and how many
};
struct SyncDigest {
  uint64_t pass = 0;
  uint16_t shard = 0;
  uint16_t shards = 0;
  std::string_view digests;  // packed, by bucket (digest.h): u32 count, u64 sum
};
struct SyncNames {  // which names do you know to be decided, of these buckets?
  uint64_t pass = 0;
  uint64_t cursor = 0;  // first entry wanted; 0, then what the page before said
  uint16_t most = 0;
  std::string_view buckets;  // one bit each
};
struct SyncPage {
  uint64_t pass = 0;
  uint64_t cursor = 0;
  uint64_t next = 0;       // cursor of the next page
  uint64_t end = 0;        // entries that the teller has now
  std::string_view names;  // packed: see pages.h
};
struct SyncFetch {  // what do you hold of this name?
  uint64_t op = 0;
  std::string_view name;
};

}  // namespace once::paxos

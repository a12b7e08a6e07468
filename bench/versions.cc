#include "bench/versions.h"

#include <algorithm>

namespace once::bench {

const char* Versions::made(uint64_t version, uint64_t floor) {
  if (version <= floor) return "a change is not above a version answered before it was asked for";
  highest_ = std::max(highest_, version);
  if (version > most_) return nullptr;  // is_full() tells
  if (version >= made_.size())
    made_.resize(std::min(std::max(version, 2 * made_.size()), most_) + 1);
  if (made_[version]) return "a version was made twice";
  made_[version] = true;
  return nullptr;
}

const char* Versions::shown(uint64_t version, uint64_t floor) {
  if (version < floor)
    return "an answer shows a version older than one answered before it was asked";
  highest_ = std::max(highest_, version);
  return nullptr;
}

const char* Versions::conflicted(uint64_t version, uint64_t expected, uint64_t floor) {
  if (version == expected) return "a conflict shows the version that was expected";
  return shown(version, floor);
}

}  // namespace once::bench

// Request ids as keys of hash tables.
#pragma once

#include <cstddef>

#include "base/types.h"

namespace once::check {

struct HashId {
  size_t operator()(const RequestId& id) const { return id.high * 0x9e3779b97f4a7c15u ^ id.low; }
};

}  // namespace once::check

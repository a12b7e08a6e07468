// What a node may say before it closes a connection, although its client has broken no rule.
#pragma once

#include <string_view>

namespace once::sim {

// `why`: as net::ClientChannel::feed returns it. A hello may be on its way for longer than a node
// waits for one: links are clogged, and processes stand still.
inline bool is_breach(std::string_view why) {
  return !why.empty() && !why.starts_with("the node says: no client hello came within");
}

}  // namespace once::sim

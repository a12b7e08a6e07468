// The session for a protocol's name.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "bench/peers/session.h"

namespace once::bench::peers {

// What all names begin with: ZooKeeper wants it to exist before them.
inline constexpr std::string_view kParent = "/bench";

// REQUIRES: "resp", "zookeeper" or "etcd". `address`: HOST:PORT of the server.
std::unique_ptr<Session> make_session(std::string_view protocol, const std::string& address);

}  // namespace once::bench::peers

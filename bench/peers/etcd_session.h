// gRPC to etcd over one HTTP/2 connection, by nghttp2: a stream for each request, as many at once
// as wanted.
#pragma once

#include <memory>

#include "bench/peers/session.h"

namespace once::bench::peers {

// `authority`: HOST:PORT of the server.
std::unique_ptr<Session> make_etcd_session(std::string authority);

}  // namespace once::bench::peers

#include "bench/peers/make_session.h"

#include "base/assert.h"
#include "bench/peers/etcd_session.h"
#include "bench/peers/resp_session.h"
#include "bench/peers/zookeeper_session.h"

namespace once::bench::peers {

std::unique_ptr<Session> make_session(std::string_view protocol, const std::string& address) {
  if (protocol == "etcd") return make_etcd_session(address);
  if (protocol == "zookeeper") return std::make_unique<ZookeeperSession>(std::string(kParent));
  ONCE_ASSERT(protocol == "resp");
  return std::make_unique<RespSession>();
}

}  // namespace once::bench::peers

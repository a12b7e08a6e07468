#include "server/node_doors.h"

#include "doors/http/http_door.h"
#include "doors/resp/door.h"

#ifndef ONCE_VERSION
#define ONCE_VERSION "unknown"
#endif

namespace once::server {

std::unique_ptr<doors::Door> NodeDoors::make(doors::Speaks who, doors::DoorHost& host) const {
  if (who == doors::Speaks::kHttp) return std::make_unique<doors::http::HttpDoor>(host);
  if (who == doors::Speaks::kResp) return std::make_unique<doors::RespDoor>(host);
  return nullptr;
}

std::string_view BareNodeView::version() const { return ONCE_VERSION; }

}  // namespace once::server

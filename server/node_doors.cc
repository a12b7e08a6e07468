#include "server/node_doors.h"

#include "doors/http/http_door.h"
#include "doors/resp/door.h"

namespace once::server {

std::unique_ptr<doors::Door> NodeDoors::make(doors::Speaks who, doors::DoorHost& host) const {
  if (who == doors::Speaks::kResp) return std::make_unique<doors::RespDoor>(host);
  if (who == doors::Speaks::kHttp) return std::make_unique<doors::http::HttpDoor>(host);
  return nullptr;
}

std::unique_ptr<doors::Door> make_admin_door(doors::DoorHost& host) {
  return std::make_unique<doors::http::HttpDoor>(host, doors::http::Serves::kAdministration);
}

}  // namespace once::server

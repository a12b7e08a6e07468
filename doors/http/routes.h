// The paths that this door knows, and what may be asked of each: one table.
#pragma once

#include <cstdint>
#include <string_view>

namespace once::doors::http {

enum class Method : uint8_t { kGet, kHead, kPut, kPost, kOptions, kOther, kUnknown };
// kOther: others have it, and no path here; kUnknown: no standard has it.
Method method_of(std::string_view word);

enum class Resource : uint8_t {
  kName,   // /v1/names/NAME
  kNext,   // /v1/names/NAME/next
  kSeal,   // /v1/names/NAME/seal
  kCheck,  // /v1/names/NAME/check
  kMetrics,
  kLive,
  kReady,
  kVersion,
  kHelp,
  kServer,  // "*", for OPTIONS
  kNowhere,
};

struct Route {
  Resource resource = Resource::kNowhere;
  std::string_view name;     // still with its %xx; empty where there is none
  std::string_view allowed;  // as in the field Allow
};

Route route_of(std::string_view path);
bool is_allowed(const Route& route, Method method);
// Of figures and health, not of names.
bool is_administrative(Resource resource);
// Of this node alone, and of how it is just now.
inline bool tells_of_node(Resource resource) {
  return resource >= Resource::kMetrics && resource <= Resource::kVersion;
}
inline bool is_of_name(Resource resource) { return resource <= Resource::kCheck; }

}  // namespace once::doors::http

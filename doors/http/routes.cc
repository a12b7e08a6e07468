#include "doors/http/routes.h"

#include <algorithm>

namespace once::doors::http {
namespace {

constexpr std::string_view kNames = "/v1/names/";

struct Known {
  std::string_view path;  // of a name: what follows it
  Resource resource;
  std::string_view allowed;
};

constexpr Known kRoutes[] = {
    {"", Resource::kName, "GET, HEAD, PUT, OPTIONS"},
    {"/next", Resource::kNext, "POST, OPTIONS"},
    {"/seal", Resource::kSeal, "POST, OPTIONS"},
    {"/check", Resource::kCheck, "POST, OPTIONS"},
    {"/metrics", Resource::kMetrics, "GET, HEAD, OPTIONS"},
    {"/livez", Resource::kLive, "GET, HEAD, OPTIONS"},
    {"/readyz", Resource::kReady, "GET, HEAD, OPTIONS"},
    {"/version", Resource::kVersion, "GET, HEAD, OPTIONS"},
    {"/", Resource::kHelp, "GET, HEAD, OPTIONS"},
    {"*", Resource::kServer, "OPTIONS"},
};

constexpr std::pair<std::string_view, Method> kMethods[] = {
    {"GET", Method::kGet},     {"HEAD", Method::kHead},       {"PUT", Method::kPut},
    {"POST", Method::kPost},   {"OPTIONS", Method::kOptions}, {"DELETE", Method::kOther},
    {"PATCH", Method::kOther}, {"TRACE", Method::kOther},     {"CONNECT", Method::kOther},
};

}  // namespace

Method method_of(std::string_view word) {
  for (const auto& [name, method] : kMethods) {
    if (name == word) return method;
  }
  return Method::kUnknown;
}

bool is_administrative(Resource resource) {
  return !is_of_name(resource) && resource != Resource::kNowhere;
}

Route route_of(std::string_view path) {
  Route route;
  const bool of_name = path.starts_with(kNames);
  if (of_name) {
    path.remove_prefix(kNames.size());
    const size_t end = std::min(path.find('/'), path.size());
    route.name = path.substr(0, end);
    path.remove_prefix(end);
  }
  for (const Known& known : kRoutes) {
    if (known.path != path || is_of_name(known.resource) != of_name) continue;
    route.resource = known.resource;
    route.allowed = known.allowed;
  }
  return route;
}

bool is_allowed(const Route& route, Method method) {
  std::string_view list = route.allowed;
  while (!list.empty()) {
    const size_t end = std::min(list.find(", "), list.size());
    if (method_of(list.substr(0, end)) == method) return true;
    list.remove_prefix(std::min(end + 2, list.size()));
  }
  return false;
}

}  // namespace once::doors::http

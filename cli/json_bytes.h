// Bytes of others in JSON, which has text only. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/base64.h"
#include "base/printable.h"

namespace once::client {

// As KEY, or as KEY_base64 what is no UTF-8.
inline void put_bytes(nlohmann::ordered_json& json, const std::string& key,
                      std::string_view bytes) {
  if (is_utf8(bytes)) {
    json[key] = bytes;
  } else {
    json[key + "_base64"] = base64_of(bytes);
  }
}

}  // namespace once::client

// JSON of what a node says: flat objects, built member by member. Bytes that are no UTF-8 stand in
// base64 under KEY_base64, as `once --json` has them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace once::doors::http {

class JsonObject {
 public:
  void put(std::string_view key, std::string_view text);  // UTF-8; what is none is replaced
  void put_bytes(std::string_view key, std::string_view bytes);
  void put(std::string_view key, uint64_t number);
  void put_flag(std::string_view key, bool flag);
  std::string done() { return text_ + "}\n"; }

 private:
  void put_key(std::string_view key, std::string_view suffix = {});
  std::string text_ = "{";
};

}  // namespace once::doors::http

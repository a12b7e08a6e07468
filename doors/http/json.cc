#include "doors/http/json.h"

#include "base/base64.h"
#include "base/hex_digits.h"
#include "base/printable.h"

namespace once::doors::http {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u";
      put_hex(out, static_cast<unsigned char>(c), 4);
    } else {
      out += c;
    }
  }
  // What a terminal would act on stands in escapes.
  return printable(out, Shown::kJson) + '"';
}

}  // namespace

void JsonObject::put_key(std::string_view key, std::string_view suffix) {
  if (text_.size() > 1) text_ += ',';
  text_ += '"';
  text_ += key;
  text_ += suffix;
  text_ += "\":";
}

void JsonObject::put(std::string_view key, std::string_view text) {
  put_key(key);
  text_ += quoted(text);
}

void JsonObject::put_bytes(std::string_view key, std::string_view bytes) {
  if (is_utf8(bytes)) return put(key, bytes);
  put_key(key, "_base64");
  text_ += '"' + base64_of(bytes) + '"';
}

void JsonObject::put(std::string_view key, uint64_t number) {
  put_key(key);
  text_ += std::to_string(number);
}

void JsonObject::put_flag(std::string_view key, bool flag) {
  put_key(key);
  text_ += flag ? "true" : "false";
}

}  // namespace once::doors::http

// What fields of a request say: versions in entity tags, ids, preferences, hosts.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace once::doors::http {

std::optional<uint64_t> version_of(std::string_view digits);  // "0", or with no 0 before it
// "3" with its quotes: the tag of version 3, and no other.
std::optional<uint64_t> version_of_tag(std::string_view text);

struct Tags {
  bool any = false;                // *
  std::vector<uint64_t> versions;  // what is no version never matches, and is left out
};
// Adds those of one field. Also W/"3": whether it changed is all that is asked. False: it has none,
// or something else stands there.
bool add_tags(std::string_view list, Tags& tags);

// 32 hexadecimal digits are the id itself; anything else is hashed to 128 bits by XXH3, which is no
// hash against those who want two keys to meet. Quotes around it are not part of the key. Nothing:
// it is empty, or its quotes do not close, or it would be the id 0.
std::optional<RequestId> id_of_key(std::string_view value);

// Seconds of `wait=30` in a list of preferences, at most what a request may last; 0: none.
uint32_t wait_of(std::string_view preferences);

// How much he likes what might be sent, in thousandths; none: he does not say.
class Accepted {
 public:
  void add(std::string_view list);  // of one field Accept
  // Instead of a value as it is, which he likes no better.
  bool wants_json() const;
  // Instead of a line of text that says what is wrong.
  bool takes_problems() const { return json_.value_or(0) > 0 || problems_.value_or(0) > 0; }

 private:
  std::optional<uint32_t> json_, problems_, octets_, any_application_, anything_;
};

// Without its port and without the brackets of an IPv6 address. Nothing: it is no HOST[:PORT].
std::optional<std::string_view> host_of(std::string_view authority);
// http:// and the same authority.
bool is_own_origin(std::string_view origin, std::string_view authority);

}  // namespace once::doors::http

// Writes answers of RESP2 or RESP3 at the end of a buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace once::doors {

enum class Resp : uint8_t { kTwo = 2, kThree = 3 };

class RespWriter {
 public:
  RespWriter(std::vector<char>& out, Resp resp) : out_(out), resp_(resp) {}

  void simple(std::string_view text);  // without line ends
  void error(std::string_view text);   // begins with a word in capitals; line ends become blanks
  void integer(int64_t number);
  void bulk(std::string_view bytes);
  void null();
  void truth(bool yes);      // RESP2: 1 or 0
  void array(size_t count);  // so many answers follow
  void map(size_t pairs);    // twice as many; RESP2: an array of them

 private:
  void put(std::string_view bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void head(char type, uint64_t number);

  std::vector<char>& out_;
  const Resp resp_;
};

}  // namespace once::doors

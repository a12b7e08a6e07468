// The head of one request of HTTP/1.1: its request line and its fields, read strictly out of bytes
// that come in any pieces. What another reader of the same bytes might take for something else is
// refused. Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace once::doors::http {

inline constexpr size_t kMaxHeadBytes = 16 * 1024;  // request line, fields and the empty line

enum class Field : uint8_t {  // those that mean something here
  kHost,
  kContentLength,
  kTransferEncoding,
  kConnection,
  kExpect,
  kOrigin,
  kSecFetchSite,
  kIfMatch,
  kIfNoneMatch,
  kIdempotencyKey,
  kAccept,
  kPrefer,
  kRange,  // this one and the rest: parts of values and conditions by date, of which there are none
  kContentRange,
  kIfRange,
  kIfModifiedSince,
  kIfUnmodifiedSince,
};
inline constexpr size_t kFields = 17;

struct Span {  // of the bytes that the request begins with
  uint32_t begin = 0;
  uint32_t size = 0;
  std::string_view in(std::string_view bytes) const { return bytes.substr(begin, size); }
};

struct Head {
  Span method;
  Span target;
  bool is_head = false;  // the method is HEAD, also of what is refused or has not come whole
  bool http_1_0 = false;
  bool keeps_alive = true;  // the connection, when this is answered
  bool expects_continue = false;
  uint32_t body_bytes = 0;  // at most kMaxValueBytes
  bool says_length = false;
  size_t bytes = 0;                            // of the head itself
  std::vector<std::pair<Field, Span>> fields;  // as they came; the same one may come again

  bool has(Field field) const { return count(field) > 0; }
  size_t count(Field field) const;
  // Of the first one; empty: there is none.
  std::string_view value(Field field, std::string_view bytes) const;
};

// Why a request is refused: a status of HTTP, and a text for people that never goes away.
struct Objection {
  uint16_t status = 0;
  std::string_view text;
};

class HeadReader {
 public:
  enum class What : uint8_t {
    kMore,  // it goes on
    kHead,  // head() is whole
    kBad,   // objection(): nothing after it can be trusted either
  };
  // `bytes` begin where the request line begins, and have all that was given before: no byte of it
  // is looked at twice.
  What read(std::string_view bytes);
  const Head& head() const { return head_; }
  const Objection& objection() const { return objection_; }
  bool begun() const { return scanned_ > 0; }
  void reset();  // for the next request
  size_t kept_bytes() const { return head_.fields.capacity() * sizeof(head_.fields.front()); }

 private:
  bool take_line(std::string_view bytes, Span line);
  bool take_request_line(std::string_view bytes, Span line);
  bool take_version(std::string_view word);
  bool take_field(std::string_view bytes, Span line);
  bool note(Field field, std::string_view value, Span where);
  bool take_length(std::string_view value);
  void take_connection(std::string_view value);
  bool finish();
  bool refuse(uint16_t status, std::string_view text);

  enum class At : uint8_t { kRequestLine, kFields, kEnd };
  At at_ = At::kRequestLine;
  size_t scanned_ = 0;
  size_t line_begin_ = 0;
  bool chunked_ = false;
  bool says_close_ = false;
  bool says_keep_alive_ = false;
  bool too_large_ = false;
  Head head_;
  Objection objection_;
};

std::string_view trimmed(std::string_view text);  // of spaces and tabs at both ends
// Takes the next element off the front of a list with commas; false: there is none.
bool take_element(std::string_view& list, std::string_view& element);

}  // namespace once::doors::http

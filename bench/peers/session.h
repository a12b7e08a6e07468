// What a peer of ours speaks, for one connection: the bytes of its protocol and no socket. One
// thread; the owner has the stream, and begins nothing from inside on_answer().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace once::bench::peers {

// Who asked: an answer is told with it.
using Caller = uint32_t;
using Outbox = std::vector<char>;

// kRefused: a create of a name that exists, a read of one that does not.
enum class Answer : uint8_t { kDone, kRefused, kFailed };

class AnswerHandler {
 public:
  virtual ~AnswerHandler() = default;
  // `why` is for people, of what failed.
  virtual void on_answer(Caller caller, Answer answer, std::string_view why) = 0;
};

class Session {
 public:
  virtual ~Session() = default;
  virtual void open(Outbox& out) = 0;  // what the protocol says first
  virtual bool ready() const = 0;      // requests may begin
  virtual void create(Caller caller, std::string_view name, std::string_view value,
                      Outbox& out) = 0;
  // Linearizable: it sees every create that was answered before it began.
  virtual void read(Caller caller, std::string_view name, Outbox& out) = 0;
  // Any number of bytes. What is wrong with them, or nothing.
  virtual std::string receive(std::string_view bytes, Outbox& out, AnswerHandler& handler) = 0;
  virtual void close(Outbox&) {}  // what the protocol says last
};

inline void append(Outbox& out, std::string_view bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace once::bench::peers

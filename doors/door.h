// A door: what one connection of somebody who does not speak the protocol of once is served by. It
// turns his bytes into requests and answers into his bytes, and decides nothing: each rule stays
// where the requests go. Made by the listener, one for each such connection. Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "doors/choose.h"
#include "doors/node_view.h"
#include "paxos/messages.h"

namespace once::doors {

// What a door may do in the node behind it. It outlives the door.
class DoorHost {
 public:
  virtual ~DoorHost() = default;
  // `request.token` is not set. In take() its views point into what that was given, or into what
  // keep() has returned; in on_reply() they are copied. Answered by Door::on_reply with the same
  // ticket: once, in any order, never before ask() has returned, and never if the connection has
  // gone meanwhile. What one connection may not have under way is answered `overloaded`.
  virtual void ask(uint64_t ticket, const paxos::ClientRequest& request) = 0;
  // The bytes live until the round ends.
  virtual std::string_view keep(std::vector<char>&& bytes) = 0;
  virtual RequestId draw_id() = 0;
  // What is appended goes to the one who is served. Null: he is gone.
  virtual std::vector<char>* out() = 0;
  virtual const NodeView& node() = 0;
  virtual CoreId core() const = 0;
  virtual bool is_stopping() const { return false; }  // the node was told to
};

struct Taken {
  enum class What : uint8_t {
    kNothing,  // more bytes are needed: at least `bytes` in all, from the same beginning
    kCommand,  // one command of `bytes` bytes, whatever became of it
    kLast,     // likewise, and nothing more is read: closed when all is answered
  };
  What what = What::kNothing;
  size_t bytes = 0;
};

class Door {
 public:
  virtual ~Door() = default;
  // Takes at most one command off the front of `bytes`, which begin where the last one ended and
  // live until the round ends. The listener keeps what is not taken, calls again from the same
  // beginning when there is more (the bytes may lie elsewhere then), and calls once for each
  // command that is to be taken: who asks faster than others waits there. A door must bound what it
  // asks for: `bytes` of kNothing is at most kMostDoorBytes. It asks at most kMostAsksOfCommand
  // times for one command.
  virtual Taken take(std::string_view bytes) = 0;
  virtual void on_reply(uint64_t ticket, paxos::Operation operation,
                        const paxos::ClientReply& reply) = 0;
  // Commands that were taken and are not wholly answered.
  virtual size_t unanswered() const = 0;
  // What these will ask, and do not yet: it waits there for its turn. Constant time.
  virtual size_t waiting() const { return 0; }
  // He has asked nothing for too long, or a part of a command stands there for too long, or the
  // node is full or stops, or he found no place in it: what is to be said before the connection
  // closes, if anything.
  enum class Farewell : uint8_t { kSlow, kIdle, kFull, kStopping, kNoPlace };
  virtual void say_farewell(Farewell why) = 0;
  // False: a node that stops takes nothing more through it, and it says farewell. True: commands
  // are given to it still, and it refuses those that would ask something.
  virtual bool serves_while_stopping() const { return false; }
  // Allocated for answers that wait for their turn, and for what commands need meanwhile. Asked
  // often: constant time.
  virtual size_t kept_bytes() const = 0;
};

inline constexpr size_t kMostDoorBytes = 128 * 1024;  // of one command
inline constexpr size_t kMostAsksOfCommand = 1024;

// Which doors a node has. Any thread.
class DoorMaker {
 public:
  virtual ~DoorMaker() = default;
  // Null: nobody here speaks so. kHttp or kResp.
  virtual std::unique_ptr<Door> make(Speaks who, DoorHost& host) const = 0;
  virtual const NodeView& node() const = 0;
};

}  // namespace once::doors

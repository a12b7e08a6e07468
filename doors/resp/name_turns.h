// Whose turn it is at a name, of the commands of one connection that are sent without waiting for
// answers: a command sees what those before it did to the name, and nothing of those behind it.
// Reads go side by side, and so does all that is asked of different names. Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/fifo.h"
#include "paxos/messages.h"

namespace once::doors {

class NameTurns {
 public:
  struct Ask {
    uint64_t ticket = 0;
    bool change = false;
    paxos::ClientRequest request;  // its name and value lie in `bytes`
    std::vector<char> bytes;
  };

  static uint64_t key_of(std::string_view name) { return std::hash<std::string_view>{}(name); }
  // True: it is its turn, until leave(). False: it is kept, and leave() gives it back. `change`:
  // of the whole command, which may begin with a read.
  bool enter(uint64_t key, bool change, uint64_t ticket, const paxos::ClientRequest& request);
  // One whose turn it was is answered. Returns those whose turn it is now.
  std::vector<Ask> leave(uint64_t key, bool change);
  size_t bytes() const { return bytes_; }  // allocated, about
  size_t waiting() const { return waiting_; }

 private:
  struct Turn {
    uint32_t reads = 0;
    uint32_t changes = 0;
    Fifo<Ask> waiting;
    bool is_open(bool change) const { return changes == 0 && (!change || reads == 0); }
  };
  static constexpr size_t kBytesOfTurn = sizeof(Turn) + 4 * sizeof(void*);

  std::unordered_map<uint64_t, Turn> turns_;
  size_t bytes_ = 0;
  size_t waiting_ = 0;
};

}  // namespace once::doors

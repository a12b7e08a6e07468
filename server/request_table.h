// Who waits for the answer to each request in hand: a bounded table with a free list. A token is
// slot and generation, so that one of an answered request never names a later one.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/assert.h"
#include "base/types.h"
#include "net/client_listener.h"

namespace once::server {

struct Addressee {
  bool remote = false;  // another core of this node asked; else a client of this core
  paxos::Operation operation = paxos::Operation::kRead;
  net::ClientConnectionId connection;
  uint64_t correlation = 0;
  int64_t since_ns = 0;  // when it came
  CoreId core;
  uint64_t core_token = 0;  // the asking core's own
};

class RequestTable {
 public:
  explicit RequestTable(size_t capacity) : slots_(capacity) {
    free_.reserve(capacity);
    for (size_t i = capacity; i > 0; --i) free_.push_back(static_cast<uint32_t>(i - 1));
  }

  std::optional<uint64_t> add(const Addressee& addressee) {
    if (free_.empty()) return std::nullopt;
    const uint32_t index = free_.back();
    free_.pop_back();
    Slot& slot = slots_[index];
    slot.used = true;
    slot.addressee = addressee;
    own_ += addressee.remote ? 0 : 1;
    return static_cast<uint64_t>(slot.generation) << 32 | index;
  }
  // REQUIRES: the token is in use: each request is answered exactly once.
  Addressee take(uint64_t token) {
    const auto index = static_cast<uint32_t>(token);
    ONCE_ASSERT(index < slots_.size());
    Slot& slot = slots_[index];
    ONCE_ASSERT(slot.used && slot.generation == token >> 32);
    slot.used = false;
    own_ -= slot.addressee.remote ? 0 : 1;
    ++slot.generation;
    free_.push_back(index);
    return slot.addressee;
  }
  // Calls each(token, addressee) for those in use.
  template <class Each>
  void for_each(Each each) const {
    for (uint32_t index = 0; index < slots_.size(); ++index) {
      const Slot& slot = slots_[index];
      if (slot.used) each(static_cast<uint64_t>(slot.generation) << 32 | index, slot.addressee);
    }
  }
  size_t used() const { return slots_.size() - free_.size(); }
  size_t own() const { return own_; }  // of these, those of this core's clients

 private:
  struct Slot {
    Addressee addressee;
    uint32_t generation = 0;
    bool used = false;
  };
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  size_t own_ = 0;
};

}  // namespace once::server

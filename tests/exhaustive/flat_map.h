// From 64-bit keys to small values, open addressing: a search looks up several steps for each
// world, most of them in vain. Keys are never removed; the key 0 is not used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace once::exhaustive {

template <class Value>
class FlatMap {
 public:
  FlatMap() : slots_(1 << 12) {}
  // Null: not there. Good until the next emplace().
  const Value* find(uint64_t key) const {
    const Slot& slot = slots_[place(key)];
    return slot.key == 0 ? nullptr : &slot.value;
  }
  // REQUIRES: the key is not there.
  const Value& emplace(uint64_t key, const Value& value) {
    if (++used_ * 2 > slots_.size()) grow();
    Slot& slot = slots_[place(key)];
    slot = {key, value};
    return slot.value;
  }
  size_t size() const { return used_; }
  template <class F>
  void for_each(F visit) const {
    for (const Slot& slot : slots_) {
      if (slot.key != 0) visit(slot.key, slot.value);
    }
  }

 private:
  struct Slot {
    uint64_t key = 0;
    Value value{};
  };
  size_t place(uint64_t key) const {
    const size_t mask = slots_.size() - 1;
    size_t at = (key * 0x9e3779b97f4a7c15u >> 20) & mask;
    while (slots_[at].key != 0 && slots_[at].key != key) at = (at + 1) & mask;
    return at;
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.key != 0) slots_[place(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;
  size_t used_ = 0;
};

}  // namespace once::exhaustive

// A queue in one vector: what was taken is cut off now and then, so that memory is allocated only
// when the queue grows longer than it ever was. std::deque allocates for ever as it moves along.
// Single-threaded. References die at the next push or pop.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace once {

template <class T>
class Fifo {
 public:
  bool empty() const { return head_ == items_.size(); }
  size_t size() const { return items_.size() - head_; }
  size_t bytes() const { return items_.capacity() * sizeof(T); }  // allocated
  void push(T item) { items_.push_back(std::move(item)); }
  const T& front() const {
    ONCE_ASSERT(!empty());
    return items_[head_];
  }
  const T& back() const {
    ONCE_ASSERT(!empty());
    return items_.back();
  }
  T pop() {
    ONCE_ASSERT(!empty());
    T item = std::move(items_[head_++]);
    if (head_ == items_.size()) {
      clear();
    } else if (head_ > items_.size() / 2) {  // each item moves once for each one taken, at most
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
    return item;
  }
  void clear() {
    items_.clear();
    head_ = 0;
  }

 private:
  std::vector<T> items_;
  size_t head_ = 0;  // items before it were taken
};

}  // namespace once

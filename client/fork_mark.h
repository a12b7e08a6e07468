// Tells an object that it was made before a fork() and is now used in the child: its threads are
// not there, its locks may be held for ever, and its sockets are the parent's.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace once::client {

// Another number after each fork(), whoever makes it and by whatever call. Any thread.
uint64_t this_process();

class ForkMark {
 public:
  bool in_child() const { return this_process() != made_in_; }

 private:
  uint64_t made_in_ = this_process();
};

// In a child there is nothing that could be taken apart safely. It stays reachable, so that leak
// checkers do not call it lost.
template <class T>
void leave_behind(std::unique_ptr<T>&& object) {
  static auto& all = *new std::vector<T*>();
  all.push_back(object.release());
}

}  // namespace once::client

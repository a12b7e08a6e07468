// What one thread waits for in poll(), and another one rings.
#pragma once

#include "base/descriptor.h"

namespace once::client {

class Bell {
 public:
  // Throws std::system_error: the process has as many descriptors as it may have. Make it before
  // anything that cannot be undone.
  Bell();

  int fd() const { return fd_.get(); }  // readable: it was rung
  void ring() const;                    // from any thread
  void mute() const;                    // not readable, until it is rung again

 private:
  Descriptor fd_;
};

}  // namespace once::client

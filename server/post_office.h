// Mail between the cores of one node: a bounded mailbox for each ordered pair of cores.
// post() and take() are called from the thread of `from` and of `to` respectively.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "base/limits.h"
#include "base/types.h"
#include "reactor/io.h"
#include "server/letter.h"
#include "server/mailbox.h"

namespace once::server {

class PostOffice {
 public:
  explicit PostOffice(uint16_t cores) : cores_(cores) {
    for (size_t i = 0; i < static_cast<size_t>(cores) * cores; ++i) {
      // A core does not write to itself; its own box is only there to keep the indices plain.
      boxes_.push_back(
          std::make_unique<Mailbox<LetterPtr>>(i / cores == i % cores ? 1 : kMailboxLetters));
    }
  }
  uint16_t cores() const { return cores_; }
  // Once for each core, before any core runs.
  void set_io(CoreId core, reactor::Io* io) { ios_[core.value] = io; }

  // False when the box is full; the letter stays with the caller. The receiver sees it after
  // wake().
  bool post(CoreId to, LetterPtr& letter) { return box(letter->from, to).push(letter); }
  bool take(CoreId from, CoreId to, LetterPtr& letter) { return box(from, to).pop(letter); }
  void wake(CoreId core) {
    if (ios_[core.value] != nullptr) ios_[core.value]->wake();
  }

 private:
  Mailbox<LetterPtr>& box(CoreId from, CoreId to) {
    ONCE_ASSERT(from.value < cores_ && to.value < cores_ && from != to);
    return *boxes_[static_cast<size_t>(from.value) * cores_ + to.value];
  }

  uint16_t cores_;
  std::vector<std::unique_ptr<Mailbox<LetterPtr>>> boxes_;
  std::array<reactor::Io*, kMaxCores> ios_{};
};

}  // namespace once::server

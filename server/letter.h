// What one core of a node writes to another, and where a core keeps the letters that it has read.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/types.h"
#include "paxos/messages.h"
#include "reactor/io.h"

namespace once::server {

// Owns its bytes: the sender's buffers die with the sender's round.
struct Letter {
  enum class Kind : uint8_t { kRequest, kReply, kForget, kClientHandoff, kPeerHandoff };

  Kind kind = Kind::kRequest;
  CoreId from;
  paxos::ClientRequest
      request;               // kRequest: the token is the sender's, the views point into `bytes`
  paxos::ClientReply reply;  // kReply: the token is the receiver's, the value points into `bytes`
  std::string bytes;
  std::vector<uint64_t> tokens;  // kForget: the sender's, ascending
  std::unique_ptr<reactor::Handoff> handoff;
};
using LetterPtr = std::unique_ptr<Letter>;

inline size_t bytes_of(const Letter& letter) {
  return sizeof(Letter) + letter.bytes.capacity() + letter.tokens.capacity() * sizeof(uint64_t);
}

inline constexpr size_t kMailboxLetters = 4096;

// The letters that one core has read, kept to be written on again. Single-threaded: a letter that
// was read stays with its reader, so nothing is shared, and as each request is answered, what a
// core gives away comes back. Bounded: what is too much is freed, and allocated anew when missed.
class LetterPool {
 public:
  static constexpr size_t kMaxLetters = 2 * kMailboxLetters;
  static constexpr size_t kMaxBytes = 4 * 1024 * 1024;  // of the letters' buffers
  // Of one: a box counts the whole buffer, and a short letter in a long one would take its place.
  static constexpr size_t kMostKept = 4096;

  // Its bytes are empty; what else it holds is the caller's to set.
  LetterPtr take(Letter::Kind kind, CoreId from) {
    LetterPtr letter;
    if (spare_.empty()) {
      letter = std::make_unique<Letter>();
      ++made_;
    } else {
      letter = std::move(spare_.back());
      spare_.pop_back();
      spare_bytes_ -= letter->bytes.capacity();
    }
    letter->kind = kind;
    letter->from = from;
    letter->bytes.clear();
    return letter;
  }
  void give(LetterPtr letter) {
    ONCE_ASSERT(letter != nullptr && letter->handoff == nullptr);
    if (letter->bytes.capacity() > kMostKept) std::string().swap(letter->bytes);
    const size_t bytes = letter->bytes.capacity();
    if (spare_.size() == kMaxLetters || spare_bytes_ + bytes > kMaxBytes) return;
    spare_bytes_ += bytes;
    spare_.push_back(std::move(letter));
  }
  size_t spare() const { return spare_.size(); }
  uint64_t made() const { return made_; }  // letters allocated so far

 private:
  std::vector<LetterPtr> spare_;
  size_t spare_bytes_ = 0;
  uint64_t made_ = 0;
};

}  // namespace once::server

// The names that may be missing here, each with a copy of its name, in a bounded number of places
// that are allocated as they are first needed.
//
// Contract (P3): each use of a place, and each question asked in it, has its generation. By a
// handle only a candidate is found whose question is open, and only by the last one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "paxos/arena.h"
#include "paxos/catch_up_state.h"
#include "paxos/handle.h"
#include "paxos/index.h"

namespace once::paxos {

class CandidatePool {
 public:
  static constexpr size_t kMost = 8192;
  static_assert(kMost <= 0x10000, "handles hold 16 bits");

  explicit CandidatePool(Arena& arena) : arena_(arena) {}

  size_t bytes() const {
    return candidates_.capacity() * sizeof(Candidate) + free_.capacity() * sizeof(CandidateId);
  }
  size_t room() const { return free_.size() + (kMost - candidates_.size()); }
  Candidate& operator[](CandidateId id) {
    ONCE_ASSERT(id.value < candidates_.size());
    return candidates_[id.value];
  }

  // None: there is no room.
  CandidateId take(std::string_view name, NameHash hash) {
    if (room() == 0) return {};
    CandidateId id{static_cast<uint32_t>(candidates_.size())};
    if (free_.empty()) {
      candidates_.emplace_back();
    } else {
      id = free_.back();
      free_.pop_back();
    }
    Candidate& candidate = (*this)[id];
    const uint32_t generation = candidate.generation;
    candidate = Candidate{};
    candidate.generation = generation;
    candidate.hash = hash;
    candidate.block = arena_.allocate(name.size());
    candidate.name_size = static_cast<uint16_t>(name.size());
    std::copy(name.begin(), name.end(), candidate.block);
    return id;
  }
  void free(CandidateId id) {
    Candidate& candidate = (*this)[id];
    arena_.free(candidate.block, candidate.name_size);
    candidate.block = nullptr;
    candidate.step = Candidate::Step::kFree;
    ++candidate.generation;
    free_.push_back(id);
  }

  // Answers to what was asked before are not found any more.
  void ask_anew(CandidateId id) { ++(*this)[id].generation; }
  Handle handle_of(CandidateId id, Incarnation incarnation) const {
    ONCE_ASSERT(id.value < candidates_.size());
    return Handle::of(incarnation, candidates_[id.value].generation, id.value);
  }
  CandidateId find(Handle handle, Incarnation incarnation) const {
    const CandidateId id{handle.place()};
    const bool open =
        id.value < candidates_.size() && candidates_[id.value].step == Candidate::Step::kAsked;
    return open && handle == handle_of(id, incarnation) ? id : CandidateId{};
  }

 private:
  friend class CoreProbe;  // tests/exhaustive: reads every field, changes none
  Arena& arena_;
  std::vector<Candidate> candidates_;
  std::vector<CandidateId> free_;
};

}  // namespace once::paxos

// What a core remembers while it catches up: plain data; catch_up.h has the steps on it.
#pragma once

#include <cstdint>

#include "base/types.h"
#include "paxos/ballot.h"
#include "paxos/index.h"
#include "paxos/majority_read.h"
#include "paxos/name_hasher.h"

namespace once::paxos {

inline constexpr int64_t kSyncAnswerNs = 2'000'000'000;  // patience with a question

// How much may be done now beside the requests.
enum class Pace : uint8_t {
  kFull,
  kModest,  // requests wait
  kNone,    // the log is behind, or there is no room
};

// What came of a state that is known to be chosen.
enum class Taken : uint8_t {
  kLearned,
  kHeld,      // it, or what came after it, was known already
  kLater,     // something is going on with the name, or there is no room now
  kDenied,    // it contradicts what is known here
  kUnproven,  // one peer's word is not enough
  kHigher,    // this acceptor holds something above it that nobody calls decided
};

// Who says that a state is chosen.
enum class Word : uint8_t { kOfOne, kOfAMajority };

// What is to be done with an answer.
enum class Next : uint8_t {
  kNothing,
  kLearn,  // what it tells was chosen: a majority holds it
};

// One core of another member.
struct Schedule {
  int64_t due = 0;
  uint8_t in_vain = 0;    // comparisons in a row that differed and brought nothing
  bool compared = false;  // since its link came up, and nothing is missing
};

// A name that may be missing here.
struct Candidate {
  enum class Step : uint8_t { kFree, kYoung, kReady, kAsked };
  char* block = nullptr;  // its name
  NameHash hash;
  Ballot ballot;  // as the teller said; or as this acceptor holds it, undecided
  uint64_t version = 0;
  int64_t due = 0;  // kYoung: when it is looked at again
  Endpoint teller;
  uint32_t value_bytes = 0;
  uint32_t asked_bytes = 0;  // that may come in answer to its question
  uint32_t generation = 0;
  uint16_t name_size = 0;
  uint8_t looks = 0;
  uint8_t busy_looks = 0;  // those that found this node at work there
  uint8_t asked = 0;       // members, this node among them, if a majority is asked
  Step step = Step::kFree;
  bool own = false;       // found here, undecided
  bool majority = false;  // to be asked of everybody
  bool missing = false;   // it was still missing when it was looked at again
  bool of_pass = false;
  MajorityRead read;
  Ballot disputed;  // the highest that a majority that disagreed has told
  uint64_t disputed_version = 0;
  uint8_t disputes = 0;

  std::string_view name() const { return {block, name_size}; }
};

struct Asked {
  int64_t until = 0;
  CandidateId id;
  uint32_t generation = 0;
};

}  // namespace once::paxos

// What one name's answers must look like together (DESIGN 1, 2): versions form one chain, each made
// by one request from the one before it; no answer is older than what was shown before its
// question. A model of its own: it shares no code with the core.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "tests/paper/world.h"

namespace once::paxos::test {

struct Asked {
  Operation operation = Operation::kRead;
  RequestId id;
  uint64_t version = 0;
  std::string value;
  uint64_t floor = 0;  // the highest version shown when it was asked
};

class Chain {
 public:
  uint64_t highest() const { return highest_; }
  void asked(const Asked& a) { requests_[a.id] = a; }

  void answered(const Asked& q, const Answer& a) {
    const bool change = q.operation != Operation::kRead && q.operation != Operation::kCheck &&
                        q.operation != Operation::kWait;
    switch (a.status) {
      case Status::kUnknown:
        EXPECT_TRUE(change);
        return;
      case Status::kUnavailable:
      case Status::kOverloaded:
      case Status::kInvalid:
        if (change) never_.insert({q.id, true});
        return;
      case Status::kNotYet:
        EXPECT_EQ(q.operation, Operation::kWait);
        return;
      case Status::kEmpty:
        EXPECT_EQ(q.operation, Operation::kRead);
        EXPECT_EQ(q.floor, 0u) << "forgotten";
        return;
      case Status::kDone:
        if (change) return made(q, a);
        shown(a);
        if (q.operation == Operation::kWait) {
          EXPECT_GT(a.version, q.version);
          return;
        }
        if (q.operation == Operation::kCheck) {
          EXPECT_EQ(a.version, q.version);
        }
        EXPECT_GE(a.version, q.floor) << "stale";
        return;
      default:
        shown(a);
        refused(q, a, change);
    }
  }

  // When everything has been answered.
  void finish() {
    for (const auto& [version, state] : states_) {
      EXPECT_EQ(never_.count(state.writer), 0u)
          << "version " << version << " by a request that was told it did not happen";
      const auto maker = requests_.find(state.writer);
      ASSERT_NE(maker, requests_.end()) << "version " << version << " by nobody";
      const Asked& m = maker->second;
      const auto before = states_.find(version - 1);
      switch (m.operation) {
        case Operation::kWrite:
          EXPECT_EQ(version, 1u);
          EXPECT_TRUE(state.sealed);
          break;
        case Operation::kCas:
        case Operation::kSeal:
          EXPECT_EQ(version, m.version + 1);
          EXPECT_EQ(state.sealed, m.operation == Operation::kSeal);
          break;
        default:
          EXPECT_FALSE(state.sealed);
      }
      const bool keeps = m.operation == Operation::kSeal || m.operation == Operation::kNext;
      if (state.value_known && !keeps) {
        EXPECT_EQ(state.value, m.value);
      }
      if (keeps && state.value_known && before != states_.end() && before->second.value_known) {
        EXPECT_EQ(state.value, before->second.value) << "version " << version;
      }
      if (state.sealed) {
        EXPECT_EQ(states_.rbegin()->first, version) << "something follows a seal";
      }
      if (m.operation != Operation::kNext) {
        EXPECT_TRUE(makers_.emplace(state.writer, version).second) << "happened twice";
      }
    }
  }

 private:
  struct Shown {
    RequestId writer;
    bool sealed = false;
    bool value_known = false;
    std::string value;
  };
  void made(const Asked& q, const Answer& a) {
    EXPECT_EQ(a.writer, q.id);
    EXPECT_GT(a.version, 0u);
    const bool keeps = q.operation == Operation::kSeal || q.operation == Operation::kNext;
    note(a.version, Shown{q.id, a.sealed, !keeps, keeps ? "" : q.value});
    if (q.operation == Operation::kCas || q.operation == Operation::kSeal) {
      EXPECT_EQ(a.version, q.version + 1);
    }
    // Each request is asked once here: what made a version was made after it was asked.
    EXPECT_GT(a.version, q.floor) << "made before it was asked for";
    highest_ = std::max(highest_, a.version);
  }
  void refused(const Asked& q, const Answer& a, bool change) {
    EXPECT_GE(a.version, q.floor) << "refused by a state that was overtaken";
    EXPECT_NE(a.writer, a.version == 0 ? q.id : RequestId{}) << "";
    EXPECT_FALSE(change && a.version != 0 && a.writer == q.id) << "its own state refuses it";
    switch (a.status) {
      case Status::kAlreadySet:
        EXPECT_EQ(q.operation, Operation::kWrite);
        EXPECT_GT(a.version, 0u);
        break;
      case Status::kConflict:
        EXPECT_NE(a.version, q.version);
        break;
      case Status::kSealed:
        EXPECT_TRUE(a.sealed);
        break;
      default:
        ADD_FAILURE() << "status " << static_cast<int>(a.status);
    }
    if (change) never_.insert({q.id, true});
  }
  void shown(const Answer& a) {
    if (a.version == 0) return;
    note(a.version, Shown{a.writer, a.sealed, true, a.value});
    highest_ = std::max(highest_, a.version);
  }
  void note(uint64_t version, const Shown& state) {
    const auto [at, fresh] = states_.emplace(version, state);
    if (fresh) return;
    EXPECT_EQ(at->second.writer, state.writer) << "version " << version << " made twice";
    EXPECT_EQ(at->second.sealed, state.sealed) << "version " << version;
    if (!state.value_known) return;
    if (at->second.value_known) {
      EXPECT_EQ(at->second.value, state.value) << "version " << version;
    }
    at->second.value_known = true;
    at->second.value = state.value;
  }

  std::map<uint64_t, Shown> states_;
  std::map<RequestId, Asked> requests_;
  std::map<RequestId, bool> never_;
  std::map<RequestId, uint64_t> makers_;
  uint64_t highest_ = 0;
};

}  // namespace once::paxos::test

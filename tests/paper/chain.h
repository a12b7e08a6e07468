// What one name's answers must look like together (DESIGN 1, 2): versions form one chain, each made
// by one request from the one before it; no answer is older than what was shown before its
// question. A model of its own: it shares no code with the core.
//
// A request may be asked several times, at several nodes at once. What is allowed then:
// - write, set, cas, seal: one version at most for each payload under one id; next: one at most for
//   each attempt, each of them this id's alone;
// - an answer that denies a change denies its own attempt. The request has made no version if all
//   of its attempts were denied. `already set`, `sealed` to a write or a seal, and `conflict` to a
//   seal that shows a higher version than it expects, deny every attempt, also those to come;
// - a version was made after the first attempt was asked; a refusal, a read, a check, a wait is at
//   least as new as what was shown before its own attempt;
// - `id reused` is said only where the id has made the state that is shown, of another payload or
//   by another operation.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

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
  // What is wrong with the answers so far, in English.
  const std::vector<std::string>& faults() const { return faults_; }

  void asked(const Asked& a) {
    if (!makes(a.operation)) return;
    const auto [at, fresh] = requests_.try_emplace(a.id);
    if (fresh) at->second.floor = a.floor;
    ++form_of(a).attempts;
  }

  void answered(const Asked& q, const Answer& a) {
    const bool change = makes(q.operation);
    switch (a.status) {
      case Status::kUnknown:
        return expect(change, "unknown, of what changes nothing");
      case Status::kUnavailable:
      case Status::kOverloaded:
      case Status::kInvalid:
        if (change) deny(q);
        return;
      case Status::kNotYet:
        return expect(q.operation == Operation::kWait, "not yet, of what does not wait");
      case Status::kEmpty:
        expect(q.operation == Operation::kRead, "empty, of what is no read");
        return expect(q.floor == 0, "forgotten");
      case Status::kDone:
        return change ? made(q, a) : looked(q, a);
      default:
        shown(a);
        refused(q, a, change);
    }
  }

  // When everything has been answered.
  void finish() {
    std::map<RequestId, size_t> versions;
    for (const auto& [version, state] : states_) {
      const auto maker = requests_.find(state.writer);
      if (maker == requests_.end()) {
        expect(false, "version " + std::to_string(version) + " by nobody");
        continue;
      }
      const auto& forms = maker->second.forms;
      const bool possible = std::any_of(forms.begin(), forms.end(), [&](const Form& form) {
        return form.attempts > 0 && !form.never && fits(form.asked, version, state);
      });
      expect(possible, "version " + std::to_string(version) + " was not asked for, or denied");
      if (state.sealed) expect(states_.rbegin()->first == version, "something follows a seal");
      size_t at_most = 0;
      for (const Form& form : forms) {
        at_most += form.asked.operation == Operation::kNext ? form.attempts : 1;
      }
      expect(++versions[state.writer] <= at_most, "happened too often");
    }
  }

 private:
  struct Shown {
    RequestId writer;
    bool sealed = false;
    bool value_known = false;
    std::string value;
  };
  // One payload of a request id, and how many of its attempts may have happened.
  struct Form {
    Asked asked;
    size_t attempts = 0;
    bool never = false;
  };
  struct Request {
    uint64_t floor = 0;  // when it was first asked
    std::vector<Form> forms;
  };

  static bool makes(Operation o) {
    return o != Operation::kRead && o != Operation::kCheck && o != Operation::kWait;
  }
  static bool keeps_value(Operation o) { return o == Operation::kSeal || o == Operation::kNext; }

  void expect(bool holds, const std::string& fault) {
    if (!holds) faults_.push_back(fault);
  }

  Form& form_of(const Asked& a) {
    auto& forms = requests_[a.id].forms;
    const auto at = std::find_if(forms.begin(), forms.end(), [&](const Form& form) {
      return form.asked.operation == a.operation && form.asked.version == a.version &&
             form.asked.value == a.value;
    });
    if (at != forms.end()) return *at;
    forms.push_back({a, 0, false});
    return forms.back();
  }
  void deny(const Asked& q) { --form_of(q).attempts; }

  bool fits(const Asked& m, uint64_t version, const Shown& state) const {
    if (m.operation == Operation::kWrite && version != 1) return false;
    const bool expects = m.operation == Operation::kCas || m.operation == Operation::kSeal;
    if (expects && version != m.version + 1) return false;
    const bool seals = m.operation == Operation::kWrite || m.operation == Operation::kSeal;
    if (state.sealed != seals) return false;
    if (!state.value_known) return true;
    if (!keeps_value(m.operation)) return state.value == m.value;
    if (version == 1) return state.value.empty();
    const auto before = states_.find(version - 1);
    return before == states_.end() || !before->second.value_known ||
           before->second.value == state.value;
  }

  void made(const Asked& q, const Answer& a) {
    expect(a.writer == q.id, "done by another");
    expect(a.version > requests_[q.id].floor, "made before it was asked for");
    const bool keeps = keeps_value(q.operation);
    const Shown state{q.id, a.sealed, !keeps, keeps ? "" : q.value};
    expect(fits(q, a.version, state), "done, but not what was asked for");
    note(a.version, state);
    highest_ = std::max(highest_, a.version);
  }

  void looked(const Asked& q, const Answer& a) {
    shown(a);
    if (q.operation == Operation::kWait) expect(a.version > q.version, "waited for nothing");
    if (q.operation == Operation::kCheck) expect(a.version == q.version, "not that token");
    expect(a.version >= q.floor, "stale");
  }

  void refused(const Asked& q, const Answer& a, bool change) {
    const bool own = change && a.version != 0 && a.writer == q.id;
    if (a.status == Status::kIdReused) {
      const Shown state{a.writer, a.sealed, true, a.value};
      const auto& forms = requests_[q.id].forms;
      const bool others = std::any_of(forms.begin(), forms.end(), [&](const Form& form) {
        return form.asked.operation != q.operation && fits(form.asked, a.version, state);
      });
      expect(own && (others || !fits(q, a.version, state)), "id reused, which it is not");
      return deny(q);
    }
    expect(a.version >= q.floor, "refused by a state that was overtaken");
    expect(!own, "its own state refuses it");
    switch (a.status) {
      case Status::kAlreadySet:
        expect(q.operation == Operation::kWrite && a.version > 0, "already set, by nothing");
        break;
      case Status::kConflict:
        expect(a.version != q.version, "in conflict with what it expects");
        break;
      case Status::kSealed:
        expect(a.sealed, "sealed, which it is not");
        break;
      default:
        expect(false, "a status that does not exist");
    }
    if (!change) return;
    deny(q);
    const bool seal = q.operation == Operation::kSeal;
    if (q.operation == Operation::kWrite ||
        (seal && (a.status == Status::kSealed || a.version > q.version))) {
      form_of(q).never = true;
    }
  }

  void shown(const Answer& a) {
    if (a.version == 0) return;
    note(a.version, Shown{a.writer, a.sealed, true, a.value});
    highest_ = std::max(highest_, a.version);
  }
  void note(uint64_t version, const Shown& state) {
    const auto [at, fresh] = states_.emplace(version, state);
    if (fresh) return;
    const std::string name = "version " + std::to_string(version);
    expect(at->second.writer == state.writer, name + " made twice");
    expect(at->second.sealed == state.sealed, name + " sealed and not");
    if (!state.value_known) return;
    expect(!at->second.value_known || at->second.value == state.value, name + " of two values");
    at->second.value_known = true;
    at->second.value = state.value;
  }

  std::map<uint64_t, Shown> states_;
  std::map<RequestId, Request> requests_;
  std::vector<std::string> faults_;
  uint64_t highest_ = 0;
};

}  // namespace once::paxos::test

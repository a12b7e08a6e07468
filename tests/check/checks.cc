#include "tests/check/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "tests/check/escape.h"

namespace once::check {
namespace {

bool shows_state(const Call& call) {
  return call.outcome == Outcome::kDone || call.outcome == Outcome::kRefused;
}

bool is_write(const Call& call) { return call.action == Action::kWrite; }

std::string state_text(const Call& call) {
  return fmt::format("version {}, {}, \"{}\" by {}", call.version,
                     call.sealed ? "sealed" : "not sealed", escaped(call.result),
                     describe(call.writer));
}

// What no register could answer to this call, whatever else happened.
std::string impossible_answer(const Call& call) {
  switch (call.outcome) {
    case Outcome::kUnknown:
    case Outcome::kNothing:
      return {};
    case Outcome::kEmpty:
      return is_write(call) ? "a write is never answered with empty" : "";
    case Outcome::kRefused:
      if (!is_write(call)) return "a read is never refused";
      if (call.writer == call.id) return "it was refused in favour of itself";
      break;
    case Outcome::kDone:
      if (is_write(call) && call.writer != call.id) {
        return "it is done, yet the writer is another request";
      }
      if (is_write(call) && call.result != call.value) {
        return "it is done, yet the value is not what it proposed";
      }
      break;
  }
  if (call.version != 1) return "a write-once name has version 1 and no other";
  return call.sealed ? "" : "the first write of a write-once name seals it";
}

// What the rules need to know of one name's calls.
struct Evidence {
  const Call* shown = nullptr;     // the earliest return that shows the state
  const Call* empty = nullptr;     // the latest call of a read that found nothing
  const Call* proposal = nullptr;  // the earliest call that may have made the state shown
  const Call* denied = nullptr;    // a call that would have made it, but certainly did not happen
};

Evidence gather(const NameCalls& name) {
  Evidence evidence;
  for (const Call* call : name.calls) {
    if (shows_state(*call) && (!evidence.shown || call->return_ns < evidence.shown->return_ns)) {
      evidence.shown = call;
    }
    if (call->outcome == Outcome::kEmpty) evidence.empty = call;  // call times ascend
  }
  if (!evidence.shown) return evidence;
  for (const Call* call : name.calls) {
    if (!is_write(*call) || call->id != evidence.shown->writer ||
        call->value != evidence.shown->result) {
      continue;
    }
    const Call*& slot = call->outcome == Outcome::kNothing ? evidence.denied : evidence.proposal;
    if (!slot) slot = call;
  }
  return evidence;
}

class WriteOnceCheck {
 public:
  explicit WriteOnceCheck(const NameCalls& name) : name_(name), evidence_(gather(name)) {}

  Violations run() {
    answers();
    if (evidence_.shown) {
      agreement();
      proposal();
      order();
    }
    return std::move(violations_);
  }

 private:
  void add(std::string text) { violations_.push_back({std::string(name_.name), std::move(text)}); }

  void answers() {
    for (const Call* call : name_.calls) {
      const std::string why = impossible_answer(*call);
      if (!why.empty()) return add(fmt::format("{}: {}", why, describe(*call)));
    }
  }

  void agreement() {
    const Call& first = *evidence_.shown;
    for (const Call* call : name_.calls) {
      if (!shows_state(*call)) continue;
      if (call->writer == first.writer && call->result == first.result) continue;
      const bool both_won = is_write(first) && is_write(*call) && first.outcome == Outcome::kDone &&
                            call->outcome == Outcome::kDone;
      return add(fmt::format(
          "{}: {}; and {}",
          both_won ? "two requests were told that they won" : "two answers show different winners",
          describe(first), describe(*call)));
    }
  }

  void proposal() {
    if (evidence_.proposal) return;
    const Call& first = *evidence_.shown;
    if (evidence_.denied) {
      return add(fmt::format("a write that certainly did not happen is the winner: {}; shown by {}",
                             describe(*evidence_.denied), describe(first)));
    }
    add(fmt::format("nobody proposed what an answer shows: {}", describe(first)));
  }

  // The write takes effect after its proposal was called and after every empty read was called, and
  // before anybody is shown it: max(W, E) <= D.
  void order() {
    const Call& first = *evidence_.shown;
    if (evidence_.empty && evidence_.empty->call_ns > first.return_ns) {
      add(fmt::format(
          "a read found nothing, {} ns after the value had been shown: {}; but before {}",
          evidence_.empty->call_ns - first.return_ns, describe(*evidence_.empty), describe(first)));
    }
    if (evidence_.proposal && evidence_.proposal->call_ns > first.return_ns) {
      add(fmt::format("an answer shows a value {} ns before its write was called: {}; and {}",
                      evidence_.proposal->call_ns - first.return_ns, describe(first),
                      describe(*evidence_.proposal)));
    }
  }

  const NameCalls& name_;
  const Evidence evidence_;
  Violations violations_;
};

void append(Violations& all, Violations more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

struct HashId {
  size_t operator()(const RequestId& id) const { return id.high * 0x9e3779b97f4a7c15u ^ id.low; }
};

}  // namespace

std::vector<NameCalls> by_name(const History& history) {
  std::vector<const Call*> calls;
  calls.reserve(history.size());
  for (const Call& call : history) calls.push_back(&call);
  std::stable_sort(calls.begin(), calls.end(), [](const Call* a, const Call* b) {
    return std::tie(a->name, a->call_ns) < std::tie(b->name, b->call_ns);
  });
  std::vector<NameCalls> names;
  for (const Call* call : calls) {
    if (names.empty() || names.back().name != call->name) names.push_back({call->name, {}});
    names.back().calls.push_back(call);
  }
  return names;
}

Violations check_form(const History& history) {
  Violations violations;
  std::unordered_map<RequestId, const Call*, HashId> first_of;
  for (const Call& call : history) {
    if (call.return_ns < call.call_ns) {
      violations.push_back({call.name, "returned before it was called: " + describe(call)});
    }
    if (call.outcome != Outcome::kUnknown && call.return_ns == kNever) {
      violations.push_back({call.name, "an answer without a time: " + describe(call)});
    }
    if (!is_write(call)) continue;
    const Call& first = *first_of.try_emplace(call.id, &call).first->second;
    if (first.name != call.name || first.value != call.value) {
      violations.push_back({call.name, fmt::format("one request id for two requests: {}; and {}",
                                                   describe(first), describe(call))});
    }
  }
  return violations;
}

Violations check_write_once(const NameCalls& name) { return WriteOnceCheck(name).run(); }

Violations check_write_once(const History& history) {
  Violations violations;
  for (const NameCalls& name : by_name(history)) append(violations, check_write_once(name));
  return violations;
}

Violations check_all(const History& history) {
  Violations violations = check_form(history);
  append(violations, check_write_once(history));
  return violations;
}

std::string describe(const RequestId& id) { return fmt::format("{:016x}{:016x}", id.high, id.low); }

std::string describe(const Call& call) {
  const std::string until =
      call.return_ns == kNever ? "never returned" : fmt::format("returned {}", call.return_ns);
  std::string text = fmt::format("[client {} {} \"{}\"", call.client,
                                 is_write(call) ? "write" : "read", escaped(call.name));
  if (is_write(call)) text += fmt::format("=\"{}\" id {}", escaped(call.value), describe(call.id));
  text += fmt::format(", called {}, {}: ", call.call_ns, until);
  switch (call.outcome) {
    case Outcome::kDone:
      return text + "done, " + state_text(call) + "]";
    case Outcome::kRefused:
      return text + "refused, " + state_text(call) + "]";
    case Outcome::kEmpty:
      return text + "empty]";
    case Outcome::kUnknown:
      return text + "unknown]";
    case Outcome::kNothing:
      return text + "nothing happened]";
  }
  return text + "?]";
}

}  // namespace once::check

// The exact check of one register. Its idea: version v was made at some moment m(v), m(1) < m(2) <
// ..., and every answer says something about these moments alone.
//   - An answer that shows v was given while v was the newest, between its own call and return:
//     m(v) <= return, call <= m(v + 1). That to the maker of v: m(v) <= return only.
//   - The maker of v was called: call <= m(v).
// Such moments exist iff for each v the latest of the calls that m(v) must not precede is no later
// than the earliest of the returns that it must not follow. What is left is to find a maker for
// every version: the writer, where one is shown; elsewhere (gaps.h) somebody who may have been it.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "tests/check/checks.h"
#include "tests/check/gaps.h"
#include "tests/check/ids.h"
#include "tests/check/register_rules.h"

namespace once::check {
namespace {

// One change that somebody asked for; its calls are retries of each other.
struct Request {
  const Call* asked = nullptr;   // the first call that carries its payload
  const Call* maker = nullptr;   // the first call that may have happened
  const Call* denied = nullptr;  // one that certainly did not
};

class RegisterCheck {
 public:
  explicit RegisterCheck(const NameCalls& name) : name_(name) {}

  Violations run() {
    answers();
    gather_requests();
    gather_versions();
    agreement();
    makers();
    order();
    // Who may have made what nobody was shown is asked only of what is shown consistently.
    if (violations_.empty()) gaps();
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

  void gather_requests() {
    for (const Call* call : name_.calls) {
      if (!changes(call->action) || call->outcome == Outcome::kIdReused) continue;
      Request& request = requests_[call->id];
      const bool possible = call->outcome == Outcome::kDone || call->outcome == Outcome::kUnknown;
      const Call*& slot = possible ? request.maker : request.denied;
      if (!slot) slot = call;  // call times ascend
    }
    for (auto& [id, request] : requests_) {
      request.asked = request.maker ? request.maker : request.denied;
    }
  }

  void gather_versions() {
    std::vector<const Call*> shown;
    for (const Call* call : name_.calls) {
      if (shows_state(*call)) shown.push_back(call);
      if (call->outcome == Outcome::kEmpty) empty_.last_newest = call;
    }
    std::stable_sort(shown.begin(), shown.end(),
                     [](const Call* a, const Call* b) { return a->version < b->version; });
    versions_.push_back(empty_);
    for (const Call* call : shown) {
      if (versions_.back().number != call->version) {
        versions_.push_back({});
        versions_.back().number = call->version;
      }
      take(versions_.back(), *call);
    }
    const Call* earliest = nullptr;
    for (size_t i = versions_.size(); i-- > 0;) {
      Version& version = versions_[i];
      if (!earliest || (version.first && version.first->return_ns < earliest->return_ns)) {
        earliest = version.first;
      }
      version.deadline = earliest;
    }
  }

  // Who made a version is told so whenever he asks again.
  static bool tells_the_newest(const Call& call) {
    return !changes(call.action) || call.writer != call.id || call.version == 0;
  }

  static void take(Version& version, const Call& call) {
    if (!version.shown) version.shown = &call;
    if (!version.valued && shows_value(call)) version.valued = &call;
    if (!version.first || call.return_ns < version.first->return_ns) version.first = &call;
    if (tells_the_newest(call) &&
        (!version.last_newest || call.call_ns > version.last_newest->call_ns)) {
      version.last_newest = &call;
    }
  }

  void agreement() {
    std::unordered_map<uint64_t, const Version*> by_number;
    for (const Version& version : versions_) by_number[version.number] = &version;
    for (const Call* call : name_.calls) {
      if (!shows_state(*call)) continue;
      const Version& version = *by_number[call->version];
      const Call& first = *version.shown;
      const bool same_value =
          !shows_value(*call) || !version.valued || version.valued->result == call->result;
      if (call->writer == first.writer && call->sealed == first.sealed && same_value) continue;
      const bool both_made = changes(first.action) && changes(call->action) &&
                             first.outcome == Outcome::kDone && call->outcome == Outcome::kDone;
      return add(fmt::format(
          "{}: {}; and {}",
          both_made ? "two requests were told that they made one version"
                    : "two answers show different states of one version",
          describe(call->writer == first.writer && !same_value ? *version.valued : first),
          describe(*call)));
    }
  }

  void makers() {
    std::unordered_map<RequestId, const Call*, HashId> made;
    for (Version& version : versions_) {
      if (version.number == 0) continue;
      const Call& shown = *version.shown;
      const auto found = requests_.find(shown.writer);
      if (found == requests_.end()) {
        return add(fmt::format("nobody asked for what an answer shows: {}", describe(shown)));
      }
      const Request& request = found->second;
      if (!request.maker) {
        return add(fmt::format("a change that certainly did not happen is shown: {}; by {}",
                               describe(*request.denied), describe(shown)));
      }
      version.maker = request.maker;
      if (!can_make(*request.maker, version)) {
        return add(fmt::format("an answer shows what its writer did not ask for: {}; and {}",
                               describe(version.valued ? *version.valued : shown),
                               describe(*request.maker)));
      }
      if (request.maker->call_ns > version.deadline->return_ns) {
        return add(
            fmt::format("an answer shows a state {} ns before its writer was called: {}; "
                        "and {}",
                        request.maker->call_ns - version.deadline->return_ns,
                        describe(*version.deadline), describe(*request.maker)));
      }
      const Call* before = made.try_emplace(shown.writer, &shown).first->second;
      if (before != &shown) {
        return add(fmt::format("one request happened twice: {}; and {}", describe(*before),
                               describe(shown)));
      }
    }
  }

  void order() {
    const Version* latest = nullptr;  // of those before: shown as the newest by the latest call
    for (const Version& version : versions_) {
      if (latest && latest->last_newest->call_ns > version.deadline->return_ns) {
        const Call& late = *latest->last_newest;
        const bool empty = late.outcome == Outcome::kEmpty;
        return add(fmt::format(
            "{}, {} ns after {} had been shown: {}; but before {}",
            empty ? "a read found nothing" : "an answer shows an old state as the newest",
            late.call_ns - version.deadline->return_ns, empty ? "a value" : "a newer one",
            describe(late), describe(*version.deadline)));
      }
      const bool later = version.last_newest &&
                         (!latest || version.last_newest->call_ns > latest->last_newest->call_ns);
      if (later) latest = &version;
    }
  }

  void gaps() {
    std::vector<const Call*> hidden;  // may have happened, and nobody was shown it
    std::unordered_map<RequestId, const Call*, HashId> shown;
    for (const Version& version : versions_) {
      if (version.shown) shown.emplace(version.shown->writer, version.shown);
    }
    for (const auto& [id, request] : requests_) {
      if (request.maker && !shown.contains(id)) hidden.push_back(request.maker);
    }
    const std::string why = unexplained_gap(versions_, hidden);
    if (!why.empty()) add(why);
  }

  const NameCalls& name_;
  std::unordered_map<RequestId, Request, HashId> requests_;
  Version empty_;
  std::vector<Version> versions_;  // those that are shown, and 0; ascending
  Violations violations_;
};

}  // namespace

Violations check_register(const NameCalls& name) { return RegisterCheck(name).run(); }

}  // namespace once::check

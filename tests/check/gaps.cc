// A next draws as many versions as it likes, so a gap is free where some next was called early
// enough; as deadlines ascend with the versions, these are all gaps from some version on. Each
// version of the gaps before needs a set or a cas of its own. And where a value that is shown is
// not the one shown before, with only kept values between, a set or cas of that value must lie in a
// gap between, and nothing behind it in the gap but nexts. That is a matching of places with
// requests; at most one stretch of versions leaves a choice of places.
#include "tests/check/gaps.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "tests/check/checks.h"
#include "tests/check/escape.h"

namespace once::check {
namespace {

struct Range {  // first..last, before this return
  uint64_t first = 0;
  uint64_t last = 0;
  const Call* deadline = nullptr;
};

// Needs one set or cas: in any of `ranges`, and of this value if there is one.
struct Place {
  std::vector<Range> ranges;
  const std::string* value = nullptr;
};

// Versions from one whose value is known to the next one whose value is; kept values only between.
struct Stretch {
  std::vector<Range> forced;         // no next was called early enough
  std::vector<Range> free;           // behind them
  const std::string* end = nullptr;  // the value that must come out; none: any
  bool changed = false;              // it is not the one at the begin
};

class Matching {
 public:
  explicit Matching(const std::vector<const Call*>& hidden) {
    for (const Call* call : hidden) {
      if (call->action != Action::kSet && call->action != Action::kCas) continue;
      all_.push_back(fillers_.size());
      by_value_[call->value].push_back(fillers_.size());
      fillers_.push_back({call, kNobody});
    }
  }

  size_t size() const { return fillers_.size(); }

  // The place that finds nobody, or none.
  const Place* unfilled(const std::vector<Place>& places) {
    places_ = &places;
    for (Filler& filler : fillers_) filler.place = kNobody;
    for (size_t i = 0; i < places.size(); ++i) {
      seen_.assign(fillers_.size(), false);
      if (!fill(i)) return &places[i];
    }
    return nullptr;
  }

 private:
  static constexpr size_t kNobody = SIZE_MAX;
  struct Filler {
    const Call* call;
    size_t place;
  };

  static bool fits(const Call& call, const Place& place) {
    return std::any_of(place.ranges.begin(), place.ranges.end(), [&](const Range& range) {
      const bool in_time = call.call_ns <= range.deadline->return_ns;
      if (call.action == Action::kSet) return in_time;
      return in_time && call.asked + 1 >= range.first && call.asked + 1 <= range.last;
    });
  }

  bool fill(size_t place) {
    static const std::vector<size_t> kNone;
    const Place& wanted = (*places_)[place];
    const std::vector<size_t>* candidates = &all_;
    if (wanted.value) {
      const auto found = by_value_.find(*wanted.value);
      candidates = found == by_value_.end() ? &kNone : &found->second;
    }
    for (const size_t i : *candidates) {
      if (seen_[i] || !fits(*fillers_[i].call, wanted)) continue;
      seen_[i] = true;
      if (fillers_[i].place != kNobody && !fill(fillers_[i].place)) continue;
      fillers_[i].place = place;
      return true;
    }
    return false;
  }

  std::vector<Filler> fillers_;
  std::vector<size_t> all_;
  std::unordered_map<std::string_view, std::vector<size_t>> by_value_;
  const std::vector<Place>* places_ = nullptr;
  std::vector<bool> seen_;
};

class Gaps {
 public:
  Gaps(const std::vector<Version>& versions, const std::vector<const Call*>& hidden)
      : versions_(versions), matching_(hidden) {
    for (const Call* call : hidden) {
      if (call->action == Action::kNext) first_next_ns_ = std::min(first_next_ns_, call->call_ns);
    }
  }

  std::string explain() {
    if (std::string why = cut(); !why.empty()) return why;
    if (std::string why = bounded(); !why.empty()) return why;
    const std::vector<Place> early = places(false);
    const Place* unfilled = matching_.unfilled(early);
    if (!unfilled) return {};
    if (!has_choice()) return describe_place(*unfilled);
    return matching_.unfilled(places(true)) ? describe_place(*unfilled) : "";
  }

 private:
  // Cuts the versions into stretches.
  std::string cut() {
    static const std::string kEmpty;
    const std::string* value = &kEmpty;
    Stretch stretch;
    for (size_t i = 1; i < versions_.size(); ++i) {
      const Version& before = versions_[i - 1];
      const Version& version = versions_[i];
      if (before.shown && before.shown->sealed) {
        return fmt::format("a sealed register has changed: {}; and {}", describe(*before.shown),
                           describe(*version.shown));
      }
      if (version.number > before.number + 1) {
        const Range range{before.number + 1, version.number - 1, version.deadline};
        const bool free = first_next_ns_ <= version.deadline->return_ns;
        (free ? stretch.free : stretch.forced).push_back(range);
      }
      const bool proposes = takes_value(version.maker->action);
      if (!proposes && !version.valued) continue;
      if (!proposes) {
        stretch.end = &version.valued->result;
        stretch.changed = *stretch.end != *value;
        if (stretch.changed && stretch.free.empty() && stretch.forced.empty()) {
          return fmt::format("a value was changed by requests that keep it, from \"{}\": {}",
                             escaped(*value), describe(*version.valued));
        }
      }
      value = proposes ? &version.maker->value : stretch.end;
      stretches_.push_back(std::move(stretch));
      stretch = {};
    }
    stretches_.push_back(std::move(stretch));
    return {};
  }

  // A gap of any width costs no more than there are requests to fill it.
  std::string bounded() const {
    uint64_t left = matching_.size();
    for (const Stretch& stretch : stretches_) {
      for (const Range& range : stretch.forced) {
        if (range.last - range.first >= left) return describe_range(range);
        left -= range.last - range.first + 1;
      }
    }
    return {};
  }

  bool has_choice() const {
    return std::any_of(stretches_.begin(), stretches_.end(), [](const Stretch& each) {
      return each.end && !each.forced.empty() && !each.free.empty();
    });
  }

  // What needs a set or a cas. Where a stretch leaves a choice, its last value comes about in the
  // last forced version, or (`late`) in a free one.
  std::vector<Place> places(bool late) const {
    std::vector<Place> places;
    for (const Stretch& stretch : stretches_) {
      for (const Range& range : stretch.forced) {
        for (uint64_t version = range.first; version <= range.last; ++version) {
          places.push_back({{{version, version, range.deadline}}, nullptr});
        }
      }
      if (!stretch.end) continue;
      if (!stretch.forced.empty() && (stretch.free.empty() || !late)) {
        places.back().value = stretch.end;
      } else if (stretch.changed || !stretch.forced.empty()) {
        places.push_back({stretch.free, stretch.end});
      }
    }
    return places;
  }

  static std::string describe_range(const Range& range) {
    return fmt::format("nobody can have made version {} before {}", range.first,
                       describe(*range.deadline));
  }
  static std::string describe_place(const Place& place) {
    std::string text = describe_range(place.ranges.front());
    if (place.value)
      text += fmt::format(" with the value \"{}\", shown later", escaped(*place.value));
    return text;
  }

  const std::vector<Version>& versions_;
  Matching matching_;
  int64_t first_next_ns_ = kNever;
  std::vector<Stretch> stretches_;
};

}  // namespace

std::string unexplained_gap(const std::vector<Version>& versions,
                            const std::vector<const Call*>& hidden) {
  return Gaps(versions, hidden).explain();
}

}  // namespace once::check

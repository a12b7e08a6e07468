// Each version of a gap needs a set, a cas or a next of its own, that was called early enough. And
// between two versions whose values are known (a stretch), the last set or cas decides which value
// comes out: where it lies is a choice, and only nexts lie behind it. So this is a matching of
// places with requests, and a search over the choices: exact, until it has tried kMostTries of
// them. What it gives up on then passes: a history is never accused without a reason.
#include "tests/check/gaps.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/check/checks.h"
#include "tests/check/escape.h"

namespace once::check {
namespace {

constexpr size_t kMostTries = 20'000;

// A version that nobody was shown, below one that somebody was before this return.
struct Gap {
  uint64_t version = 0;
  const Call* deadline = nullptr;
};

// Versions from one whose value is known to the next one whose value is; kept values only between.
struct Stretch {
  std::vector<Gap> gaps;
  const std::string* end = nullptr;  // the value that must come out; none: any
  bool changed = false;              // it is not the one at the begin
};

struct Place {
  Gap gap;
  enum class Need : uint8_t { kAny, kKept, kValue } need = Need::kAny;
  const std::string* value = nullptr;
};

class Matching {
 public:
  explicit Matching(const std::vector<const Call*>& hidden) {
    for (const Call* call : hidden) {
      const bool fills = call->action == Action::kSet || call->action == Action::kCas ||
                         call->action == Action::kNext;
      if (fills) fillers_.push_back({call, kNobody});
    }
  }

  size_t size() const { return fillers_.size(); }

  // Finds fillers for all of `places` beside those before; false: there are none, and nothing has
  // changed.
  bool add(const std::vector<Place>& places) {
    const std::vector<Filler> fillers = fillers_;
    const size_t count = places_.size();
    for (const Place& place : places) {
      places_.push_back(place);
      seen_.assign(fillers_.size(), false);
      if (fill(places_.size() - 1)) continue;
      fillers_ = fillers;
      places_.resize(count);
      return false;
    }
    return true;
  }
  void drop(size_t count) {
    places_.resize(places_.size() - count);
    for (Filler& filler : fillers_) {
      if (filler.place >= places_.size()) filler.place = kNobody;
    }
  }

 private:
  static constexpr size_t kNobody = SIZE_MAX;
  struct Filler {
    const Call* call;
    size_t place;
  };

  static bool fits(const Call& call, const Place& place) {
    if (call.call_ns > place.gap.deadline->return_ns) return false;
    if (call.action == Action::kNext) return place.need != Place::Need::kValue;
    if (place.need == Place::Need::kKept) return false;
    if (place.need == Place::Need::kValue && call.value != *place.value) return false;
    return call.action == Action::kSet || call.asked + 1 == place.gap.version;
  }

  bool fill(size_t place) {
    for (size_t i = 0; i < fillers_.size(); ++i) {
      if (seen_[i] || !fits(*fillers_[i].call, places_[place])) continue;
      seen_[i] = true;
      if (fillers_[i].place != kNobody && !fill(fillers_[i].place)) continue;
      fillers_[i].place = place;
      return true;
    }
    return false;
  }

  std::vector<Filler> fillers_;
  std::vector<Place> places_;
  std::vector<bool> seen_;
};

class Gaps {
 public:
  Gaps(const std::vector<Version>& versions, const std::vector<const Call*>& hidden)
      : versions_(versions), matching_(hidden) {}

  std::string explain() {
    if (std::string why = cut(); !why.empty()) return why;
    if (search(0)) return {};
    const Stretch& stretch = stretches_[deepest_];
    std::string text = describe_gap(stretch.gaps.front());
    if (stretch.end) {
      text += fmt::format(" with the value \"{}\", shown later", escaped(*stretch.end));
    }
    return text;
  }

 private:
  // Cuts the versions into stretches.
  std::string cut() {
    static const std::string kEmpty;
    const std::string* value = &kEmpty;
    uint64_t left = matching_.size();
    Stretch stretch;
    for (size_t i = 1; i < versions_.size(); ++i) {
      const Version& before = versions_[i - 1];
      const Version& version = versions_[i];
      if (before.shown && before.shown->sealed) {
        return fmt::format("a sealed register has changed: {}; and {}", describe(*before.shown),
                           describe(*version.shown));
      }
      // A gap of any width costs no more than there are requests to fill it.
      const uint64_t width = version.number - before.number - 1;
      if (width > left) return describe_gap({before.number + 1, version.deadline});
      left -= width;
      for (uint64_t v = before.number + 1; v < version.number; ++v) {
        stretch.gaps.push_back({v, version.deadline});
      }
      const bool proposes = takes_value(version.maker->action);
      if (!proposes && !version.valued) continue;
      if (!proposes) {
        stretch.end = &version.valued->result;
        stretch.changed = *stretch.end != *value;
        if (stretch.changed && stretch.gaps.empty()) {
          return fmt::format("a value was changed by requests that keep it, from \"{}\": {}",
                             escaped(*value), describe(*version.valued));
        }
      }
      value = proposes ? &version.maker->value : stretch.end;
      if (!stretch.gaps.empty()) stretches_.push_back(std::move(stretch));
      stretch = {};
    }
    if (!stretch.gaps.empty()) stretches_.push_back(std::move(stretch));
    return {};
  }

  // Whether the stretches from here on can be filled beside those before.
  bool search(size_t index) {
    if (index == stretches_.size()) return true;
    deepest_ = std::max(deepest_, index);
    const Stretch& stretch = stretches_[index];
    if (!stretch.end) return try_places(index, places(stretch, stretch.gaps.size()));
    if (!stretch.changed && try_places(index, places(stretch, kNone))) return true;
    for (size_t last = stretch.gaps.size(); last-- > 0;) {
      if (try_places(index, places(stretch, last))) return true;
    }
    return false;
  }

  bool try_places(size_t index, const std::vector<Place>& places) {
    if (++tries_ > kMostTries) return true;
    if (!matching_.add(places)) return false;
    if (search(index + 1)) return true;
    matching_.drop(places.size());
    return false;
  }

  // With the last set or cas at gap number `last`; beyond the end: anything goes.
  static std::vector<Place> places(const Stretch& stretch, size_t last) {
    std::vector<Place> places;
    for (size_t i = 0; i < stretch.gaps.size(); ++i) {
      Place place{stretch.gaps[i], Place::Need::kAny, nullptr};
      if (last == kNone || i > last) place.need = Place::Need::kKept;
      if (i == last) place = {stretch.gaps[i], Place::Need::kValue, stretch.end};
      places.push_back(place);
    }
    return places;
  }

  static std::string describe_gap(const Gap& gap) {
    return fmt::format("nobody can have made version {} before {}", gap.version,
                       describe(*gap.deadline));
  }

  static constexpr size_t kNone = SIZE_MAX;
  const std::vector<Version>& versions_;
  Matching matching_;
  std::vector<Stretch> stretches_;
  size_t deepest_ = 0;
  size_t tries_ = 0;
};

}  // namespace

std::string unexplained_gap(const std::vector<Version>& versions,
                            const std::vector<const Call*>& hidden) {
  return Gaps(versions, hidden).explain();
}

}  // namespace once::check

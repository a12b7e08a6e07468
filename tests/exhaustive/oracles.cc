// What must hold after every step, each function one sentence of DESIGN 1, 3.1 or 3.3.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "tests/exhaustive/register_rules.h"
#include "tests/exhaustive/search.h"

namespace once::exhaustive {

using namespace paxos;

namespace {

template <class Values, class Value>
bool contains(const Values& values, const Value& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

std::string Search::judge(const World& before, World& after, size_t node, const Step& step) {
  if (step.said && !step.said->violation.empty()) return step.said->violation;
  const LocalState& was = locals_.at(before.local[node]);
  const LocalState& is = locals_.at(after.local[node]);
  const List sent = catalog_.lists.at(after.network != before.network ? step.sent : Lists::kEmpty);
  const bool claims =
      std::any_of(sent.begin(), sent.end(), [&](uint32_t m) { return catalog_.route(m).claims; });
  const bool moved = was.accepts != is.accepts || was.decided != is.decided;
  if (!moved && !claims && !step.said) return {};
  const Chosen& chosen = chosen_of(after);
  std::string violation = chosen.violation;
  if (violation.empty() && moved) violation = judge_decided(after, node, chosen);
  if (violation.empty() && claims) violation = judge_sent(after, sent, chosen);
  const List ledger = catalog_.lists.at(after.ledger);
  std::vector<uint32_t> answered(ledger.begin(), ledger.end());
  if (step.said) {
    for (const Reply& reply : step.said->replies) {
      if (violation.empty()) violation = judge_reply(answered, reply, chosen);
    }
    after.ledger = catalog_.lists.number(answered);
  }
  if (violation.empty()) violation = judge_made(answered, chosen);
  return violation.empty() ? judge_denied(answered, chosen) : violation;
}

const Search::Chosen& Search::chosen_of(const World& world) {
  uint32_t accepts[kNodes];
  for (size_t i = 0; i < kNodes; ++i) accepts[i] = locals_.at(world.local[i]).accepts;
  const std::string key(reinterpret_cast<const char*>(accepts), sizeof accepts);
  const auto found = chosen_.find(key);
  if (found != chosen_.end()) return found->second;
  return chosen_.emplace(key, compute_chosen(world)).first->second;
}

// From the logs alone, and for ever: an accept that was overwritten since counts too.
Search::Chosen Search::compute_chosen(const World& world) const {
  Chosen chosen;
  std::set<std::pair<uint32_t, size_t>> votes;  // (choice, node)
  std::vector<const KnownAccept*> accepts;
  for (size_t node = 0; node < kNodes; ++node) {
    for (uint32_t number : catalog_.lists.at(locals_.at(world.local[node]).accepts)) {
      const KnownAccept& a = catalog_.accept(number);
      votes.emplace(a.choice, node);
      accepts.push_back(&a);
    }
  }
  for (const KnownAccept* a : accepts) {
    const KnownState& s = catalog_.state(a->state);
    if (chosen.violation.empty()) chosen.violation = what_nobody_asked_for(scenario_, s);
    for (const KnownAccept* b : accepts) {
      const KnownState& t = catalog_.state(b->state);
      if (a->ballot == b->ballot && s.name == t.name && s.version == t.version &&
          a->state != b->state) {
        chosen.violation = fmt::format("ballot {} of {} carries two states, \"{}\" and \"{}\"",
                                       text_of(a->ballot), s.name, s.value, t.value);
      }
    }
    const auto held = std::count_if(votes.begin(), votes.end(),
                                    [&](const auto& v) { return v.first == a->choice; });
    if (static_cast<size_t>(held) * 2 <= kNodes || contains(chosen.choices, a->choice)) continue;
    chosen.choices.push_back(a->choice);
    for (uint32_t other : chosen.states) {
      const std::string conflict = contradiction(scenario_, s, catalog_.state(other));
      if (!conflict.empty()) chosen.violation = conflict;
    }
    if (!contains(chosen.states, a->state)) chosen.states.push_back(a->state);
  }
  return chosen;
}

// "Decided" must already be true.
std::string Search::judge_decided(const World& world, size_t node, const Chosen& chosen) const {
  for (uint32_t state : catalog_.lists.at(locals_.at(world.local[node]).decided)) {
    if (contains(chosen.states, state)) continue;
    const KnownState& s = catalog_.state(state);
    return fmt::format("n{} takes \"{}\" of {} for decided, and no majority's logs hold it",
                       node + 1, s.value, s.name);
  }
  return {};
}

std::string Search::judge_sent(const World& world, List sent, const Chosen& chosen) const {
  for (uint32_t number : sent) {
    const Parcel& parcel = catalog_.parcel(number);
    std::string violation = judge_message(world, parcel, chosen);
    if (!violation.empty()) return violation;
    const auto* accept = std::get_if<Accept>(&parcel.message);
    if (!accept) continue;
    // A ballot is spent at the first byte sent: never with another state.
    for (uint32_t earlier : catalog_.lists.at(world.network)) {
      const auto* other = std::get_if<Accept>(&catalog_.parcel(earlier).message);
      if (other && other->ballot == accept->ballot && other->name == accept->name &&
          other->state.version == accept->state.version &&
          (other->state.writer != accept->state.writer ||
           other->state.value != accept->state.value)) {
        return fmt::format("ballot {} of {} is sent with two states, \"{}\" and \"{}\"",
                           text_of(accept->ballot), accept->name, other->state.value,
                           accept->state.value);
      }
    }
  }
  return {};
}

// Whatever says that something is chosen is right.
std::string Search::judge_message(const World& world, const Parcel& parcel,
                                  const Chosen& chosen) const {
  const auto is_chosen = [&](auto test) {
    for (size_t node = 0; node < kNodes; ++node) {
      for (uint32_t number : catalog_.lists.at(locals_.at(world.local[node]).accepts)) {
        const KnownAccept& a = catalog_.accept(number);
        if (contains(chosen.choices, a.choice) && test(a, catalog_.state(a.state))) return true;
      }
    }
    return false;
  };
  bool right = true;
  if (const auto* m = std::get_if<Decided>(&parcel.message)) {
    right = is_chosen([&](const KnownAccept& a, const KnownState& s) {
      return a.ballot == m->ballot && s.version == m->version && s.name == m->name;
    });
  } else if (const auto* m = std::get_if<ChosenRange>(&parcel.message)) {
    const Ballot ballot{Round{0}, NodeId{static_cast<uint16_t>(parcel.from + 1)}, m->incarnation};
    for (uint64_t n = m->first.value; n <= m->last.value; ++n) {
      right = right && is_chosen([&](const KnownAccept& a, const KnownState&) {
                return a.ballot == ballot && a.sequence == n;
              });
    }
  } else if (const auto* m = std::get_if<ReadReply>(&parcel.message)) {
    right = !m->decided || is_chosen([&](const KnownAccept&, const KnownState& s) {
      return s.version == m->accepted.version && s.writer == m->accepted.writer &&
             s.value == m->accepted.value;
    });
  } else if (const auto* m = std::get_if<SyncState>(&parcel.message)) {
    right = !m->decided || is_chosen([&](const KnownAccept& a, const KnownState& s) {
      return a.ballot <= m->ballot && s.version == m->state.version &&
             s.writer == m->state.writer && s.value == m->state.value;
    });
  } else if (const auto* m = std::get_if<ForwardReply>(&parcel.message)) {
    // A change that is done comes back without its value, and may be in the middle of a batch.
    const State& shown = m->state;
    const bool made = m->status == Status::kDone && shown.value.empty();
    right = !shows_state(m->status) || shown.version == 0 ||
            is_chosen([&](const KnownAccept&, const KnownState& s) {
              if (made && s.version > shown.version) return true;
              return s.writer == shown.writer && s.version == shown.version &&
                     (s.value == shown.value || made);
            });
  }
  if (right) return {};
  return fmt::format("n{} says {}, and no majority's logs hold it", parcel.from + 1,
                     text_of(parcel.message));
}

// Each call is answered once, by what was true at a moment since it was made.
std::string Search::judge_reply(std::vector<uint32_t>& ledger, const Reply& reply,
                                const Chosen& chosen) {
  ++result_.answers[text_of(reply.status)];
  uint32_t& note = ledger[kFirstCall + reply.call];
  if (progress_in(note) != kMade) return fmt::format("call {} is answered twice", reply.call);
  const uint32_t before = version_in(note);
  const bool change = changes(scenario_.calls[reply.call].operation);
  const uint64_t version = shows_state(reply.status) ? catalog_.state(reply.state).version : 0;
  const bool certain = reply.status != Status::kDone && reply.status != Status::kUnknown;
  if (change && certain) {
    note = noted(kDenied, version);
  } else {
    note = noted(shows_state(reply.status) ? kHasState : kAnswered, version);
  }
  return judge_answer(reply, before, chosen);
}

// `before`: the highest version that somebody had been shown when the call was made.
std::string Search::judge_answer(const Reply& reply, uint32_t before, const Chosen& chosen) const {
  const Call& call = scenario_.calls[reply.call];
  if (!shows_state(reply.status)) {
    const bool empty = reply.status == Status::kEmpty && before == 0;
    if (fits(call, reply.status) && (empty || reply.status != Status::kEmpty)) return {};
    return fmt::format("call {} is told {} after version {} was shown", reply.call,
                       text_of(reply.status), before);
  }
  const KnownState& s = catalog_.state(reply.state);
  const bool own = s.writer == scenario_.id_of(reply.call);
  const bool made = changes(call.operation) && reply.status == Status::kDone;
  const bool stands =
      made ? is_built_on(s, chosen) : s.version == 0 || contains(chosen.states, reply.state);
  if (!stands) {
    return fmt::format("call {} is shown version {} \"{}\", which no majority's logs hold",
                       reply.call, s.version, s.value);
  }
  const bool once =
      std::count_if(scenario_.calls.begin(), scenario_.calls.end(), [&](const Call& c) {
        return scenario_.id_of(static_cast<size_t>(&c - scenario_.calls.data())) ==
               scenario_.id_of(reply.call);
      }) == 1;
  if (made && once ? s.version <= before : s.version < before) {
    return fmt::format("call {} is shown version {} after {}", reply.call, s.version, before);
  }
  if (!fits(call, reply.status) || !explains(call, reply.status, s, own)) {
    return fmt::format("call {} is told {} with version {} \"{}\"", reply.call,
                       text_of(reply.status), s.version, s.value);
  }
  return {};
}

// A state is chosen that is this one, or that may have been built on it.
bool Search::is_built_on(const KnownState& state, const Chosen& chosen) const {
  return std::any_of(chosen.states.begin(), chosen.states.end(), [&](uint32_t number) {
    const KnownState& s = catalog_.state(number);
    return s.name == state.name && s.version >= state.version;
  });
}

// Whoever was told that he made a version made it, and nobody else did. What one batch composed is
// on no disk by itself, so this is judged for ever.
std::string Search::judge_made(List ledger, const Chosen& chosen) const {
  std::vector<KnownState> made;
  for (size_t i = 0; i < scenario_.calls.size(); ++i) {
    const Call& call = scenario_.calls[i];
    const uint32_t note = ledger[kFirstCall + i];
    if (!changes(call.operation) || progress_in(note) != kHasState) continue;
    made.push_back(
        {call.name, version_in(note), scenario_.id_of(i), call.value, is_sealing(call.operation)});
  }
  for (size_t i = 0; i < made.size(); ++i) {
    std::string conflict;
    for (uint32_t state : chosen.states) {
      if (conflict.empty()) conflict = contradiction(scenario_, made[i], catalog_.state(state));
    }
    for (size_t j = 0; j < i; ++j) {
      if (conflict.empty()) conflict = contradiction(scenario_, made[i], made[j]);
    }
    if (!conflict.empty()) {
      return fmt::format("version {} was acknowledged: {}", made[i].version, conflict);
    }
  }
  return {};
}

// What was denied does not happen, unless it was asked for once more.
std::string Search::judge_denied(List ledger, const Chosen& chosen) const {
  for (uint32_t call = 0; call < scenario_.calls.size(); ++call) {
    if (progress_in(ledger[kFirstCall + call]) != kDenied) continue;
    const RequestId id = scenario_.id_of(call);
    bool denied = true;
    for (size_t other = 0; other < scenario_.calls.size(); ++other) {
      const Progress progress = progress_in(ledger[kFirstCall + other]);
      const bool open = progress != kNotMade && progress != kDenied;
      if (scenario_.id_of(other) == id && open) denied = false;
    }
    for (uint32_t state : chosen.states) {
      if (denied && catalog_.state(state).writer == id) {
        return fmt::format("call {} was told that nothing happened, and is chosen", call);
      }
    }
  }
  return {};
}

uint32_t Search::shown_so_far(List ledger, const std::string& name) const {
  uint32_t highest = 0;
  for (size_t call = 0; call < scenario_.calls.size(); ++call) {
    const uint32_t note = ledger[kFirstCall + call];
    const bool shown = progress_in(note) == kHasState || progress_in(note) == kDenied;
    if (shown && scenario_.calls[call].name == name) highest = std::max(highest, version_in(note));
  }
  return highest;
}

}  // namespace once::exhaustive

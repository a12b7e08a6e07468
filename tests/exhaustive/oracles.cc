// What must hold after every step, each function one sentence of DESIGN 1, 3.1 or 3.3.
#include <fmt/format.h>

#include <algorithm>
#include <set>

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
      const KnownState& t = catalog_.state(other);
      if (other != a->state && s.name == t.name && s.version == t.version) {
        chosen.violation =
            fmt::format("two states of {} are chosen, \"{}\" and \"{}\"", s.name, s.value, t.value);
      }
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
    const Ballot ballot{0, NodeId{static_cast<uint16_t>(parcel.from + 1)}, m->incarnation};
    for (uint64_t n = m->first; n <= m->last; ++n) {
      right = right && is_chosen([&](const KnownAccept& a, const KnownState&) {
                return a.ballot == ballot && a.sequence == n;
              });
    }
  } else if (const auto* m = std::get_if<ReadReply>(&parcel.message)) {
    right = !m->decided || is_chosen([&](const KnownAccept&, const KnownState& s) {
      return s.writer == m->accepted.writer && s.value == m->accepted.value;
    });
  } else if (const auto* m = std::get_if<ForwardReply>(&parcel.message)) {
    const bool shows = m->status == Status::kDone || m->status == Status::kAlreadySet;
    right = !shows || is_chosen([&](const KnownAccept&, const KnownState& s) {
      // A change that is done comes back without its value.
      return s.writer == m->state.writer && s.version == m->state.version &&
             (s.value == m->state.value || m->state.value.empty());
    });
  }
  if (right) return {};
  return fmt::format("n{} says {}, and no majority's logs hold it", parcel.from + 1,
                     text_of(parcel.message));
}

// A state that a client is shown is chosen; one write wins; "empty" is never said after a state.
std::string Search::judge_reply(std::vector<uint32_t>& ledger, const Reply& reply,
                                const Chosen& chosen) {
  ++result_.answers[text_of(reply.status)];
  const Call& call = scenario_.calls[reply.call];
  uint32_t& progress = ledger[kFirstCall + reply.call];
  const bool write = call.operation == Operation::kWrite;
  if (progress != kMade && progress != kMadeLate) {
    return fmt::format("call {} is answered twice", reply.call);
  }
  const bool late = progress == kMadeLate;
  progress = kAnswered;
  if (reply.status == Status::kDone || reply.status == Status::kAlreadySet) {
    progress = kHasState;
    const KnownState& s = catalog_.state(reply.state);
    if (!contains(chosen.states, reply.state)) {
      return fmt::format("call {} is shown \"{}\", which no majority's logs hold", reply.call,
                         s.value);
    }
    const bool won = s.writer == request_id(7, reply.call + 1);
    if (write && won != (reply.status == Status::kDone)) {
      return fmt::format("call {} is told {} with \"{}\"", reply.call, won ? "already set" : "done",
                         s.value);
    }
    if (!write && reply.status != Status::kDone) return "a read is told already set";
  } else if (reply.status == Status::kEmpty) {
    if (write) return "a write is told empty";
    if (late) return fmt::format("read {} is told empty after a state was shown", reply.call);
  } else if (write && reply.status != Status::kUnknown) {
    progress = kDenied;
  }
  return {};
}

// What was denied does not happen.
std::string Search::judge_denied(List ledger, const Chosen& chosen) const {
  for (uint32_t call = 0; call < scenario_.calls.size(); ++call) {
    if (ledger[kFirstCall + call] != kDenied) continue;
    for (uint32_t state : chosen.states) {
      if (catalog_.state(state).writer == request_id(7, call + 1)) {
        return fmt::format("call {} was told that nothing happened, and is chosen", call);
      }
    }
  }
  return {};
}

bool Search::is_answered(List ledger, const std::string& name) const {
  for (size_t call = 0; call < scenario_.calls.size(); ++call) {
    if (scenario_.calls[call].name == name && ledger[kFirstCall + call] == kHasState) return true;
  }
  return false;
}

}  // namespace once::exhaustive

#include "tests/invariants/invariants.h"

#include <bit>
#include <utility>

#include "paxos/core_state.h"

namespace once::invariants {
namespace {

using paxos::Ballot;
using paxos::Phase;

bool same_state(const EntryView& a, const EntryView& b) {
  return a.version == b.version && a.sealed == b.sealed && a.writer == b.writer &&
         a.value_size == b.value_size;
}
auto accepted(const EntryView& entry) { return std::pair(entry.accepted, entry.version); }
bool is_round_zero_of_another(const Ballot& ballot, NodeId home) {
  return !ballot.is_null() && ballot.is_round_zero() && ballot.node != home;
}
bool is_of_a_later_run(const Ballot& ballot, const CoreView& core) {
  return ballot.node == core.self && ballot.incarnation > core.incarnation;
}

constexpr CoreInvariant kOfCores[] = {
    {"P1", "A run keeps its incarnation.",
     [](const CoreView& was, const CoreView& is) {
       return is.incarnation != Incarnation{} && is.incarnation == was.incarnation;
     }},
    {"D1", "Records are only added, and only what was made is durable, for good.",
     [](const CoreView& was, const CoreView& is) {
       return is.record >= was.record && is.durable >= was.durable && is.durable <= is.record;
     }},
    {"D1", "A home says of no accept that its disk has it before it has.",
     [](const CoreView&, const CoreView& is) {
       return is.announced <= is.self_voted && is.self_voted < is.next_sequence &&
              is.voted_record <= is.durable;
     }},
    {"H1", "A sequence number is used once, and what has ended does not begin again.",
     [](const CoreView& was, const CoreView& is) {
       return is.next_sequence >= was.next_sequence && is.oldest_open >= was.oldest_open &&
              is.oldest_open <= is.next_sequence;
     }},
    {"H4", "A complete claim stays complete.",
     [](const CoreView& was, const CoreView& is) { return is.claimed || !was.claimed; }},
    {"H4", "A claim becomes complete only when a majority has told all of its lists.",
     [](const CoreView& was, const CoreView& is) {
       return !is.every_step || was.claimed || !is.claimed || is.answered >= is.quorum;
     }},
};

constexpr EntryInvariant kOfEntries[] = {
    {"P1", "Under one ballot a name has one state of each version.",
     [](const EntryView& was, const EntryView& is, const CoreView&) {
       return accepted(was) != accepted(is) || same_state(was, is);
     }},
    {"P1", "Under one ballot nothing follows a sealed state.",
     [](const EntryView& was, const EntryView& is, const CoreView&) {
       return !was.sealed || was.accepted != is.accepted || was.version == is.version;
     }},
    {"P1", "No ballot of this node is of a later run than this one.",
     [](const EntryView&, const EntryView& is, const CoreView& core) {
       return !is_of_a_later_run(is.promised, core) && !is_of_a_later_run(is.accepted, core);
     }},
    {"P2", "What is accepted is at most what is promised.",
     [](const EntryView&, const EntryView& is, const CoreView&) {
       return is.accepted <= is.promised;
     }},
    {"P2", "A promise never falls.",
     [](const EntryView& was, const EntryView& is, const CoreView&) {
       return is.promised >= was.promised;
     }},
    {"P2", "What is accepted never falls, ballot before version.",
     [](const EntryView& was, const EntryView& is, const CoreView&) {
       return accepted(is) >= accepted(was);
     }},
    {"L1", "Below its promise an acceptor takes nothing but what is decided.",
     [](const EntryView& was, const EntryView& is, const CoreView&) {
       const bool taken = accepted(is) != accepted(was);
       return !taken || is.accepted >= was.promised || is.decided;
     }},
    {"P2", "Who has accepted something holds a state of it, and nobody else does.",
     [](const EntryView&, const EntryView& is, const CoreView&) {
       return is.accepted.is_null() == (is.version == 0);
     }},
    // That it is decided may be forgotten when it is accepted again, until this round ends too.
    {"P6", "What is decided stays, until a later version takes its place.",
     [](const EntryView& was, const EntryView& is, const CoreView&) {
       const bool again = is.accepted > was.accepted;
       return !was.decided || is.version > was.version ||
              (same_state(was, is) && (is.decided || again));
     }},
    {"P6", "What is sealed and decided never changes.",
     [](const EntryView& was, const EntryView& is, const CoreView&) {
       return !(was.decided && was.sealed) || (same_state(was, is) && is.decided);
     }},
    {"P7", "Nothing is never decided.",
     [](const EntryView&, const EntryView& is, const CoreView&) {
       return !is.decided || is.version > 0;
     }},
    {"D1", "A promise or an accept changes only with a record of it.",
     [](const EntryView& was, const EntryView& is, const CoreView&) {
       const bool changed = was.promised != is.promised || accepted(was) != accepted(is);
       return is.record >= was.record && (!changed || is.record > was.record);
     }},
    {"D1", "A name rests on a record that was made.",
     [](const EntryView&, const EntryView& is, const CoreView& core) {
       return is.record <= core.record;
     }},
    {"H1", "Round 0 of a name is its home's alone.",
     [](const EntryView&, const EntryView& is, const CoreView&) {
       return !is_round_zero_of_another(is.promised, is.home) &&
              !is_round_zero_of_another(is.accepted, is.home);
     }},
    {"H2", "After a range promise no round 0 of an earlier incarnation is accepted.",
     [](const EntryView& was, const EntryView& is, const CoreView&) {
       const bool taken = is.accepted != was.accepted && is.accepted.is_round_zero();
       return !taken || is.accepted.incarnation >= was.range_promise || is.decided;
     }},
    // What is decided may come from the home itself, who has it on its disk.
    {"H3", "What is accepted of another's name in round 1 or more is listed for its home.",
     [](const EntryView& was, const EntryView& is, const CoreView& core) {
       const bool taken = is.accepted != was.accepted && !is.accepted.is_round_zero();
       return !core.every_step || !taken || is.home == core.self || is.unsettled || is.decided;
     }},
};

constexpr RoundInvariant kOfRounds[] = {
    {"P1", "A round asks under a ballot of this run, and not of round 0.",
     [](const RoundView&, const RoundView& is, const EntryView&, const EntryView&,
        const CoreView& core) {
       return !is.ballot.is_round_zero() && is.ballot.node == core.self &&
              is.ballot.incarnation == core.incarnation;
     }},
    {"P1", "A prepare takes a ballot above all that this node had promised: none is used again.",
     [](const RoundView& was, const RoundView& is, const EntryView& held_before, const EntryView&,
        const CoreView& core) {
       const bool begun = is.phase == Phase::kPrepare && is.ballot != was.ballot;
       return !core.every_step || !begun || is.ballot > held_before.promised;
     }},
    {"P2", "Who asks has promised the same to himself.",
     [](const RoundView&, const RoundView& is, const EntryView&, const EntryView& held,
        const CoreView&) { return held.promised >= is.ballot; }},
    {"P3", "Only members vote, and a majority ends the question.",
     [](const RoundView&, const RoundView& is, const EntryView&, const EntryView&,
        const CoreView& core) {
       return (is.votes & ~core.members) == 0 &&
              static_cast<size_t>(std::popcount(is.votes)) < core.quorum;
     }},
    {"P4", "Who prepares has heard at least of what his own acceptor holds.",
     [](const RoundView&, const RoundView& is, const EntryView&, const EntryView& held,
        const CoreView&) {
       const bool stands = is.phase == Phase::kPrepare && held.promised == is.ballot;
       return !stands || std::pair(is.best, is.version) >= accepted(held);
     }},
    {"P4", "What others are asked to accept, this node has accepted.",
     [](const RoundView&, const RoundView& is, const EntryView&, const EntryView& held,
        const CoreView&) { return is.phase != Phase::kAccept || held.accepted >= is.ballot; }},
};

}  // namespace

std::span<const CoreInvariant> of_cores() { return kOfCores; }
std::span<const EntryInvariant> of_entries() { return kOfEntries; }
std::span<const RoundInvariant> of_rounds() { return kOfRounds; }

}  // namespace once::invariants

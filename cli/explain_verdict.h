// What the nodes hold of a name, in one sentence, as a table for people, and as details. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "cli/explain.h"

namespace once::client {

enum class NameStanding : uint8_t {
  kDecided,
  kEmpty,         // nobody wrote it
  kOpen,          // something was begun; whether it happened, or will, a read settles
  kNoMajority,    // too few nodes answer to tell
  kOtherCluster,  // who answers is of another cluster than is meant
  kNoNode,        // who answers is no node, or not its port for clients
};
std::string name_of(NameStanding standing);  // as --json says it

struct NameVerdict {
  NameStanding standing = NameStanding::kNoMajority;
  uint64_t version = 0;  // that is decided; 0: none that is known
  std::string line;      // for people
};

NameVerdict verdict_of(const NameExplanation& all);

std::string ballot_text(const paxos::Ballot& ballot);  // round.node.incarnation, or "-"
std::string work_name(paxos::Work work);               // one word or two
// 80 columns, a title and a line for each node.
std::string explanation_table(const NameExplanation& all);
// What is under way and who waits, each a sentence on a line; empty: nothing.
std::string explanation_details(const NameExplanation& all);

}  // namespace once::client

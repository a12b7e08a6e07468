#include "tests/exhaustive/node.h"
#include "tests/exhaustive/scenario.h"

namespace once::exhaustive {

using namespace paxos;

namespace {

Call write(size_t node, const std::string& name, const std::string& value) {
  Call call;
  call.node = node;
  call.operation = Operation::kWrite;
  call.name = name;
  call.value = value;
  return call;
}

Call read(size_t node, const std::string& name) {
  Call call;
  call.node = node;
  call.operation = Operation::kRead;
  call.name = name;
  return call;
}

Scenario fast_and_takeover(bool far) {
  const std::string name = name_at_home(0);
  Scenario s;
  s.name = "fast-and-takeover";
  s.about = "the home writes in round 0 while another node takes the same name over";
  s.calls = {write(0, name, "a"), write(1, name, "b")};
  s.late_syncs = {true, true, far};
  s.timeouts = {0, 1, 0};
  s.max_round = 1;
  s.lost = kNoForward;
  s.accepts = {"(0,n1,i1)", "(1,n2,i1)"};
  return s;
}

Scenario learned(bool far) {
  Scenario s = fast_and_takeover(far);
  s.name = "learned";
  s.about = "the same, and the third node learns what either says to be decided, below its promise";
  s.late_syncs = {false, false, true};
  s.fetches = {{2, 0}, {2, 1}};
  return s;
}

Scenario forwarded() {
  Scenario s = fast_and_takeover(false);
  s.name = "forwarded";
  s.about = "the same, and the home may hear of the other node's request at any time";
  s.lost = 0;
  return s;
}

Scenario duel(bool far) {
  const std::string name = name_at_home(0);
  Scenario s;
  s.name = "duel";
  s.about = "two nodes take the same name over from its home, which does not answer them";
  s.calls = {write(1, name, "b"), write(2, name, "c")};
  s.first_calls = 2;
  s.late_syncs = {far, far, far};
  s.timeouts = {0, 2, 1};
  s.max_round = 3;
  s.lost = kNoForward;
  s.accepts = {"(1,n2,i1)", "(1,n3,i1)", "(2,n2,i1)"};
  return s;
}

Scenario acceptor_crash(bool far) {
  const std::string name = name_at_home(0);
  Scenario s;
  s.name = "acceptor-crash";
  s.about = "an acceptor loses what it had not synced, between a takeover and the home's write";
  s.calls = {write(0, name, "a"), write(1, name, "b")};
  s.late_syncs = {far, false, true};
  s.timeouts = {0, 1, 0};
  s.restarts = {0, 0, 1};
  s.max_round = 1;
  s.lost = kNoForward | kNoClaim;
  s.accepts = {"(0,n1,i1)", "(1,n2,i1)"};
  return s;
}

Scenario proposer_crash(bool far) {
  const std::string name = name_at_home(0);
  Scenario s;
  s.name = "proposer-crash";
  s.about = "a node that takes over crashes with its ballot sent, and takes over again";
  s.calls = {write(1, name, "a"), write(1, name, "b")};
  s.calls[1].after_restart = true;
  s.first_calls = 1;
  s.late_syncs = {false, true, true};
  s.timeouts = {0, 3, far ? 1u : 0u};
  s.restarts = {0, 1, 0};
  s.max_round = 2;
  s.lost = kNoForward | kNoClaim;
  s.accepts = {"(1,n2,i1)", "(2,n2,i2)"};
  return s;
}

Scenario home_crash(bool far) {
  const std::string name = name_at_home(0);
  Scenario s;
  s.name = "home-crash";
  s.about = "the home crashes after it sent round-0 accepts, claims, and writes the name again";
  s.calls = {write(0, name, "a"), write(0, name, "b")};
  s.calls[1].after_restart = true;
  s.late_syncs = {true, far, false};
  s.restarts = {1, 0, 0};
  s.max_round = 1;
  s.accepts = {"(0,n1,i1)", "(0,n1,i2)", "(1,n1,i2)"};
  return s;
}

Scenario home_crash_and_takeover() {
  const std::string name = name_at_home(0);
  Scenario s;
  s.name = "home-crash-takeover";
  s.about = "a name is taken over; its home crashes, claims, and writes the name";
  s.calls = {write(1, name, "b"), write(0, name, "a")};
  s.calls[1].after_restart = true;
  s.first_calls = 1;
  s.late_syncs = {true, false, false};
  s.timeouts = {0, 1, 0};
  s.restarts = {1, 0, 0};
  s.max_round = 1;
  s.lost = kNoForward;
  s.accepts = {"(0,n1,i2)", "(1,n1,i2)", "(1,n2,i1)"};
  return s;
}

Scenario learned_by_the_home(bool far) {
  Scenario s = home_crash_and_takeover();
  s.name = "learned-by-home";
  s.about = "a name is taken over; its home crashes, learns it from others, and writes it";
  s.late_syncs = {true, false, far};
  s.fetches = {{0, 1}, {0, 2}};
  return s;
}

Scenario reads(bool far) {
  const std::string name = name_at_home(0);
  Scenario s;
  s.name = "reads";
  s.about = "reads through a majority, before, during and after a write at the home";
  s.calls = {write(0, name, "a"), read(1, name), read(2, name)};
  s.late_syncs = {true, true, far};
  s.max_round = 1;
  s.accepts = {"(0,n1,i1)"};
  return s;
}

Scenario finished_reads(bool far) {
  const std::string name = name_at_home(0);
  Scenario s;
  s.name = "finished-reads";
  s.about = "reads that find a write under way, and finish it by a round of their own";
  s.calls = {write(0, name, "a"), read(1, name)};
  s.late_syncs = {far, false, false};
  s.timeouts = {0, 3, 0};
  s.max_round = 1;
  s.lost = kNoClaim | (far ? 0 : kNoForward);
  s.accepts = {"(0,n1,i1)", "(1,n2,i1)"};
  return s;
}

}  // namespace

std::vector<Scenario> scenarios(Bound bound) {
  const bool far = bound == Bound::kFar;
  std::vector<Scenario> all = {fast_and_takeover(far), duel(far),
                               acceptor_crash(far),    proposer_crash(far),
                               home_crash(far),        reads(far),
                               finished_reads(far),    home_crash_and_takeover(),
                               learned(far),           learned_by_the_home(far)};
  if (far) all.push_back(forwarded());
  for (Scenario& scenario : register_scenarios(bound)) all.push_back(std::move(scenario));
  return all;
}

}  // namespace once::exhaustive

// Worlds in which a name gets more than one state: chains under one ballot, batches, takeovers in
// between.
#include "tests/exhaustive/node.h"
#include "tests/exhaustive/scenario.h"

namespace once::exhaustive {

using namespace paxos;

namespace {

Call call(size_t node, Operation operation, const std::string& value = {}, uint64_t version = 0) {
  Call call;
  call.node = node;
  call.operation = operation;
  call.name = name_at_home(0);
  call.value = value;
  call.version = version;
  return call;
}
Call set(size_t node, const std::string& value) { return call(node, Operation::kSet, value); }
Call cas(size_t node, uint64_t expected, const std::string& value) {
  return call(node, Operation::kCas, value, expected);
}
Call seal(size_t node, uint64_t expected) { return call(node, Operation::kSeal, {}, expected); }
Call next(size_t node) { return call(node, Operation::kNext); }
Call read(size_t node) { return call(node, Operation::kRead); }

// What tells the others how far the home has come: it makes no difference to what is proposed.
constexpr uint32_t kNoNews = lost_kinds<HomeProgress, ChosenRange>();
// What a node that holds nothing asks before it takes a name over for a cas.
constexpr uint32_t kNoReads = lost_kinds<ReadState, ReadReply>();

Call after(int other, Call call) {
  call.after_answer_of = other;
  return call;
}

Scenario cas_duel(bool far) {
  Scenario s;
  s.name = "cas-duel";
  s.about = "the home and a node that takes over each expect an empty name; an acceptor crashes";
  s.calls = {cas(0, 0, "a"), cas(1, 0, "b")};
  s.late_syncs = {far, false, true};
  s.timeouts = {0, 1, 0};
  s.restarts = {0, 0, 1};
  s.max_round = 1;
  s.lost = kNoForward | kNoClaim;
  s.accepts = {"(0,n1,i1)", "(1,n2,i1)"};
  return s;
}

Scenario chain(bool far) {
  Scenario s;
  s.name = "chain";
  s.about = "the home makes one version after the other in round 0, and is taken over in between";
  s.calls = {set(0, "a"), after(0, set(0, "b")), cas(1, 1, "c")};
  s.first_calls = 1;
  s.late_syncs = {far, true, false};
  s.timeouts = {0, 1, 0};
  s.max_round = 1;
  s.lost = kNoForward | kNoNews;
  s.accepts = {"(0,n1,i1)", "(1,n2,i1)"};
  return s;
}

Scenario batch(bool far) {
  Scenario s;
  s.name = "batch";
  s.about = "a node takes over with two changes, which make one state, empty name or not";
  s.calls = {set(0, "a"), cas(1, 0, "b"), cas(1, 1, "c")};
  s.first_calls = 2;
  s.first_timeouts = {0, 1, 0};
  s.joining_calls = 1;
  s.late_syncs = {false, far, false};
  s.timeouts = {0, 1, 0};
  s.max_round = 1;
  s.lost = kNoForward | kNoNews;
  s.accepts = {"(0,n1,i1)", "(1,n2,i1)"};
  return s;
}

Scenario home_batch() {
  Scenario s;
  s.name = "home-batch";
  s.about = "changes that came while the home was busy make one state, and a node takes over";
  s.calls = {set(0, "a"), cas(1, 0, "c"), set(0, "b"), next(0)};
  s.first_calls = 2;
  s.first_timeouts = {0, 1, 0};
  s.joining_calls = 2;
  s.late_syncs = {false, false, false};
  s.timeouts = {0, 1, 0};
  s.max_round = 1;
  s.lost = kNoForward | kNoNews;
  s.accepts = {"(0,n1,i1)", "(1,n2,i1)"};
  return s;
}

Scenario linger(bool far) {
  Scenario s;
  s.name = "linger";
  s.about = "the home waits for more changes to come, while another node takes the name over";
  s.calls = {set(0, "a"), cas(1, 0, "c"), next(0)};
  if (far) s.calls.push_back(next(0));
  s.linger_from = 1;
  s.first_calls = 2;
  s.first_timeouts = {0, 1, 0};
  s.late_syncs = {false, false, false};
  s.timeouts = {1, 1, 0};
  s.max_round = 1;
  s.lost = kNoForward | kNoNews;
  s.accepts = {"(0,n1,i1)", "(1,n2,i1)"};
  return s;
}

Scenario batch_duel() {
  Scenario s;
  s.name = "batch-duel";
  s.about = "two nodes take a name over with a batch each, and both batches end in one request";
  s.calls = {cas(1, 0, "a"), cas(2, 0, "b"), next(1), next(2)};
  s.calls[3].retry_of = 2;
  s.first_calls = 2;
  s.first_timeouts = {0, 1, 1};
  s.joining_calls = 2;
  s.late_syncs = {false, false, false};
  s.timeouts = {0, 2, 1};
  s.max_round = 2;
  s.lost = kNoForward;
  s.accepts = {"(1,n2,i1)", "(1,n3,i1)", "(2,n2,i1)"};
  return s;
}

Scenario seal_and_takeover(bool far) {
  Scenario s;
  s.name = "seal-and-takeover";
  s.about = "the home seals what it made, while another node would change it";
  s.calls = {set(0, "a"), after(0, seal(0, 1)), cas(1, 1, "c")};
  s.first_calls = 1;
  s.late_syncs = {far, far, false};
  s.timeouts = {0, 1, 0};
  s.max_round = 1;
  s.lost = kNoForward | kNoNews;
  s.accepts = {"(0,n1,i1)", "(1,n2,i1)"};
  return s;
}

Scenario chain_and_crash() {
  Scenario s;
  s.name = "chain-and-crash";
  s.about = "the home crashes with a second version sent, claims, and goes on";
  s.calls = {set(0, "a"), after(0, set(0, "b")), next(0)};
  s.calls[2].after_restart = true;
  s.first_calls = 1;
  s.late_syncs = {true, false, false};
  s.restarts = {1, 0, 0};
  s.max_round = 1;
  s.lost = kNoNews;
  s.accepts = {"(0,n1,i1)", "(0,n1,i2)", "(1,n1,i2)"};
  return s;
}

Scenario chain_reads(bool far) {
  Scenario s;
  s.name = "chain-reads";
  s.about = "reads through a majority while one version follows another";
  s.calls = {set(0, "a"), after(0, set(0, "b")), read(1), after(2, read(2))};
  s.first_calls = 1;
  s.late_syncs = {true, far, false};
  s.max_round = 1;
  s.lost = kNoForward | lost_kinds<HomeProgress>();
  if (!far) s.calls.pop_back();
  s.accepts = {"(0,n1,i1)"};
  return s;
}

Scenario home_reads(bool far) {
  Scenario s;
  s.name = "home-reads";
  s.about = "the home confirms its ballot to answer a read, while another node takes over";
  s.calls = {set(0, "a"), read(0), cas(1, 0, "c")};
  s.first_calls = 1;
  s.late_syncs = {far, false, false};
  s.timeouts = {0, 1, 0};
  s.max_round = 1;
  s.lost = kNoForward | kNoNews;
  s.accepts = {"(0,n1,i1)", "(1,n2,i1)"};
  return s;
}

Scenario forwarded_next(bool far) {
  Scenario s;
  s.name = "forwarded-next";
  s.about = "a request that must not happen twice is left to the home, which may hear of it late";
  s.calls = {set(0, "a"), next(1)};
  s.first_calls = 1;
  s.late_syncs = {far, false, false};
  s.timeouts = {0, 1, 0};
  s.max_round = 1;
  s.lost = kNoNews;
  s.accepts = {"(0,n1,i1)"};
  return s;
}

Scenario forwarded_cas() {
  Scenario s;
  s.name = "forwarded-cas";
  s.about = "a node takes over although the home may still hear of its request";
  s.calls = {set(0, "a"), cas(1, 1, "b")};
  s.first_calls = 1;
  s.late_syncs = {false, false, false};
  s.timeouts = {0, 1, 0};
  s.max_round = 1;
  s.lost = kNoNews | kNoReads;
  s.accepts = {"(0,n1,i1)", "(1,n2,i1)"};
  return s;
}

}  // namespace

std::vector<Scenario> register_scenarios(Bound bound) {
  const bool far = bound == Bound::kFar;
  std::vector<Scenario> all = {
      cas_duel(far),    chain(far),          batch(far),  seal_and_takeover(far),
      chain_reads(far), forwarded_next(far), linger(far), home_reads(far)};
  if (far) {
    for (const Scenario& s : {home_batch(), batch_duel(), chain_and_crash(), forwarded_cas()}) {
      all.push_back(s);
    }
  }
  return all;
}

}  // namespace once::exhaustive

#include "tests/sim/fairness.h"

#include <algorithm>

#include "tests/check/checks.h"

namespace once::sim {
namespace {

// A wait asks again so late if the news was lost with the node that should have brought it.
constexpr int64_t kRarestPollNs = 9 * kSecond;

double seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }

}  // namespace

void WaitFigures::take(int64_t waited_ns, int64_t bound) {
  ++answers;
  size_t bucket = 0;
  while (bucket + 1 < kBuckets && waited_ns > kMs << bucket) ++bucket;
  ++histogram[bucket];
  worst_share = std::max(worst_share, static_cast<uint32_t>(waited_ns * 1000 / bound));
  if (waited_ns <= longest_ns) return;
  longest_ns = waited_ns;
  bound_ns = bound;
}

void WaitFigures::add(const WaitFigures& other) {
  for (size_t i = 0; i < kBuckets; ++i) histogram[i] += other.histogram[i];
  if (other.longest_ns > longest_ns) bound_ns = other.bound_ns;
  longest_ns = std::max(longest_ns, other.longest_ns);
  worst_share = std::max(worst_share, other.worst_share);
  longest_at_fault_ns = std::max(longest_at_fault_ns, other.longest_at_fault_ns);
  answers += other.answers;
  unknown += other.unknown;
  changes += other.changes;
  unexplained += other.unexplained;
  overloaded += other.overloaded;
  starved += other.starved;
  if (first_starved.empty()) first_starved = other.first_starved;
}

void FairnessJudge::begin(const Pace& pace, bool small_pools) {
  pace_ = pace;
  small_pools_ = small_pools;
}

void FairnessJudge::went_away(size_t node) {
  nodes_[node].away_ns = world_.now();
  faults_.push_back(world_.now());
}

void FairnessJudge::shown(const std::string& name, uint64_t version) {
  auto& versions = shown_[name];
  if (versions.empty() || versions.back().first < version) {
    versions.emplace_back(version, world_.now());
  }
}

// Not while its node is away, nor until it has settled again.
bool FairnessJudge::is_judged(const Question& question) const {
  const Node& node = nodes_[question.node];
  if (node.away_ns == INT64_MAX) return true;
  return node.back_ns != INT64_MAX && question.call_ns >= node.back_ns + pace_.settle_ns();
}

bool FairnessJudge::was_at_fault(const Question& question) const {
  return std::any_of(faults_.begin(), faults_.end(),
                     [&](int64_t fault) { return question.call_ns <= fault + pace_.notice_ns(); });
}

// When somebody was first told what this wait is for; INT64_MAX: nobody yet.
int64_t FairnessJudge::news_ns(const Question& question) const {
  const auto found = shown_.find(question.name);
  if (found == shown_.end()) return INT64_MAX;
  const auto& versions = found->second;
  const auto newer =
      std::upper_bound(versions.begin(), versions.end(), std::pair(question.version, INT64_MAX));
  return newer == versions.end() ? INT64_MAX : newer->second;
}

// From when on an answer could be had.
int64_t FairnessJudge::start_ns(const Question& question) const {
  if (question.action != check::Action::kWait) return question.call_ns;
  return std::min(std::max(question.call_ns, news_ns(question)), question.deadline_ns);
}

int64_t FairnessJudge::due_ns(const Question& question) const {
  int64_t start = start_ns(question);
  if (was_at_fault(question)) {
    start = std::max(start, faults_.back() + pace_.notice_ns());
    if (question.action == check::Action::kWait) {
      start = std::min(start + kRarestPollNs, std::max(start, question.deadline_ns));
    }
  }
  return start + pace_.bound_ns();
}

std::string FairnessJudge::describe(const Question& question, const std::string& what) const {
  return fmt::format(
      "fairness: node {} is of a healthy majority, and {} of {} (called at {:.3f} s) {}; {:.3f} s "
      "is the bound of {:.3f} s a round",
      question.node + 1, check::action_name(question.action), question.name,
      seconds(question.call_ns), what, seconds(pace_.bound_ns()), seconds(pace_.round_ns()));
}

void FairnessJudge::violation(const Question& question, const std::string& what) {
  world_.violation(describe(question, what));
}

void FairnessJudge::starves(const Question& question, const std::string& what) {
  if (figures_.starved++ == 0) figures_.first_starved = describe(question, what);
}

void FairnessJudge::on_answer(const Question& question, paxos::Status status) {
  if (!is_judged(question)) return;
  const bool at_fault = was_at_fault(question);
  const int64_t waited = world_.now() - start_ns(question);
  const bool change = check::changes(question.action);
  if (change && !at_fault) ++figures_.changes;
  switch (status) {
    case paxos::Status::kUnknown:
      if (!change) return violation(question, "got \"unknown\", and changes nothing");
      ++(at_fault ? figures_.unknown : figures_.unexplained);
      break;
    case paxos::Status::kUnavailable:
      return starves(question, fmt::format("got \"unavailable\" after {:.3f} s", seconds(waited)));
    case paxos::Status::kOverloaded:
      if (!small_pools_) return starves(question, "got \"overloaded\" though there is room");
      ++figures_.overloaded;
      return;
    case paxos::Status::kInvalid:
      return violation(question, "got \"invalid\"");
    case paxos::Status::kRetired:
    case paxos::Status::kDenied:
      return violation(question, "got what no node says yet");
    default:
      break;
  }
  if (question.overdue) return;  // known already
  if (world_.now() > due_ns(question)) {
    return starves(question, fmt::format("waited {:.3f} s", seconds(waited)));
  }
  if (waited < 0) return;  // a wait that was answered before anybody else was told
  if (!at_fault) return figures_.take(waited, pace_.bound_ns());
  ++figures_.answers;
  figures_.longest_at_fault_ns = std::max(figures_.longest_at_fault_ns, waited);
}

void FairnessJudge::on_closed(const Question& question) {
  if (is_judged(question)) violation(question, "got no answer: the node closed the connection");
}

bool FairnessJudge::on_waiting(Question& question) {
  if (!is_judged(question) || question.overdue) return false;
  if (world_.now() > due_ns(question)) {
    question.overdue = true;
    const int64_t waited = world_.now() - start_ns(question);
    starves(question, fmt::format("waits for {:.3f} s without an answer", seconds(waited)));
  }
  return true;
}

}  // namespace once::sim

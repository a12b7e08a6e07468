#include "server/admission.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/lost_disk.h"
#include "server/directory_text.h"

namespace once::server {
namespace {

constexpr int64_t kSayNewsNs = 1'000'000'000;
constexpr int64_t kRepeatNs = 30'000'000'000;

}  // namespace

Admission::Admission(DataDirectory& directory, std::function<void(std::string_view)> log)
    : directory_(directory),
      configuration_(directory.configuration()),
      log_(std::move(log)),
      standing_(directory.standing()) {
  for (const auto& [node, address] : configuration_.members) {
    if (node != configuration_.node) others_.add(node);
  }
}

Result<void> Admission::open() {
  if (!others_.empty() || standing() != Standing::kWaiting) return {};
  auto remembered = directory_.remember_standing(Standing::kAdmitted);
  if (remembered) standing_ = Standing::kAdmitted;
  return remembered;
}

bool Admission::met_by(NodeId node) {
  const std::lock_guard guard(mutex_);
  return may_vote() || met_by_.has(node);
}

std::string Admission::name_of(NodeId node) const {
  for (const auto& [member, address] : configuration_.members) {
    if (member == node) return fmt::format("node {} ({})", node.value, address);
  }
  return fmt::format("node {}", node.value);
}

void Admission::on_contact(const net::PeerHello& hello) {
  const std::lock_guard guard(mutex_);
  if (others_.empty() && hello.disk != configuration_.disk) return withdraw(hello);
  if (hello.known.names_another(configuration_.node, configuration_.disk)) stay_out(hello.node);
}

void Admission::on_other_disk(NodeId node) {
  const std::lock_guard guard(mutex_);
  stay_out(node);
}

void Admission::stay_out(NodeId who_knows_another) {
  if (may_vote() || known_other_.has(who_knows_another)) return;
  known_other_.add(who_knows_another);
  log_(fmt::format("{} knows another disk under number {}: this one is not let in",
                   name_of(who_knows_another), configuration_.node.value));
}

// It counted itself as the whole cluster, and there are others: what it decided alone they do not
// know. At once, and for later starts.
void Admission::withdraw(const net::PeerHello& hello) {
  if (standing() == Standing::kWithdrawn && remembered_) return;
  if (standing() != Standing::kWithdrawn) {
    standing_ = Standing::kWithdrawn;
    log_(fmt::format(
        "node {}, formatted with the members {}, called this node, which was formatted with no "
        "member but itself, under the same cluster id: from now on this node votes no more and "
        "answers unavailable; see docs/operations.md",
        hello.node.value, hello.members.text()));
  }
  auto written = directory_.remember_standing(Standing::kWithdrawn);
  if (!written && remembered_) {
    log_(fmt::format("that it votes no more cannot be remembered: {}", written.error().message));
  }
  remembered_ = written.has_value();
}

// Two disks under one number: one of them was lost, or never let in. Neither side can tell which,
// and the link between the two that disagree is as good as before, so it is only said.
void Admission::compare_tables(const net::PeerHello& hello, const net::DiskTable& mine) {
  for (const auto& [node, address] : configuration_.members) {
    if (!hello.known.nodes.has(node) || !mine.names_another(node, hello.known.disks[node.value])) {
      continue;
    }
    const std::pair<NodeId, NodeId> dispute(hello.node, node);
    if (std::find(disputes_.begin(), disputes_.end(), dispute) != disputes_.end()) continue;
    disputes_.push_back(dispute);
    log_(fmt::format("node {} knows {} by disk {}, this node by disk {}: it was formatted twice",
                     hello.node.value, name_of(node), to_hex(hello.known.disks[node.value]),
                     to_hex(mine.disks[node.value])));
  }
}

net::Meeting Admission::remember(const net::PeerHello& hello, const net::DiskTable& mine) {
  net::Meeting meeting;
  if (mine.names(hello.node, hello.disk)) return meeting;
  std::string reason = directory_.check_peer_disk(hello.node, hello.disk);
  if (mine.nodes.has(hello.node)) {
    meeting.stranger = std::move(reason);
    meeting.other_disk = true;
    return meeting;
  }
  meeting.refusal = std::move(reason);
  meeting.learned = meeting.refusal.empty();
  return meeting;
}

// What a disk says that this node will never link to counts too, for it speaks for its number: else
// nobody could, once a disk is lost. It makes nothing unsafe: of those that knew the first disk of
// this node, some keep their own, and they say no.
net::Meeting Admission::meet(const net::PeerHello& hello) {
  const std::lock_guard guard(mutex_);
  const net::DiskTable mine = directory_.known_disks();
  net::Meeting meeting = remember(hello, mine);
  compare_tables(hello, mine);
  if (hello.known.names_another(configuration_.node, configuration_.disk)) {
    meeting.stranger = fmt::format(
        "it knows another disk under number {}: the data directory of this node was replaced, and "
        "must not vote: {}",
        configuration_.node.value, kLeaveItOff);
    return meeting;
  }
  if (standing() != Standing::kWaiting || !meeting.refusal.empty()) return meeting;
  if (hello.known.names(configuration_.node, configuration_.disk) && !met_by_.has(hello.node)) {
    met_by_.add(hello.node);
    meeting.learned = true;
  }
  meeting.learned |= admit_if_all_agree();
  return meeting;
}

bool Admission::admit_if_all_agree() {
  if (met_by_ != others_ || !known_other_.empty()) return false;
  auto written = directory_.remember_standing(Standing::kAdmitted);
  if (!written) {
    if (remembered_) {
      log_(fmt::format("that it may vote cannot be remembered: {}", written.error().message));
    }
    remembered_ = false;
    return false;
  }
  remembered_ = true;
  standing_ = Standing::kAdmitted;
  log_("every member has met this disk: the node votes from now on");
  return true;
}

std::string Admission::waiting_line() {
  if (standing() == Standing::kAdmitted) return {};
  if (standing() == Standing::kWithdrawn) {
    return "this node votes no more: it was formatted with no member but itself, and others have "
           "its cluster id; see docs/operations.md";
  }
  std::string missing;
  std::string against;
  for (const auto& [node, address] : configuration_.members) {
    if (node == configuration_.node) continue;
    std::string& list = known_other_.has(node) ? against : missing;
    if (known_other_.has(node) || !met_by_.has(node)) {
      list += (list.empty() ? "" : ", ") + name_of(node);
    }
  }
  if (!against.empty()) {
    return fmt::format(
        "this disk is not let in: another disk is known under number {} by {}; clients are told "
        "unavailable. If its own data directory still exists, start that; else see "
        "docs/operations.md",
        configuration_.node.value, against);
  }
  return fmt::format(
      "waiting until every member has met this disk: not yet {}; clients are told unavailable "
      "until then",
      missing);
}

void Admission::on_tick(int64_t now_ns) {
  if (may_vote()) return;
  const std::lock_guard guard(mutex_);
  if (!told_.empty() && now_ns - told_ns_ < kSayNewsNs) return;
  std::string line = waiting_line();
  if (line.empty() || (line == told_ && now_ns - told_ns_ < kRepeatNs)) return;
  log_(line);
  told_ = std::move(line);
  told_ns_ = now_ns;
}

}  // namespace once::server

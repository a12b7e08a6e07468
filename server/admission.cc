#include "server/admission.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hex.h"
#include "base/lost_disk.h"

namespace once::server {
namespace {

constexpr int64_t kSayNewsNs = 1'000'000'000;
constexpr int64_t kRepeatNs = 30'000'000'000;

}  // namespace

Admission::Admission(DataDirectory& directory, std::function<void(std::string_view)> log,
                     Defer defer)
    : directory_(directory),
      configuration_(directory.configuration()),
      log_(std::move(log)),
      defer_(std::move(defer)),
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
  {
    const std::lock_guard guard(mutex_);
    if (hello.known.names_another(configuration_.node, configuration_.disk)) stay_out(hello.node);
  }
  if (others_.empty() && hello.disk != configuration_.disk) withdraw(hello);
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
  {
    const std::lock_guard guard(mutex_);
    if (standing() == Standing::kWithdrawn && (remembered_ || standing_is_written_)) return;
    if (standing() != Standing::kWithdrawn) {
      standing_ = Standing::kWithdrawn;
      log_(fmt::format(
          "node {}, formatted with the members {}, called this node, which was formatted with no "
          "member but itself, under the same cluster id: from now on this node votes no more and "
          "answers unavailable; see docs/operations.md",
          hello.node.value, hello.members.text()));
    }
    standing_is_written_ = true;
  }
  defer_([this] { remember(Standing::kWithdrawn, "votes no more"); });
}

// Says once that it cannot, until it can. False: it could not.
bool Admission::remember(Standing standing, std::string_view what) {
  const auto written = directory_.remember_standing(standing);
  const std::lock_guard guard(mutex_);
  standing_is_written_ = false;
  if (!written && remembered_) {
    log_(fmt::format("that it {} cannot be remembered: {}", what, written.error().message));
  }
  remembered_ = written.has_value();
  if (remembered_) standing_ = standing;
  return remembered_;
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
                     hello.node.value, name_of(node), hex_of(hello.known.disks[node.value]),
                     hex_of(mine.disks[node.value])));
  }
}

// The disk of one that is met for the first time is written down first: only then is it known.
net::Meeting Admission::take_note(const net::PeerHello& hello) {
  {
    const std::lock_guard guard(mutex_);
    net::Meeting meeting = note_of(hello);
    if (!meeting.later || being_noted_.has(hello.node)) return meeting;
    being_noted_.add(hello.node);
  }
  defer_([this, node = hello.node, disk = hello.disk] { remember_disk(node, disk); });
  const std::lock_guard guard(mutex_);
  net::Meeting meeting = note_of(hello);
  meeting.learned = !meeting.later && meeting.refusal.empty();
  return meeting;
}

// What is known of it, without a write.
net::Meeting Admission::note_of(const net::PeerHello& hello) {
  net::Meeting meeting;
  const net::DiskTable mine = directory_.known_disks();
  if (mine.names(hello.node, hello.disk)) return meeting;
  if (mine.nodes.has(hello.node)) {
    meeting.stranger = directory_.check_peer_disk(hello.node, hello.disk);
    meeting.other_disk = true;
  } else if (auto trouble = not_noted_.extract(hello.node)) {
    meeting.refusal = std::move(trouble.mapped());
  } else {
    meeting.later = true;
  }
  return meeting;
}

void Admission::remember_disk(NodeId node, DiskId disk) {
  std::string trouble = directory_.check_peer_disk(node, disk);
  const std::lock_guard guard(mutex_);
  being_noted_.remove(node);
  if (!trouble.empty()) not_noted_[node] = std::move(trouble);
}

// What a disk says that this node will never link to counts too, for it speaks for its number: else
// nobody could, once a disk is lost. It makes nothing unsafe: of those that knew the first disk of
// this node, some keep their own, and they say no.
net::Meeting Admission::meet(const net::PeerHello& hello) {
  net::Meeting meeting = take_note(hello);
  if (!hear(hello, meeting)) return meeting;
  defer_([this] { admit(); });
  const std::lock_guard guard(mutex_);
  meeting.learned |= standing() == Standing::kAdmitted || standing_is_written_;
  return meeting;
}

// True: all agree, and that is to be written down.
bool Admission::hear(const net::PeerHello& hello, net::Meeting& meeting) {
  const std::lock_guard guard(mutex_);
  compare_tables(hello, directory_.known_disks());
  if (hello.known.names_another(configuration_.node, configuration_.disk)) {
    meeting.stranger = fmt::format(
        "it knows another disk under number {}: the data directory of this node was replaced, and "
        "must not vote: {}",
        configuration_.node.value, kLeaveItOff);
    return false;
  }
  if (standing() != Standing::kWaiting || meeting.later || !meeting.refusal.empty()) return false;
  if (hello.known.names(configuration_.node, configuration_.disk) && !met_by_.has(hello.node)) {
    met_by_.add(hello.node);
    meeting.learned = true;
  }
  if (met_by_ != others_ || !known_other_.empty() || standing_is_written_) return false;
  standing_is_written_ = true;
  return true;
}

// It was decided when all agreed: what is heard while it is written comes after it.
void Admission::admit() {
  if (!remember(Standing::kAdmitted, "may vote")) return;
  log_("every member has met this disk: the node votes from now on");
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

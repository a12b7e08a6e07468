// With whom a core compares itself, and the pages of names that it asks for where they differ.
// catch_up_names.cc has what becomes of the names.
#include "paxos/catch_up.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/rarely.h"
#include "paxos/core_state.h"
#include "paxos/pages.h"

namespace once::paxos {
namespace {

constexpr int64_t kCompareEveryNs = 10'000 * kMs;
constexpr unsigned kMostDoublings = 3;  // of that, when it differs and nothing is missing
constexpr int64_t kAfterLinkNs = 200 * kMs;
constexpr int64_t kRetryNs = 1000 * kMs;
// What is written now differs for a moment, and another bucket in the next.
constexpr uint8_t kLooks = 4;
constexpr int64_t kBetweenLooksNs = 200 * kMs;
constexpr uint8_t kMostSilences = 5;  // and the pass begins anew: a walk is long, a message is lost
constexpr size_t kRoomForAPage = 256;
constexpr uint64_t kManyFound = 256;
constexpr int64_t kSecondNs = 1000 * kMs;

}  // namespace

CatchUp::CatchUp(const Cluster& cluster, Acceptor& acceptor, Outbox& outbox,
                 const StepContext& step, const CatchUpOptions& options)
    : cluster_(cluster),
      acceptor_(acceptor),
      outbox_(outbox),
      step_(step),
      own_(cluster, step),
      options_(options),
      tellers_(cluster.size()),
      candidates_(acceptor.arena()) {
  if (!is_on()) return;
  suspects_.resize((acceptor_.digest().size() + 7) / 8);
  surplus_.resize(acceptor_.digest().size());
}

void CatchUp::start() {
  ONCE_ASSERT(step_.incarnation() != Incarnation{} && stage_ == Stage::kIdle);
  pass_ = uint64_t{step_.incarnation().value} << 32;
  refilled_at_ = figures_at_ = compared_at_ = step_.now();
  scan_at_ = step_.now() + kSecondNs;
}

Schedule& CatchUp::schedule_of(const Endpoint& teller) {
  const size_t member = cluster_.index_of(teller.node);
  ONCE_ASSERT(member < tellers_.size() && teller.core.value < tellers_[member].size());
  return tellers_[member][teller.core.value];
}

void CatchUp::on_link_up(const Endpoint& peer, uint16_t cores) {
  if (!is_on()) return;
  auto& schedules = tellers_[cluster_.index_of(peer.node)];
  if (schedules.size() != cores) {
    schedules.assign(cores, Schedule{});
    if (teller_.node == peer.node) stage_ = Stage::kIdle;  // its core may be gone
  }
  schedule_of(peer) = Schedule{.due = step_.now() + kAfterLinkNs};
  if (teller_ == peer) stage_ = Stage::kIdle;
}

void CatchUp::on_link_down(const Endpoint& peer) {
  if (teller_ == peer) stage_ = Stage::kIdle;
}

void CatchUp::on_tick(Pace pace) {
  if (!is_on()) return;
  refill(pace);
  look_again(pace);
  expire();
  ask_ready(pace);
  converse(pace);
  scan_own();
  renew_figures();
}

size_t CatchUp::bytes() const {
  return candidates_.bytes() + young_.bytes() + ready_.bytes() + asked_.bytes() +
         suspects_.capacity() + sizeof(uint32_t) * surplus_.capacity() +
         sizeof(EntryIndex) * (decided_.capacity() + unfinished_.capacity());
}

void CatchUp::refill(Pace pace) {
  const int64_t share = pace == Pace::kFull ? 1 : 4;
  const int64_t passed = std::clamp<int64_t>(step_.now() - refilled_at_, 0, kSecondNs / 10);
  refilled_at_ = step_.now();
  const auto more = [&](int64_t left, uint32_t per_second) {
    return std::min(left + passed * per_second / share, per_second * kSecondNs / 10);
  };
  names_left_ = more(names_left_, options_.names_per_s);
  bytes_left_ = more(bytes_left_, options_.bytes_per_s);
}

// --- the conversation
// -----------------------------------------------------------------------------

bool CatchUp::shares(const Endpoint& teller, ShardId shard) const {
  const uint16_t cores = cluster_.peer(cluster_.index_of(teller.node)).cores;
  return cluster_.is_mine(shard) && core_of(shard, cores) == teller.core;
}

void CatchUp::converse(Pace pace) {
  if (stage_ == Stage::kIdle) return choose_teller();
  if (waiting_) {
    if (step_.now() >= next_at_) run_out_of_patience();
    return;
  }
  if (stage_ == Stage::kLooking) {
    if (step_.now() >= next_at_) ask_digest();
  } else if (stage_ == Stage::kWalking) {
    if (pace != Pace::kNone) ask_names();
  } else if (of_pass_ == 0) {
    end_pass(true);
  }
}

// The same is asked again.
void CatchUp::run_out_of_patience() {
  ONCE_ASSERT(waiting_ && stage_ != Stage::kIdle);
  waiting_ = false;
  if (++silences_ >= kMostSilences || !cluster_.link_up(teller_)) end_pass(false);
}

void CatchUp::choose_teller() {
  if (step_.now() < next_at_) return;
  next_at_ = step_.now() + 50 * kMs;
  std::pair<int64_t, Endpoint> first{INT64_MAX, {}};
  for (size_t i = 0; i < tellers_.size(); ++i) {
    for (uint16_t core = 0; core < tellers_[i].size(); ++core) {
      const Endpoint peer{cluster_.member(i), CoreId{core}};
      if (cluster_.link_up(peer)) first = std::min(first, std::pair(tellers_[i][core].due, peer));
    }
  }
  if (first.first == INT64_MAX) return;
  if (first.first <= step_.now() || rarely(Rare::kComparedAtOnce)) begin(first.second);
}

void CatchUp::begin(const Endpoint& teller) {
  ONCE_ASSERT(stage_ == Stage::kIdle && cluster_.link_up(teller));
  teller_ = teller;
  ++pass_;
  stage_ = Stage::kLooking;
  waiting_ = false;
  silences_ = 0;
  looks_ = 0;
  next_shard_ = 0;
  next_at_ = step_.now();
  found_ = 0;
  given_up_ = false;
  std::fill(suspects_.begin(), suspects_.end(), char{0});
  const Digest& digest = acceptor_.digest();
  for (size_t bucket = 0; bucket < digest.size(); ++bucket) {
    const auto shard = static_cast<uint16_t>(bucket / digest.per_shard());
    if (!shares(teller, ShardId{shard})) continue;
    suspects_[bucket / 8] |= static_cast<char>(1 << bucket % 8);
    surplus_[bucket] = UINT32_MAX;
  }
}

// The first shard from next_shard_ on with a bucket that may differ.
uint32_t CatchUp::next_asked_shard() const {
  ONCE_ASSERT(next_shard_ <= cluster_.shards());
  const size_t per_shard = acceptor_.digest().per_shard();
  size_t bucket = next_shard_ * per_shard;
  while (bucket < surplus_.size() && !is_suspect(bucket)) ++bucket;
  return static_cast<uint32_t>(bucket / per_shard);
}

void CatchUp::ask_digest() {
  ONCE_ASSERT(stage_ == Stage::kLooking && !waiting_);
  const uint32_t shard = next_asked_shard();
  if (shard >= cluster_.shards()) return end_look();
  asked_shard_ = static_cast<uint16_t>(shard);
  asked_shards_ =
      static_cast<uint16_t>(std::min<uint32_t>(kMostShardsTold, cluster_.shards() - shard));
  waiting_ = true;
  next_at_ = step_.now() + kSyncAnswerNs;
  outbox_.send(teller_, RestsOn{}, SyncCompare{pass_, asked_shard_, asked_shards_});
}

bool CatchUp::on_digest(const Endpoint& from, const SyncDigest& m) {
  const Digest& digest = acceptor_.digest();
  if (m.digests.size() != size_t{m.shards} * digest.per_shard() * Digest::kPackedBytes) {
    return false;
  }
  const bool asked = stage_ == Stage::kLooking && waiting_ && from == teller_ && m.pass == pass_ &&
                     m.shard == asked_shard_ && m.shards == asked_shards_;
  if (!asked) return true;  // late
  ByteReader in(m.digests);
  size_t bucket = size_t{m.shard} * digest.per_shard();
  for (; in.remaining() > 0; ++bucket) {
    const auto count = in.get<uint32_t>();
    const Bucket told{in.get<uint64_t>(), count};
    if (!is_suspect(bucket)) continue;
    const Bucket& own = digest.at(bucket);
    if (told == own || told.count == 0) {
      clear(bucket);
    } else {
      const uint32_t more = told.count > own.count ? told.count - own.count : 0;
      surplus_[bucket] = std::min(surplus_[bucket], more);
    }
  }
  waiting_ = false;
  silences_ = 0;
  next_shard_ = uint32_t{m.shard} + m.shards;
  ONCE_ASSERT(next_shard_ <= cluster_.shards());  // as it was asked
  next_at_ = step_.now();
  return true;
}

void CatchUp::end_look() {
  ONCE_ASSERT(stage_ == Stage::kLooking && looks_ < kLooks);
  const bool differs = std::any_of(suspects_.begin(), suspects_.end(), [](char c) { return c; });
  if (!differs) return end_pass(true);
  next_shard_ = 0;
  if (++looks_ < kLooks) {
    next_at_ = step_.now() + kBetweenLooksNs;
    return;
  }
  estimate_ = 0;
  for (size_t bucket = 0; bucket < surplus_.size(); ++bucket) {
    if (is_suspect(bucket)) estimate_ += surplus_[bucket];
  }
  stage_ = Stage::kWalking;
  cursor_ = 0;
}

void CatchUp::ask_names() {
  ONCE_ASSERT(stage_ == Stage::kWalking && !waiting_);
  const size_t room = candidates_.room();
  if (room < kRoomForAPage) return;
  waiting_ = true;
  next_at_ = step_.now() + kSyncAnswerNs;
  const auto most = static_cast<uint16_t>(std::min<size_t>(room, kMostTold));
  outbox_.send(teller_, RestsOn{},
               SyncNames{pass_, cursor_, most, {suspects_.data(), suspects_.size()}});
}

bool CatchUp::on_page(const Endpoint& from, const SyncPage& m) {
  const bool asked = stage_ == Stage::kWalking && waiting_ && from == teller_ && m.pass == pass_ &&
                     m.cursor == cursor_;
  if (!asked) return true;          // late
  if (m.cursor == 0) end_ = m.end;  // a table that grows is not run after
  const bool last = m.next >= end_;
  if (!last && m.next <= m.cursor) return false;
  ToldName told;
  for (ByteReader in(m.names); in.remaining() > 0;) {
    if (!get_told(in, told)) return false;
    consider(told);
  }
  waiting_ = false;
  silences_ = 0;
  cursor_ = m.next;
  if (last) stage_ = Stage::kEnding;
  return true;
}

// `compared`: to its end. What was found missing and could not be learned is found again.
void CatchUp::end_pass(bool compared) {
  ONCE_ASSERT(stage_ != Stage::kIdle);
  Schedule& schedule = schedule_of(teller_);
  const bool in_vain = stage_ == Stage::kEnding && found_ == 0;
  stage_ = Stage::kIdle;
  waiting_ = false;
  next_at_ = step_.now();
  if (!compared) {
    schedule.due = step_.now() + kRetryNs;
    return;
  }
  estimate_ = 0;
  compared_at_ = step_.now();
  schedule.compared = !given_up_;
  if (!in_vain) schedule.in_vain = 0;
  const int64_t pause = kCompareEveryNs << std::min<unsigned>(schedule.in_vain, kMostDoublings);
  if (in_vain && schedule.in_vain < UINT8_MAX) ++schedule.in_vain;
  const int64_t rest = given_up_ ? kRetryNs : pause;
  schedule.due = step_.now() + (found_ == 0 ? rest : found_ < kManyFound ? kRetryNs : 0);
}

// --- figures
// --------------------------------------------------------------------------------------

// What is chosen is held by a majority: by one of so many others, or by this acceptor.
bool CatchUp::is_in_sync() const {
  if (missing_ != 0 || estimate_ != 0 || learned_record_ > step_.durable()) return false;
  size_t compared = 0;
  for (const auto& schedules : tellers_) {
    const auto cores = static_cast<uint16_t>(schedules.size());
    compared +=
        cluster_.covers_shards(cores, [&](CoreId core) { return schedules[core.value].compared; });
  }
  const size_t others = cluster_.size() - 1;
  ONCE_ASSERT(compared <= others);
  return compared >= std::min(others, std::max<size_t>(1, cluster_.size() - cluster_.quorum()));
}

void CatchUp::renew_figures() {
  figures_.behind = std::max<uint64_t>(estimate_, missing_);
  figures_.in_sync = is_in_sync() ? 1 : 0;
  figures_.compared_ms = static_cast<uint64_t>(step_.now() - compared_at_) / kMs;
  const int64_t passed = step_.now() - figures_at_;
  if (passed < kSecondNs) return;
  ONCE_ASSERT(figures_.learned >= learned_then_);
  figures_.per_second =
      (figures_.learned - learned_then_) * kSecondNs / static_cast<uint64_t>(passed);
  learned_then_ = figures_.learned;
  figures_at_ = step_.now();
}

}  // namespace once::paxos

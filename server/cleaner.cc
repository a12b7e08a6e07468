#include "server/cleaner.h"

#include <algorithm>
#include <utility>

#include "base/rarely.h"

namespace once::server {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr size_t kRecordsAtOnce = 16;
constexpr size_t kMostRecords = 512;  // of a slice
constexpr int64_t kLeastCost = 256;   // of a slice, though nothing was found

}  // namespace

bool wants_cleaning(const LogSpace& space) {
  if (!space.may_need_cleaning()) return false;
  if (space.room.limited) {
    return space.room.takes(space.emptiest_needed_bytes, space.segment_bytes);
  }
  return space.emptiest_needed_bytes < space.segment_bytes / 4 * 3;
}

Cleaner::Cleaner(wal::Log& log, uint64_t segment_bytes, bool adopts, CleanerHandler& handler)
    : log_(log),
      segment_bytes_(segment_bytes),
      handler_(handler),
      adopting_(adopts ? Adopting::kYes : Adopting::kWaits),
      adopted_record_(log.appended()),
      written_(log.counters().bytes_written) {}

void Cleaner::on_round(int64_t now_ns) {
  earn(now_ns);
  if (must_wait()) return;
  if (adopting_ != Adopting::kDone) return adopt();
  if (!cleans_) cleans_ = handler_.may_clean();
  if (!cleans_ || puts_it_off()) return;
  if (reader_ && reader_->ready() && has_no_room_left()) reader_.reset();
  if (!reader_ && !choose()) return;
  while (reader_ && credit_ > 0 && reader_->ready()) look_at_some();
}

bool Cleaner::must_wait() const {
  const size_t waiting = log_.waiting_bytes();
  return waiting > wal::kMaxPendingBytes / 2 || (waiting > kMostWaiting && !takes_too_much());
}

bool Cleaner::takes_too_much() const {
  return log_.files() * segment_bytes_ > 2 * log_.use().needed_bytes() + 4 * segment_bytes_;
}

// Beside five segments in use there are two spares, and one that was released: eight. What is
// released does not count: its file is still there, but on its way to be used again. To count it
// would be to clean more than that, and such files are removed, and new ones filled with zeros.
bool Cleaner::puts_it_off() const {
  const uint64_t in_use = log_.use().segments().size() * segment_bytes_;
  const uint64_t allowed = 2 * log_.use().needed_bytes() + (kMostPutOff + 1) * segment_bytes_;
  return busy_ && in_use <= allowed && !log_.room().limited && !handler_.disk_is_full() &&
         !rarely(Rare::kCleanedEarly);
}

// The disk has become full since the segment was chosen, and what is left of it to be written anew
// would take the last spare.
bool Cleaner::has_no_room_left() const {
  const wal::Room room = log_.room();
  return room.limited && !room.takes(log_.use().find(victim_)->needed_bytes, segment_bytes_);
}

void Cleaner::watch_the_load(uint64_t wrote, int64_t now_ns) {
  wrote_since_ += wrote;
  const int64_t passed_ns = now_ns - watched_since_ns_;
  if (passed_ns < kBusyOverNs) return;
  busy_ = static_cast<int64_t>(wrote_since_) / (kBusyBytesPerSecond / 1000) >
          passed_ns / (kSecondNs / 1000);
  wrote_since_ = 0;
  watched_since_ns_ = now_ns;
}

void Cleaner::earn(int64_t now_ns) {
  const uint64_t written =
      log_.counters().bytes_written - std::exchange(written_, log_.counters().bytes_written);
  const uint64_t kept = std::min(written, kept_unseen_);
  kept_unseen_ -= kept;
  credit_ += static_cast<int64_t>(written - kept) * kLookedAtPerWritten;
  watch_the_load(written - kept, now_ns);
  if (earned_at_ns_ != 0) {
    const int64_t passed_ns = std::clamp<int64_t>(now_ns - earned_at_ns_, 0, kSecondNs);
    credit_ +=
        passed_ns / 1000 * (log_.room().limited ? kFullTrickle : kTrickle) / (kSecondNs / 1000);
  }
  earned_at_ns_ = now_ns;
  credit_ = std::min(credit_, kMostCredit);
}

// Before anything is released, here or by another core: it may be there alone.
void Cleaner::adopt() {
  while (adopting_ == Adopting::kYes && credit_ > 0) {
    const CleanerHandler::Adopted adopted = handler_.adopt();
    if (!adopted.more) adopting_ = Adopting::kWaits;
    adopted_record_ = log_.appended();
    kept_unseen_ += adopted.bytes;  // else it would pay for itself
    credit_ -= kAdoptionShare + static_cast<int64_t>(adopted.bytes);
  }
  if (adopting_ == Adopting::kYes || log_.durable() < adopted_record_) return;
  adopting_ = Adopting::kDone;
  handler_.on_adopted();
}

LogSpace Cleaner::space() const {
  const wal::SegmentUse& use = log_.use();
  LogSpace space;
  space.sealed_bytes = (std::max<size_t>(use.segments().size(), 1) - 1) * segment_bytes_;
  space.needed_bytes = use.needed_bytes();
  space.segment_bytes = segment_bytes_;
  space.room = log_.room();
  // All segments are looked at for it, and this is asked in every round.
  const wal::SegmentUse::Segment* emptiest = space.may_need_cleaning() ? use.emptiest() : nullptr;
  if (emptiest != nullptr) space.emptiest_needed_bytes = emptiest->needed_bytes;
  return space;
}

bool Cleaner::choose() {
  const LogSpace now = space();
  if (now.sealed_bytes > 0 && !now.room.limited && rarely(Rare::kCleanedEarly)) {
    credit_ = kMostCredit;
  } else if (!wants_cleaning(now)) {
    // What was released becomes free only with the next segment.
    if (takes_too_much()) log_.switch_segment();
    return false;
  }
  const wal::SegmentUse::Segment& victim = *log_.use().emptiest();
  victim_ = victim.generation;
  const uint64_t records = victim.last_record.next() - victim.first_record;
  record_share_ = static_cast<int64_t>(segment_bytes_ / std::max<uint64_t>(records, 1));
  reader_ = log_.read_segment(victim_);
  return true;
}

void Cleaner::look_at_some() {
  bytes_.clear();
  slice_.clear();
  sizes_.clear();
  while (bytes_.size() < kSliceBytes && slice_.size() < kMostRecords) {
    const size_t before = slice_.size();
    reader_->take(kRecordsAtOnce, [&](std::string_view record, RecordNumber number) {
      slice_.push_back({{}, number});
      sizes_.push_back(record.size());
      bytes_.insert(bytes_.end(), record.begin(), record.end());
    });
    if (slice_.size() == before) break;
  }
  const char* at = bytes_.data();
  for (size_t i = 0; i < slice_.size(); at += sizes_[i++]) slice_[i].bytes = {at, sizes_[i]};
  if (!slice_.empty()) {
    const size_t kept = handler_.keep(slice_.data(), slice_.size());
    counters_.kept_bytes += kept;
    kept_unseen_ += kept;
  }
  credit_ -= kLeastCost + static_cast<int64_t>(slice_.size()) * record_share_;
  if (reader_->done()) finish();
}

void Cleaner::finish() {
  kept_unseen_ += handler_.keep_facts();
  reader_.reset();
  log_.release(victim_);
  ++counters_.segments;
}

}  // namespace once::server

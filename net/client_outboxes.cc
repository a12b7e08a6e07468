#include "net/client_outboxes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace once::net {

void ClientOutboxes::added(ClientOutbox& to, size_t bytes, size_t kept) {
  if (to.cut || (bytes == 0 && kept == to.kept)) return;
  // What was kept has not been his to read until now.
  const bool waits_from_now = to.kept < kQuietBytes && kept >= kQuietBytes;
  if (!to.listed || (to.bytes == 0 && bytes > 0) || waits_from_now) {
    to.left = io_.sent_bytes(to.stream);
    to.moved_ns = io_.now_ns();
  }
  if (!std::exchange(to.listed, true)) listed_.push_back(&to);
  sum_ += bytes + kept - to.kept;
  to.bytes += bytes;
  to.kept = kept;
  if (sum_ <= count_at_) return;
  count();
  while (sum_ > bound_) {
    ClientOutbox* one = largest();
    if (one == nullptr) break;
    cut(*one, fmt::format("all that clients have not read may be {} bytes", bound_));
  }
  // Counting takes a look at each: not again for every answer.
  count_at_ = std::max(bound_, sum_ + bound_ / 16);
}

// What has left since is off the sum; who has nothing left is off the list.
void ClientOutboxes::count() {
  const int64_t now_ns = io_.now_ns();
  sum_ = 0;
  std::erase_if(listed_, [&](ClientOutbox* box) {
    if (box->cut) return !(box->listed = false);
    const uint64_t left = io_.sent_bytes(box->stream);
    if (left != box->left) box->moved_ns = now_ns;
    box->left = left;
    box->bytes = io_.unsent_bytes(box->stream);
    sum_ += box->all();
    box->listed = box->all() > 0;
    return !box->listed;
  });
}

void ClientOutboxes::on_tick() {
  count();
  count_at_ = bound_;
  const int64_t now_ns = io_.now_ns();
  for (size_t i = 0; i < listed_.size(); ++i) {
    ClientOutbox& box = *listed_[i];
    if (box.bytes <= kQuietBytes || now_ns - box.moved_ns < kPatienceNs) continue;
    cut(box, fmt::format("nothing of it was taken for {} s", kPatienceNs / 1'000'000'000));
  }
}

bool ClientOutboxes::relieve() {
  count();
  ClientOutbox* one = nullptr;
  const int64_t now_ns = io_.now_ns();
  for (ClientOutbox* box : listed_) {
    const bool is_worthwhile = box->bytes >= kWorthwhileBytes || box->kept >= kQuietBytes;
    if (!is_worthwhile || now_ns - box->moved_ns < kStillNs) continue;
    if (one == nullptr || box->all() > one->all()) one = box;
  }
  if (one == nullptr) return false;
  cut(*one, "memory is short");
  return true;
}

ClientOutbox* ClientOutboxes::largest() const {
  ClientOutbox* one = nullptr;
  for (ClientOutbox* box : listed_) {
    if (box->all() > 0 && (one == nullptr || box->all() > one->all())) one = box;
  }
  return one;
}

// It is off the list at the next count.
void ClientOutboxes::cut(ClientOutbox& box, std::string_view why) {
  ++closed_;
  closing_(fmt::format("a client that {} is closed: {} bytes wait for it, and {}",
                       box.kept > box.bytes ? "waits in front of its own answers" : "does not read",
                       box.all(), why));
  sum_ -= box.all();
  box.bytes = box.kept = 0;
  box.cut = true;
  io_.cut(box.stream, why);
}

void ClientOutboxes::forget(ClientOutbox& gone) {
  if (!gone.listed) return;
  gone.listed = false;
  sum_ -= std::min(sum_, gone.all());
  std::erase(listed_, &gone);
}

}  // namespace once::net

// What a shard does about memory: what it counts, who is told, what it gives back after a burst.
#include "base/free_vector.h"
#include "server/shard.h"

namespace once::server {
namespace {

constexpr int64_t kGiveBackNs = 1'000'000'000;
constexpr size_t kKeptBytes = 1024 * 1024;  // of each that is used anew each round
constexpr int64_t kSayAgainNs = 10'000'000'000;

}  // namespace

// Before each step, since one round may bring as much as the reserve bears.
void Shard::look_at_memory() {
  const paxos::Memory level = memory_.level(memory_used());
  if (level == memory_level_) return;
  memory_level_ = level;
  replica_.set_memory(level);
}

// What changes slowly, or is bounded by itself; and what people are told.
void Shard::count_memory() {
  if (!memory_.is_bounded()) return;
  other_bytes_ = hold_.bytes() + listener_->input_bytes() + mail_.waiting_bytes();
  look_at_memory();
  if (memory_.is_pressed(memory_used())) listener_->relieve();
  const bool is_short = memory_level_ != paxos::Memory::kEnough;
  const bool lately = memory_said_ns_ != 0 && io_.now_ns() - memory_said_ns_ < kSayAgainNs;
  if (is_short == memory_short_said_ || lately) return;
  memory_short_said_ = is_short;
  memory_said_ns_ = io_.now_ns();
  host_.log_line(is_short ? "memory is short: new names and changes are left to the other nodes, "
                            "or refused, until there is room again (see --memory)"
                          : "there is memory again: new names and changes are taken");
}

// Between rounds' work all of these are empty.
void Shard::give_back() {
  const int64_t now_ns = io_.now_ns();
  if (now_ns < give_back_at_ns_) return;
  give_back_at_ns_ = now_ns + kGiveBackNs;
  free_if_larger(events_, kKeptBytes);
  free_if_larger(refusals_, kKeptBytes);
  free_if_larger(gone_, kKeptBytes);
  free_if_larger(forgotten_, kKeptBytes);
  encoded_.clear();
  free_if_larger(encoded_, kKeptBytes);
  output_.clear();
  free_if_larger(output_.records, kKeptBytes);
  free_if_larger(output_.record_ends, kKeptBytes);
  free_if_larger(output_.messages, kKeptBytes);
  free_if_larger(output_.replies, kKeptBytes);
  free_if_larger(output_.needless, kKeptBytes);
  mail_.give_back(kKeptBytes);
  hold_.give_back();
}

}  // namespace once::server

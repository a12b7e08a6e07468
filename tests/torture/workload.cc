#include "tests/torture/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <unordered_set>
#include <utility>

namespace once::torture {
namespace {

using check::Action;
using check::Call;
using check::Outcome;

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kTimeoutsMs[] = {1000, 300, 3000, 700};  // of the clients, by turns
constexpr size_t kMaxInFlight = 4000;  // beyond it the load waits: a majority may be down
constexpr unsigned kMaxAttempts = 5;   // of one request id
constexpr uint64_t kCallsPerFreshName = 6;
constexpr uint64_t kFreshBehind = 40;  // names behind and before the head that are in use
constexpr uint64_t kFreshAhead = 8;
constexpr int64_t kHotEraNs = 3'000 * kMs;
constexpr uint64_t kHotNames = 4;
constexpr size_t kReadBackWindow = 512;

void pause_ms(int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

std::vector<std::string> rotated(std::vector<std::string> list, size_t by) {
  std::rotate(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(by % list.size()),
              list.end());
  return list;
}

}  // namespace

Workload::Workload(const WorkloadOptions& options)
    : options_(options),
      prng_(options.seed),
      begin_ns_(now_ns()),
      retry_prng_(options.seed ^ 0x7e717) {
  for (uint32_t i = 0; i < options.clients; ++i) {
    client::Options each;
    each.endpoints = rotated(options.endpoints, i);
    each.timeout_ms = kTimeoutsMs[i % std::size(kTimeoutsMs)];
    clients_.push_back(std::make_unique<client::Client>(each));
  }
}

Workload::~Workload() = default;

std::string Workload::pick_name() {
  if (chance(20)) {
    return fmt::format("hot-{}-{}", (now_ns() - begin_ns_) / kHotEraNs, prng_.below(kHotNames));
  }
  if (chance(10)) return fmt::format("fresh-{}", prng_.below(head_ + 1));
  if (prng_.below(kCallsPerFreshName) == 0) ++head_;
  const uint64_t low = head_ - std::min(head_, kFreshBehind);
  return fmt::format("fresh-{}", low + prng_.below(head_ + kFreshAhead - low));
}

Call Workload::new_call() {
  Call call;
  call.name = pick_name();
  if (chance(50)) {
    call.action = Action::kWrite;
    call.id = request_id(options_.seed, ++written_);
    call.value = fmt::format("v{}-{:x>{}}", written_, "", prng_.below(80));
  }
  return call;
}

void Workload::submit(Call call, unsigned attempts) {
  call.client = static_cast<uint32_t>(prng_.below(clients_.size()));
  client::Client& client = *clients_[call.client];
  const size_t handle = recorder_.called(call);
  const auto answer = [this, handle, attempts](client::Result&& result) {
    on_answer(recorder_.returned(handle, std::move(result)), attempts + 1);
  };
  if (call.action == Action::kWrite) {
    client.write_async(call.name, call.value, {.id = call.id}, answer);
  } else {
    client.read_async(call.name, {}, answer);
  }
}

// Another client may try it while the first attempt still travels.
void Workload::on_answer(const Call& call, unsigned attempts) {
  if (call.action != Action::kWrite || attempts >= kMaxAttempts) return;
  std::lock_guard lock(retries_mutex_);
  // Now and then also what is known already: a retry must be told the same again.
  const uint64_t percent = call.outcome == Outcome::kUnknown   ? 80
                           : call.outcome == Outcome::kNothing ? 30
                                                               : 2;
  if (retry_prng_.below(100) >= percent) return;
  Retry retry{now_ns() + static_cast<int64_t>(retry_prng_.below(500)) * kMs, attempts, {}};
  retry.call.action = Action::kWrite;
  retry.call.name = call.name;
  retry.call.id = call.id;
  retry.call.value = call.value;
  retries_.push(std::move(retry));
}

bool Workload::take_due_retry(Retry* retry) {
  std::lock_guard lock(retries_mutex_);
  if (retries_.empty() || retries_.top().at_ns > now_ns()) return false;
  *retry = retries_.top();
  retries_.pop();
  return true;
}

void Workload::run(const std::atomic<bool>& stopped) {
  int64_t last_ns = now_ns();
  uint64_t owed_ns = 0;  // of operations: time that passed, times the rate
  std::unordered_set<std::string> known;
  while (!stopped) {
    pause_ms(1);
    const int64_t now = now_ns();
    owed_ns += static_cast<uint64_t>(now - last_ns) * options_.rate;
    last_ns = now;
    for (; owed_ns >= 1'000'000'000; owed_ns -= 1'000'000'000) {
      if (recorder_.in_flight() >= kMaxInFlight) continue;
      Retry retry{};
      const bool again = take_due_retry(&retry);
      Call call = again ? std::move(retry.call) : new_call();
      if (known.insert(call.name).second) names_.push_back(call.name);
      submit(std::move(call), retry.attempts);
    }
  }
  while (recorder_.in_flight() > 0) pause_ms(1);
}

size_t Workload::read_back(int64_t patience_ns) {
  const int64_t end_ns = now_ns() + patience_ns;
  std::vector<std::string> open = names_;
  while (!open.empty() && now_ns() < end_ns) open = read_each(open);
  return open.size();
}

// One read of each name; returns the names that got no answer.
std::vector<std::string> Workload::read_each(const std::vector<std::string>& names) {
  std::mutex mutex;
  std::vector<std::string> failed;
  std::atomic<size_t> pending = 0;  // callbacks that may still use what is above
  for (const std::string& name : names) {
    while (pending >= kReadBackWindow) pause_ms(1);
    Call call;
    call.name = name;
    call.client = static_cast<uint32_t>(prng_.below(clients_.size()));
    const size_t handle = recorder_.called(call);
    ++pending;
    clients_[call.client]->read_async(name, {}, [&, handle](client::Result&& result) {
      const Call answered = recorder_.returned(handle, std::move(result));
      if (answered.outcome == Outcome::kNothing) {
        std::lock_guard lock(mutex);
        failed.push_back(answered.name);
      }
      --pending;
    });
  }
  while (pending > 0) pause_ms(1);
  return failed;
}

}  // namespace once::torture

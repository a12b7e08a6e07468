#include "tests/torture/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <utility>

#include "base/draw_ids.h"

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
constexpr uint64_t kRegisterPercent = 45;  // of the operations
constexpr std::string_view kCounter = "counter-";
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

std::string Workload::pick_switch() {
  if (chance(20)) {
    return fmt::format("hot-{}-{}", (now_ns() - begin_ns_) / kHotEraNs, prng_.below(kHotNames));
  }
  if (chance(10)) return fmt::format("fresh-{}", prng_.below(head_ + 1));
  if (prng_.below(kCallsPerFreshName) == 0) ++head_;
  const uint64_t low = head_ - std::min(head_, kFreshBehind);
  return fmt::format("fresh-{}", low + prng_.below(head_ + kFreshAhead - low));
}

// Some live for the whole run, the others for a few seconds: they may be sealed.
std::string Workload::pick_register() {
  if (chance(30)) return fmt::format("{}{}", kCounter, prng_.below(kHotNames));
  return fmt::format("var-{}-{}", (now_ns() - begin_ns_) / kHotEraNs, prng_.below(kHotNames));
}

Call Workload::new_call() {
  Call call;
  const uint64_t dice = prng_.below(100);
  if (dice < kRegisterPercent) {
    call.name = pick_register();
    ask_register(call);
  } else {
    call.name = pick_switch();
    call.action = chance(50) ? Action::kWrite : chance(5) ? Action::kWait : Action::kRead;
  }
  if (check::changes(call.action)) {
    call.id = draw_request_id();
    ++written_;
  }
  if (check::takes_value(call.action)) {
    call.value = fmt::format("v{}-{:x>{}}", written_, "", prng_.below(80));
  }
  return call;
}

void Workload::ask_register(Call& call) {
  static constexpr Action kActions[] = {
      Action::kSet,  Action::kSet,  Action::kCas,  Action::kCas,  Action::kCas,   Action::kNext,
      Action::kNext, Action::kNext, Action::kRead, Action::kRead, Action::kCheck, Action::kWait};
  call.action = kActions[prng_.below(std::size(kActions))];
  const bool lasts = call.name.starts_with(kCounter);
  if (!lasts && chance(1)) call.action = chance(50) ? Action::kSeal : Action::kWrite;
  if (!check::takes_version(call.action)) return;
  const uint64_t version = newest(call.name);
  const uint64_t dice = prng_.below(6);
  call.asked = dice == 0 ? version + 1 : dice == 1 && version > 0 ? version - 1 : version;
}

uint64_t Workload::newest(const std::string& name) {
  std::lock_guard lock(mutex_);
  const auto found = newest_.find(name);
  return found == newest_.end() ? 0 : found->second;
}

void Workload::start(client::Client& client, const Call& call, client::Callback answer) {
  const client::CallOptions as_before{.id = call.id};
  switch (call.action) {
    case Action::kWrite:
      client.write_async(call.name, call.value, as_before, std::move(answer));
      break;
    case Action::kRead:
      client.read_async(call.name, {}, std::move(answer));
      break;
    case Action::kSet:
      client.set_async(call.name, call.value, as_before, std::move(answer));
      break;
    case Action::kCas:
      client.cas_async(call.name, call.asked, call.value, as_before, std::move(answer));
      break;
    case Action::kSeal:
      client.seal_async(call.name, call.asked, as_before, std::move(answer));
      break;
    case Action::kNext:
      client.next_async(call.name, as_before, std::move(answer));
      break;
    case Action::kCheck:
      client.check_async(call.name, call.asked, {}, std::move(answer));
      break;
    case Action::kWait:
      client.wait_async(call.name, call.asked, {}, std::move(answer));
      break;
  }
}

void Workload::submit(Call call, unsigned attempts) {
  call.client = static_cast<uint32_t>(prng_.below(clients_.size()));
  const size_t handle = recorder_.called(call);
  start(*clients_[call.client], call, [this, handle, attempts](client::Result&& result) {
    on_answer(recorder_.returned(handle, result), attempts + 1);
  });
}

void Workload::remember(const Call& answered) {
  if (!check::shows_state(answered)) return;
  std::lock_guard lock(mutex_);
  uint64_t& newest = newest_[answered.name];
  newest = std::max(newest, answered.version);
}

std::vector<std::unique_ptr<Direct>> Workload::make_direct() {
  const Newest newest{[this](const std::string& name) { return this->newest(name); },
                      [this](const Call& answered) { remember(answered); }};
  std::vector<std::string> counters;
  for (uint64_t i = 0; i < kHotNames; ++i) counters.push_back(fmt::format("{}{}", kCounter, i));
  std::vector<std::unique_ptr<Direct>> made;
  for (const std::string& endpoint : options_.endpoints) {
    for (uint32_t i = 0; i < options_.direct; ++i) {
      const auto number = static_cast<uint32_t>(options_.clients + made.size());
      made.push_back(std::make_unique<Direct>(
          DirectOptions{endpoint, number, options_.seed * 1000 + number, counters}, recorder_,
          newest));
    }
  }
  return made;
}

// Another client may try it while the first attempt still travels.
void Workload::on_answer(const Call& call, unsigned attempts) {
  remember(call);
  std::lock_guard lock(mutex_);
  if (!check::changes(call.action) || attempts >= kMaxAttempts) return;
  if (check::happens_each_time(call.action) && call.outcome != Outcome::kNothing) return;
  // Now and then also what is known already: a retry must be told the same again.
  const uint64_t percent = call.outcome == Outcome::kUnknown   ? 80
                           : call.outcome == Outcome::kNothing ? 30
                                                               : 2;
  if (retry_prng_.below(100) >= percent) return;
  Retry retry{now_ns() + static_cast<int64_t>(retry_prng_.below(500)) * kMs, attempts, {}};
  retry.call.action = call.action;
  retry.call.name = call.name;
  retry.call.id = call.id;
  retry.call.asked = call.asked;
  retry.call.value = call.value;
  retries_.push(std::move(retry));
}

bool Workload::take_due_retry(Retry* retry) {
  std::lock_guard lock(mutex_);
  if (retries_.empty() || retries_.top().at_ns > now_ns()) return false;
  *retry = retries_.top();
  retries_.pop();
  return true;
}

void Workload::run(const std::atomic<bool>& stopped) {
  int64_t last_ns = now_ns();
  uint64_t owed_ns = 0;  // of operations: time that passed, times the rate
  std::unordered_set<std::string> known;
  const auto direct = make_direct();
  std::vector<std::thread> threads;
  for (const auto& each : direct) threads.emplace_back([&] { each->run(stopped); });
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
  for (std::thread& thread : threads) thread.join();
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
      const Call answered = recorder_.returned(handle, result);
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

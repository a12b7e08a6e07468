// Micro-benchmarks of the table of one core: a million names, or as many millions as
// ONCE_MICRO_MILLIONS says, far more than the caches hold, asked for in an order that no cache can
// guess, by batches as the core's step does. Names of 16 bytes, values of 32.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/prng.h"
#include "paxos/arena.h"
#include "paxos/name_hasher.h"
#include "paxos/table.h"

namespace once {
namespace {

constexpr size_t kBatch = 64;
constexpr size_t kNameBytes = 16;
constexpr size_t kValueBytes = 32;

size_t names_in_all() {
  static const size_t names = [] {
    const char* millions = std::getenv("ONCE_MICRO_MILLIONS");
    return (millions == nullptr ? 1 : std::max(std::atoi(millions), 1)) * (size_t{1} << 20);
  }();
  return names;
}

struct Index {
  const paxos::NameHasher hasher{7, SipKey{8, 9}};
  paxos::Arena arena;
  paxos::Table table{arena, hasher};
};

// The n-th name; numbers from names_in_all() on are names that no index holds.
std::string name_of(uint64_t n) {
  std::string name(kNameBytes, 'n');
  store(name.data(), n);
  return name;
}

void insert(Index& index, uint64_t key, std::string_view name) {
  static const std::string value(kValueBytes, 'v');
  constexpr paxos::Ballot kBallot{Round{0}, NodeId{1}, Incarnation{1}};
  const paxos::EntryIndex at = index.table.insert(key, name, value.size());
  index.table.hold(index.table.at(at), kBallot, kBallot, {1, true, request_id(1, 2), value});
}

Index& full_index() {
  static const std::unique_ptr<Index> index = [] {
    auto made = std::make_unique<Index>();
    for (uint64_t n = 0; n < names_in_all(); ++n) {
      insert(*made, made->hasher.key_of(name_of(n)), name_of(n));
    }
    return made;
  }();
  return *index;
}

// Batches of kBatch names each, drawn from `first` on.
std::vector<std::string> draw_names(uint64_t first) {
  Prng prng(11);
  std::vector<std::string> names;
  for (size_t i = 0; i < kBatch * 4096; ++i) {
    names.push_back(name_of(first + prng.below(names_in_all())));
  }
  return names;
}

// 0: nothing is fetched ahead; 1: where the lines of the index are, and they.
void find(benchmark::State& state, uint64_t first, int64_t ahead) {
  Index& index = full_index();
  const std::vector<std::string> names = draw_names(first);
  uint64_t keys[kBatch];
  size_t at = 0, found = 0, asked = 0;
  for (auto _ : state) {
    for (size_t i = 0; i < kBatch; ++i) {
      keys[i] = index.hasher.key_of(names[at + i]);
      if (ahead > 0) index.table.prefetch_segment(keys[i]);
    }
    for (size_t i = 0; ahead > 0 && i < kBatch; ++i) index.table.prefetch(keys[i]);
    for (size_t i = 0; i < kBatch; ++i) {
      found += index.table.find(keys[i], names[at + i]) != paxos::Table::kNone;
    }
    asked += kBatch;
    at = (at + kBatch) % names.size();
  }
  if (found != (first == 0 ? asked : 0)) state.SkipWithError("found what it should not, or not");
  state.SetItemsProcessed(static_cast<int64_t>(asked));
}

void index_find_hit(benchmark::State& state) { find(state, 0, state.range(0)); }
void index_find_miss(benchmark::State& state) { find(state, names_in_all(), state.range(0)); }
BENCHMARK(index_find_hit)->ArgName("ahead")->Arg(0)->Arg(1);
BENCHMARK(index_find_miss)->ArgName("ahead")->Arg(0)->Arg(1);

// CPU time of this thread, the kernel's for it included: other load on the machine is not in it.
int64_t cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// From an empty table to all names, as the acceptor takes them: each is looked for, and put there
// with its first state. Growth is in it; `longest` is the longest batch. What it takes of memory is
// said too.
void index_fill(benchmark::State& state) {
  const bool ahead = state.range(0) != 0;
  std::vector<std::string> names(kBatch);
  uint64_t keys[kBatch];
  for (auto _ : state) {
    int64_t all = 0, longest = 0;
    Index index;
    for (uint64_t first = 0; first < names_in_all(); first += kBatch) {
      for (size_t i = 0; i < kBatch; ++i) names[i] = name_of((first + i) * 0x9e3779b97f4a7c15u);
      const int64_t begin = cpu_ns();
      for (size_t i = 0; i < kBatch; ++i) {
        keys[i] = index.hasher.key_of(names[i]);
        if (ahead) index.table.prefetch_segment(keys[i]);
      }
      for (size_t i = 0; ahead && i < kBatch; ++i) index.table.prefetch(keys[i]);
      for (size_t i = 0; i < kBatch; ++i) {
        if (index.table.find(keys[i], names[i]) == paxos::Table::kNone) {
          insert(index, keys[i], names[i]);
        }
      }
      const int64_t took = cpu_ns() - begin;
      all += took;
      longest = std::max(longest, took);
    }
    state.SetIterationTime(static_cast<double>(all) / 1e9);
    state.counters["longest_us"] = static_cast<double>(longest) / 1e3;
    state.counters["bytes_each"] = static_cast<double>(index.table.bytes() + index.arena.bytes()) /
                                   static_cast<double>(names_in_all());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(names_in_all()));
}
BENCHMARK(index_fill)->ArgName("ahead")->Arg(0)->Arg(1)->UseManualTime();

}  // namespace
}  // namespace once

// Micro-benchmarks of the index of one core: a million names, far more than the caches hold, asked
// for in an order that no cache can guess, by batches as the core's step does.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/prng.h"
#include "paxos/arena.h"
#include "paxos/table.h"

namespace once {
namespace {

constexpr size_t kNames = 1 << 20;
constexpr size_t kBatch = 64;
constexpr uint64_t kSeed = 7;
constexpr size_t kNameBytes = 32;

struct Index {
  paxos::Arena arena;
  paxos::Table table{arena};
};

// The n-th name; numbers from kNames on are names that no index holds.
std::string name_of(uint64_t n) {
  std::string name(kNameBytes, 'n');
  store(name.data(), n);
  return name;
}

void insert(Index& index, std::string_view name, std::string_view value) {
  const paxos::EntryIndex at = index.table.insert(name_hash(name, kSeed), name, value.size());
  index.table.set_state(index.table.at(at), {1, true, request_id(1, 2), value});
}

const std::string& value_of_64_bytes() {
  static const std::string value(64, 'v');
  return value;
}

Index& full_index() {
  static const std::unique_ptr<Index> index = [] {
    auto made = std::make_unique<Index>();
    for (uint64_t n = 0; n < kNames; ++n) insert(*made, name_of(n), value_of_64_bytes());
    return made;
  }();
  return *index;
}

// Batches of kBatch names each, drawn from `first` on.
std::vector<std::string> draw_names(uint64_t first) {
  Prng prng(11);
  std::vector<std::string> names;
  for (size_t i = 0; i < kBatch * 4096; ++i) names.push_back(name_of(first + prng.below(kNames)));
  return names;
}

void find(benchmark::State& state, uint64_t first, bool prefetch) {
  Index& index = full_index();
  const std::vector<std::string> names = draw_names(first);
  uint64_t hashes[kBatch];
  size_t at = 0, found = 0, asked = 0;
  for (auto _ : state) {
    for (size_t i = 0; i < kBatch; ++i) {
      hashes[i] = name_hash(names[at + i], kSeed);
      if (prefetch) index.table.prefetch(hashes[i]);
    }
    for (size_t i = 0; i < kBatch; ++i) {
      found += index.table.find(hashes[i], names[at + i]) != paxos::Table::kNone;
    }
    asked += kBatch;
    at = (at + kBatch) % names.size();
  }
  if (found != (first == 0 ? asked : 0)) state.SkipWithError("found what it should not, or not");
  state.SetItemsProcessed(static_cast<int64_t>(asked));
}

void index_find_hit(benchmark::State& state) { find(state, 0, state.range(0) != 0); }
void index_find_miss(benchmark::State& state) { find(state, kNames, state.range(0) != 0); }
BENCHMARK(index_find_hit)->ArgName("prefetch")->Arg(0)->Arg(1);
BENCHMARK(index_find_miss)->ArgName("prefetch")->Arg(0)->Arg(1);

// A name and its first state, from an empty index to a million names, growth of its parts included.
void index_insert(benchmark::State& state) {
  const bool prefetch = state.range(0) != 0;
  std::vector<std::string> names;
  for (uint64_t n = 0; n < kNames; ++n) names.push_back(name_of(n));
  auto index = std::make_unique<Index>();
  size_t at = 0;
  for (auto _ : state) {
    if (at == kNames) {
      state.PauseTiming();
      index = std::make_unique<Index>();
      at = 0;
      state.ResumeTiming();
    }
    if (prefetch) {
      for (size_t i = 0; i < kBatch; ++i) index->table.prefetch(name_hash(names[at + i], kSeed));
    }
    for (size_t i = 0; i < kBatch; ++i) insert(*index, names[at + i], value_of_64_bytes());
    at += kBatch;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatch));
}
BENCHMARK(index_insert)->ArgName("prefetch")->Arg(0)->Arg(1);

}  // namespace
}  // namespace once

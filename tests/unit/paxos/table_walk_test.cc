// Random operations on a table and on a model of it, which is a list of structs: after each the
// entry is what the model says, and so are its neighbours, which lie before and behind it.
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "paxos/table.h"

namespace once::paxos {
namespace table_walk_test {

struct Model {
  std::string name;
  Ballot promised, accepted;
  uint64_t version = 0;
  RequestId writer;
  std::string value;
  bool sealed = false, decided = false;
  Operation made_by = Operation::kRead;
};

class Walk {
 public:
  explicit Walk(uint64_t seed) : random_(seed) {}

  void step() {
    const uint64_t what = below(16);
    if (models_.empty() || what < 3) {
      insert();
    } else if (what < 6) {
      promise(pick());
    } else if (what < 13) {
      hold(pick());
    } else if (what < 14) {
      decide(pick());
    } else if (what < 15) {
      views_.clear();
      arena_.collect();
    } else {
      see(pick());
    }
  }
  void compare_all() {
    ASSERT_EQ(table_.size(), models_.size());
    EntryIndex in_order = models_.empty() ? Table::kNone : table_.nth(0);
    for (size_t n = 0; n < models_.size(); ++n) {
      ASSERT_EQ(table_.nth(n), in_order);
      ASSERT_EQ(table_.number_of(in_order), n);
      compare(n);
      in_order = table_.after(in_order);
    }
    ASSERT_EQ(in_order, Table::kNone);
    // Whatever was handed out since the last collecting is as it was.
    for (const auto& [view, text] : views_) ASSERT_EQ(view, text);
  }

 private:
  uint64_t below(uint64_t bound) { return random_() % bound; }
  // The newest one often: it alone may shrink.
  size_t pick() {
    return below(3) == 0 ? models_.size() - 1 : static_cast<size_t>(below(models_.size()));
  }
  // Around each size at which something changes: one byte of length, two, packed, apart.
  size_t some_size() {
    constexpr size_t kSizes[] = {0, 1, 2, 3, 5, 31, 126, 127, 128, 129, 511, 512, 513, 900, 4000};
    return kSizes[below(std::size(kSizes))];
  }
  std::string some_text(size_t size) {
    std::string text(size, ' ');
    for (char& c : text) c = static_cast<char>(random_());
    return text;
  }
  uint64_t some_number() { return random_() >> below(64); }
  Ballot above(const Ballot& ballot) {
    const auto more = static_cast<uint32_t>(1 + below(3) * below(200));
    return {Round{ballot.round.value + more}, NodeId{static_cast<uint16_t>(1 + below(300))},
            Incarnation{static_cast<uint32_t>(1 + some_number() % UINT32_MAX)}};
  }

  void insert() {
    const std::string name = std::to_string(models_.size()) + some_text(some_size() % 300);
    ASSERT_EQ(table_.find(hasher_.key_of(name), name), Table::kNone);
    table_.insert(hasher_.key_of(name), name, some_size());
    models_.emplace_back().name = name;
    compare(models_.size() - 1);
  }
  void promise(size_t n) {
    models_[n].promised = above(models_[n].promised);
    table_.set_promised(entry(n), models_[n].promised);
    compare_around(n);
  }
  void hold(size_t n) {
    Model& model = models_[n];
    const bool same = model.version != 0 && below(3) == 0;
    if (model.promised.is_null() || below(2) == 0) model.promised = above(model.promised);
    if (!same) {
      const uint64_t version = 1 + some_number() % (UINT64_MAX - 1);
      model.decided = model.decided && version == model.version;
      model.version = version;
      model.value = some_text(some_size());
    }
    model.writer = request_id(some_number(), random_());
    model.sealed = below(2) == 0;
    model.made_by = static_cast<Operation>(1 + below(static_cast<uint64_t>(Operation::kNext)));
    // Mostly what is accepted was promised just so; else the promise is above it.
    model.accepted = model.promised;
    if (below(4) == 0) model.promised = above(model.accepted);
    const State state{model.version, model.sealed, model.writer, model.value, model.made_by};
    table_.hold(entry(n), model.promised, model.accepted, state);
    compare_around(n);
  }
  void decide(size_t n) {
    if (models_[n].version == 0) return;
    models_[n].decided = true;
    table_.mark_decided(entry(n));
    compare_around(n);
  }
  void see(size_t n) {
    views_.emplace_back(entry(n).name(), models_[n].name);
    views_.emplace_back(entry(n).value(), models_[n].value);
  }

  Entry& entry(size_t n) {
    return table_.at(table_.find(hasher_.key_of(models_[n].name), models_[n].name));
  }
  void compare_around(size_t n) {
    if (n > 0) compare(n - 1);
    compare(n);
    if (n + 1 < models_.size()) compare(n + 1);
  }
  void compare(size_t n) {
    const Model& model = models_[n];
    ASSERT_NE(table_.find(hasher_.key_of(model.name), model.name), Table::kNone) << n;
    const Entry& held = entry(n);
    ASSERT_EQ(held.name(), model.name) << n;
    ASSERT_EQ(held.promised(), model.promised) << n;
    ASSERT_EQ(held.accepted(), model.accepted) << n;
    ASSERT_EQ(held.decided(), model.decided) << n;
    ASSERT_EQ(held.version(), model.version) << n;
    ASSERT_EQ(held.writer(), model.writer) << n;
    ASSERT_EQ(held.value(), model.value) << n;
    ASSERT_EQ(held.state().sealed, model.sealed) << n;
    ASSERT_EQ(held.state().made_by, model.made_by) << n;
    ASSERT_EQ(held.state().value, model.value) << n;
    ASSERT_EQ(held.is_whole(), model.accepted.is_null() || model.accepted == model.promised);
  }

  std::mt19937_64 random_;
  NameHasher hasher_{1, SipKey{2, 3}};
  Arena arena_;
  Table table_{arena_, hasher_};
  std::vector<Model> models_;
  std::vector<std::pair<std::string_view, std::string>> views_;
};

TEST(TableWalk, HoldsWhatAModelHolds) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Walk walk(seed);
    for (int n = 0; n < 2'000; ++n) {
      walk.step();
      if (testing::Test::HasFatalFailure()) return;
    }
    walk.compare_all();
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace table_walk_test
}  // namespace once::paxos

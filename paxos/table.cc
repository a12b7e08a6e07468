#include "paxos/table.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/assert.h"

namespace once::paxos {

EntryIndex Table::insert(uint64_t key, std::string_view name, size_t room) {
  const bool packs = room <= kMostPackedValue;
  const size_t body = packs ? PackedState::kMostBytesButValue + room : EntryStore::kLeastBody;
  const EntryIndex index = store_.add(name, body);
  ONCE_ASSERT(index != kNone && store_.at(index).name() == name);
  index_.insert(
      key, index, [this](EntryIndex other) { return hasher_.key_of(store_.at(other).name()); },
      [this](EntryIndex other) { fetch(other); });
  return index;
}

void Table::set_promised(Entry& entry, const Ballot& promised) {
  if (entry.promised() == promised) return;
  ONCE_ASSERT(entry.promised() < promised);  // P2
  if (!entry.has(kApart)) {
    const State state = entry.state();
    EntryApart* apart = allocate(state.value.size());
    apart->accepted = entry.accepted();
    apart->version = state.version;
    apart->writer = state.writer;
    apart->value_size = static_cast<uint32_t>(state.value.size());
    std::copy(state.value.begin(), state.value.end(), apart->value());
    set_apart(entry, apart);
  }
  entry.apart()->promised = promised;
}

void Table::hold(Entry& entry, const Ballot& promised, const Ballot& accepted, const State& state) {
  ONCE_ASSERT(state.value.size() <= UINT32_MAX && state.version != 0);
  ONCE_ASSERT(!accepted.is_null() && accepted <= promised);
  // Decided is said of one version: another one has yet to be chosen.
  if (state.version != entry.version()) entry.clear(kIsDecided);
  if (promised == accepted && can_pack(entry, accepted, state)) {
    store_.pack(entry, accepted, state);
  } else {
    // A block of its own: views of the value before it live on.
    EntryApart* apart = allocate(state.value.size());
    *apart = {promised,
              accepted,
              state.version,
              state.writer,
              static_cast<uint32_t>(state.value.size()),
              apart->room};
    std::copy(state.value.begin(), state.value.end(), apart->value());
    set_apart(entry, apart);
  }
  const bool known = state.made_by != Operation::kRead;
  entry.clear(kSealed | kMadeBy);
  if (state.sealed) entry.set(kSealed);
  if (known) entry.set(static_cast<unsigned>(state.made_by) << kMadeByShift);
}

// Only the first state: what is packed is not written again, as long as anybody may see it.
bool Table::can_pack(const Entry& entry, const Ballot& ballot, const State& state) const {
  return !entry.has(kPacked) && !entry.has(kApart) && state.value.size() <= kMostPackedValue &&
         PackedState::bytes(ballot, state) <= store_.body_of(entry);
}

EntryApart* Table::allocate(size_t room) {
  ONCE_ASSERT(room <= UINT32_MAX);
  auto* apart = new (arena_.allocate(sizeof(EntryApart) + room)) EntryApart;
  apart->room = static_cast<uint32_t>(room);
  return apart;
}

void Table::set_apart(Entry& entry, EntryApart* apart) {
  if (entry.has(kApart)) {
    EntryApart* before = entry.apart();
    arena_.free(reinterpret_cast<char*>(before), bytes_of(*before));
  }
  store_.put_apart(entry, apart);
  ONCE_ASSERT(entry.has(kApart) && entry.apart() == apart);
}

}  // namespace once::paxos

// Numbers for what occurs in a search, so that a world is a handful of numbers: messages, register
// states, accepts, and lists of numbers. Equal things have equal numbers.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/types.h"
#include "paxos/messages.h"

namespace once::exhaustive {

class Interner {
 public:
  uint32_t number(std::string_view bytes);
  std::string_view at(uint32_t number) const { return texts_[number]; }
  uint32_t size() const { return static_cast<uint32_t>(texts_.size()); }

 private:
  std::deque<std::string> texts_;
  std::unordered_map<std::string_view, uint32_t> numbers_;
};

using List = std::span<const uint32_t>;

class Lists {
 public:
  Lists() { number({}); }
  uint32_t number(List list) {
    return lists_.number({reinterpret_cast<const char*>(list.data()), list.size_bytes()});
  }
  List at(uint32_t number) const {
    const std::string_view bytes = lists_.at(number);
    return {reinterpret_cast<const uint32_t*>(bytes.data()), bytes.size() / sizeof(uint32_t)};
  }
  uint32_t size() const { return lists_.size(); }
  static constexpr uint32_t kEmpty = 0;

 private:
  Interner lists_;
};

struct Parcel {
  size_t from = 0;
  size_t to = 0;
  paxos::Message message;  // views into the catalog
};

// What the search asks of a message most often.
struct Route {
  uint8_t to = 0;
  bool is_absorbed = true;  // it may be delivered any number of times
  bool claims = false;      // it says something of what is chosen, or proposes: it is judged
};

// A state of one name.
struct KnownState {
  std::string name;
  uint64_t version = 0;
  RequestId writer;
  std::string value;
  bool sealed = false;
};

// An accept that stands in a log.
struct KnownAccept {
  uint32_t state = 0;
  paxos::Ballot ballot;
  uint64_t sequence = 0;
  uint32_t choice = 0;  // the same for the same (state, ballot)
};

class Catalog {
 public:
  // The message goes through the peer codec, there and back.
  uint32_t message(Endpoint from, Endpoint to, const paxos::Message& message);
  const Parcel& parcel(uint32_t message) const { return parcels_[message]; }

  const Route& route(uint32_t message) const { return routes_[message]; }

  uint32_t state(std::string_view name, const paxos::State& state);
  const KnownState& state(uint32_t state) const { return known_states_[state]; }

  uint32_t accept(std::string_view name, const paxos::State& state, const paxos::Ballot& ballot,
                  uint64_t sequence);
  const KnownAccept& accept(uint32_t accept) const { return known_accepts_[accept]; }

  size_t accepts() const { return known_accepts_.size(); }

  Lists lists;

 private:
  Interner messages_, states_, accepts_, choices_;
  std::deque<Parcel> parcels_;
  std::vector<Route> routes_;
  std::deque<KnownState> known_states_;
  std::deque<KnownAccept> known_accepts_;
};

// For the reader of a story.
std::string text_of(const paxos::Ballot& ballot);
std::string text_of(const paxos::State& state);
std::string text_of(const paxos::Message& message);

}  // namespace once::exhaustive

// Who has a place at the clients' door of one core, and who must give it up for a newcomer. Knows
// no stream: the listener closes whom this names. Each change costs constant time, but for a map
// of addresses that is asked when a connection comes and goes. Single-threaded. Private to net/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "base/assert.h"
#include "base/peer_address.h"
#include "net/client_listener.h"

namespace once::net {

// Of one connection, inside of it: linked into the list of those in the same situation.
struct Place {
  enum class Where : uint8_t { kNowhere, kBeforeHello, kIdle, kBusy, kLeaving };

  Where where = Where::kNowhere;
  bool counted = false;  // among those of its address
  int64_t since_ns = 0;  // it is there
  PeerAddress address;
  Place* previous = nullptr;
  Place* next = nullptr;
};

// In order of arrival.
class PlaceList {
 public:
  Place* front() const { return front_; }
  size_t size() const { return size_; }
  void push_back(Place& place) {
    ONCE_ASSERT(place.previous == nullptr && place.next == nullptr);
    place.previous = back_;
    (back_ != nullptr ? back_->next : front_) = &place;
    back_ = &place;
    ++size_;
  }
  void erase(Place& place) {
    ONCE_ASSERT(size_ > 0);
    (place.previous != nullptr ? place.previous->next : front_) = place.next;
    (place.next != nullptr ? place.next->previous : back_) = place.previous;
    place.previous = place.next = nullptr;
    --size_;
  }

 private:
  Place* front_ = nullptr;
  Place* back_ = nullptr;
  size_t size_ = 0;
};

class ClientPlaces {
 public:
  explicit ClientPlaces(const ClientListenerOptions& options);

  enum class Verdict : uint8_t { kWelcome, kAddressFull, kAllBusy };
  struct Judgement {
    Verdict verdict = Verdict::kWelcome;
    Place* gives_way = nullptr;  // to be closed first
  };
  Judgement judge(const PeerAddress& newcomer) const;

  void come(Place& place, const PeerAddress& address, int64_t now_ns);  // says its hello next
  void become_idle(Place& place, int64_t now_ns);  // nothing is in flight on it
  void become_busy(Place& place);
  void leave(Place& place);  // it is being closed; others may have its place
  void gone(Place& place);   // it is closed; the last call

  // Closed by this side, and not gone yet: they hold descriptors, and no place.
  size_t leaving() const { return leaving_; }
  size_t taken() const { return before_hello_.size() + idle_.size() + busy_; }
  Place* oldest_before_hello() const { return before_hello_.front(); }

 private:
  bool is_bounded(const PeerAddress& address) const;
  void take_out(Place& place);

  const ClientListenerOptions options_;
  const size_t max_before_hello_;
  PlaceList before_hello_;
  PlaceList idle_;
  size_t busy_ = 0;
  size_t leaving_ = 0;
  std::map<AddressGroup, size_t> of_address_;
};

}  // namespace once::net

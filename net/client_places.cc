#include "net/client_places.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace once::net {

using Where = Place::Where;

ClientPlaces::ClientPlaces(const ClientListenerOptions& options)
    : options_(options),
      max_before_hello_(std::min(kMaxBeforeHelloPerCore, options.max_connections / 4)) {
  ONCE_ASSERT(options.max_connections >= 4);
}

bool ClientPlaces::is_bounded(const PeerAddress& address) const {
  return address.known && (options_.bound_loopback || !address.is_loopback());
}

ClientPlaces::Judgement ClientPlaces::judge(const PeerAddress& newcomer) const {
  if (is_bounded(newcomer)) {
    const auto found = of_address_.find(newcomer.group());
    const bool full = found != of_address_.end() && found->second >= options_.max_per_address;
    if (full) return {Verdict::kAddressFull, nullptr};
  }
  if (before_hello_.size() >= max_before_hello_) return {Verdict::kWelcome, before_hello_.front()};
  if (taken() < options_.max_connections) return {};
  Place* longest = idle_.front();
  Place* silent = before_hello_.front();
  if (longest == nullptr || (silent != nullptr && silent->since_ns < longest->since_ns)) {
    longest = silent;
  }
  return longest != nullptr ? Judgement{Verdict::kWelcome, longest}
                            : Judgement{Verdict::kAllBusy, nullptr};
}

void ClientPlaces::come(Place& place, const PeerAddress& address, int64_t now_ns) {
  ONCE_ASSERT(place.where == Where::kNowhere);
  place.address = address;
  place.counted = is_bounded(address);
  if (place.counted) ++of_address_[address.group()];
  place.where = Where::kBeforeHello;
  place.since_ns = now_ns;
  before_hello_.push_back(place);
}

void ClientPlaces::become_idle(Place& place, int64_t now_ns) {
  ONCE_ASSERT(place.where == Where::kBeforeHello || place.where == Where::kBusy);
  take_out(place);
  place.where = Where::kIdle;
  place.since_ns = now_ns;
  idle_.push_back(place);
}

void ClientPlaces::become_busy(Place& place) {
  ONCE_ASSERT(place.where == Where::kIdle);
  take_out(place);
  place.where = Where::kBusy;
  ++busy_;
}

void ClientPlaces::take_out(Place& place) {
  if (place.where == Where::kBeforeHello) before_hello_.erase(place);
  if (place.where == Where::kIdle) idle_.erase(place);
  if (place.where == Where::kBusy) --busy_;
  if (place.where == Where::kLeaving) --leaving_;
}

void ClientPlaces::leave(Place& place) {
  if (place.where == Where::kLeaving) return;
  ONCE_ASSERT(place.where != Where::kNowhere);
  take_out(place);
  place.where = Where::kLeaving;
  ++leaving_;
  if (!std::exchange(place.counted, false)) return;
  const auto found = of_address_.find(place.address.group());
  ONCE_ASSERT(found != of_address_.end() && found->second > 0);
  if (--found->second == 0) of_address_.erase(found);
}

void ClientPlaces::gone(Place& place) {
  leave(place);
  take_out(place);
  place.where = Where::kNowhere;
}

}  // namespace once::net

#include "bench/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/hex.h"
#include "bench/clock.h"

namespace once::bench {
namespace {

constexpr int64_t kPatienceNs = 10'000 * kMillisecond;
constexpr int64_t kPauseNs = 50 * kMillisecond;
constexpr int64_t kProbeNs = 2'000 * kMillisecond;  // a node that connects, and says nothing

}  // namespace

Discovery::Discovery(reactor::Io& io, const std::vector<std::string>& endpoints,
                     std::optional<ClusterId> expected, int64_t now)
    : endpoints_(endpoints),
      expected_(expected),
      probe_(io, *this, 0),
      end_ns_(now + kPatienceNs),
      next_probe_ns_(now) {
  on_tick(now);
}

void Discovery::on_tick(int64_t now) {
  late_ = now >= end_ns_;
  if (done() || late_) return probe_.close();
  if (!probe_.is_closed()) {
    if (now < next_probe_ns_ + kProbeNs) return;
    last_trouble_ = probe_.is_ignored() ? net::kWordsAboutSilence : "no answer in time";
    told_ = true;
    return probe_.close();
  }
  if (now < next_probe_ns_) return;
  next_probe_ns_ = now + kPauseNs;
  asked_ = endpoints_[next_endpoint_++ % endpoints_.size()];
  probe_.open(asked_, net::ClientHello{});
}

std::string Discovery::failure() const {
  if (!mistake_.empty()) return mistake_;
  if (!late_ || done()) return {};
  return fmt::format("no node answers ({}): is the cluster running, is --endpoints right?",
                     last_trouble_);
}

void Discovery::on_hello(Connection& connection, const net::ServerHello& hello) {
  connection.close();
  if (hello.members.empty() || complete_) return;
  const bool met = !map_.members.empty();
  const ClusterId wanted = expected_ ? *expected_ : met ? map_.cluster : hello.cluster;
  if (hello.cluster != wanted) {
    mistake_ = fmt::format("{} is a node of cluster {}, not of {}, which {}: is --endpoints right?",
                           asked_, hex_of(hello.cluster), hex_of(wanted),
                           expected_ ? "is expected" : "answered first");
    return;
  }
  map_ = hello;
  complete_ = std::none_of(hello.members.begin(), hello.members.end(),
                           [](auto& member) { return member.client_address.empty(); });
}

void Discovery::on_protocol_error(Connection&, std::string what) {
  last_trouble_ = std::move(what);
  told_ = true;
}

// That it was closed after all that says less than why.
void Discovery::on_lost(Connection&, std::string_view why) {
  if (!std::exchange(told_, false) && !why.empty()) last_trouble_ = why;
}

}  // namespace once::bench

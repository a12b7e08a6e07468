#include "net/turned_away.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/assert.h"
#include "doors/choose.h"
#include "net/client_codec.h"

namespace once::net {
namespace {

using doors::Speaks;
using reactor::StreamId;

// What a door needs that says farewell and nothing else.
struct Leaving final : doors::DoorHost {
  Leaving(const doors::NodeView& view_in, std::vector<char>& bytes_in)
      : view(view_in), bytes(bytes_in) {}
  void ask(uint64_t, const paxos::ClientRequest&) override { ONCE_ASSERT(false); }
  std::string_view keep(std::vector<char>&&) override { return {}; }
  RequestId draw_id() override { return {}; }
  std::vector<char>* out() override { return &bytes; }
  const doors::NodeView& node() override { return view; }
  CoreId core() const override { return {}; }

  const doors::NodeView& view;
  std::vector<char>& bytes;
};

}  // namespace

void TurnedAway::take(StreamId stream, std::string why, Farewell farewell) {
  ++count_;
  const bool waits = doors_ != nullptr && untold_.size() - ready_.size() < most_waiting_;
  One& one = untold_[stream.value];
  one.why = std::move(why);
  one.farewell = farewell;
  one.since_ns = io_.now_ns();
  if (!waits) get_ready(stream, one);
}

void TurnedAway::close(StreamId stream) {
  ++count_;
  io_.close(stream);
}

void TurnedAway::get_ready(StreamId stream, One& one) {
  if (!std::exchange(one.ready, true)) ready_.push_back(stream);
}

void TurnedAway::on_bytes(StreamId stream, std::string_view bytes) {
  const auto at = untold_.find(stream.value);
  if (at == untold_.end()) return;
  One& one = at->second;
  one.heard += bytes.substr(0, kMostHeard - one.heard.size());
  const bool known = doors::who_speaks(one.heard) != Speaks::kNotKnownYet;
  if (known || one.heard.size() == kMostHeard) get_ready(stream, one);
}

bool TurnedAway::on_end_of_input(StreamId stream) {
  const auto at = untold_.find(stream.value);
  if (at == untold_.end()) return false;
  get_ready(stream, at->second);
  return true;
}

void TurnedAway::on_closed(StreamId stream, std::string_view) {
  --count_;
  const auto at = untold_.find(stream.value);
  if (at == untold_.end()) return;
  if (at->second.ready) {
    std::erase_if(ready_, [&](StreamId one) { return one.value == stream.value; });
  }
  untold_.erase(at);
}

void TurnedAway::on_tick() {
  const int64_t now_ns = io_.now_ns();
  for (auto& [stream, one] : untold_) {
    if (now_ns - one.since_ns >= kPatienceNs) get_ready(StreamId{stream}, one);
  }
}

void TurnedAway::end_round() {
  for (const StreamId stream : std::exchange(ready_, {})) {
    const auto one = untold_.extract(stream.value);
    if (auto* out = io_.outbox(stream)) tell(one.mapped(), *out);
    end_(stream);
  }
}

void TurnedAway::tell(const One& one, std::vector<char>& out) const {
  const Speaks who = doors_ != nullptr ? doors::who_seems_to_speak(one.heard) : Speaks::kOnce;
  if (who == Speaks::kHttp || who == Speaks::kResp) {
    Leaving host(doors_->node(), out);
    if (const auto door = doors_->make(who, host)) return door->say_farewell(one.farewell);
  }
  // A line that is no request of HTTP yet may be one of RESP: neither knows frames.
  if (who == Speaks::kNotKnownYet && !one.heard.empty()) return;
  encode_error(kNothingTaken, one.why, out);
}

}  // namespace once::net

// Connects of LoopIo: first the addresses of the name, then one address after the other.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.h"
#include "base/errno_text.h"
#include "reactor/loop.h"

namespace once::reactor {
namespace {

// Less than those wait who connect, so that they are told what it was that took so long.
constexpr int64_t kNamePatienceNs = 1'500'000'000;
// For an address that says nothing while there is another one to try, and for all of a name, so
// that whoever connects has not given up when the last one is tried.
constexpr int64_t kAddressPatienceNs = 400'000'000;
constexpr int64_t kAddressesPatienceNs = 1'500'000'000;

int64_t patience_ns(size_t addresses) {
  return std::min(kAddressPatienceNs, kAddressesPatienceNs / static_cast<int64_t>(addresses));
}

}  // namespace

StreamId LoopIo::connect(const std::string& address, StreamHandler* handler) {
  ONCE_ASSERT(handler != nullptr);
  const uint32_t slot = new_stream(-1, State::kConnecting, handler);
  const StreamId id = id_of(slot);
  streams_[slot].peer = address;
  find_addresses(slot);
  if (streams_[slot].naming) {
    naming_.push_back(id);
    patience_for_names_.push_back({now_ns() + kNamePatienceNs, id, 0});
  }
  return id;
}

void LoopIo::find_addresses(uint32_t slot) {
  Stream& stream = streams_[slot];
  NameResolver::Found found = names_->find(stream.peer);
  stream.naming = found.pending();
  if (stream.naming) return;
  if (!found.trouble.empty()) return kill(slot, std::move(found.trouble));
  stream.addresses = std::move(found.addresses);
  connect_next(slot);
}

void LoopIo::connect_next(uint32_t slot) {
  Stream& stream = streams_[slot];
  while (stream.tried < stream.addresses.size()) {
    ++stream.tried;
    if (try_address(slot)) return;
  }
  kill(slot, "cannot connect to " + stream.peer + ": " + stream.refusals);
}

bool LoopIo::try_address(uint32_t slot) {
  Stream& stream = streams_[slot];
  ONCE_ASSERT(stream.operations == 0);
  const SocketAddress& where = stream.addresses[stream.tried - 1];
  if (stream.fd >= 0) ::close(stream.fd);
  stream.fd = socket(where.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (stream.fd < 0) {
    note_refusal(slot, "cannot make a socket: " + errno_text(errno));
    return false;
  }
  set_no_delay(stream.fd);
  set_end_of_silence(stream.fd);
  if (options_.reset_at_end) set_reset_at_end(stream.fd);
  stream.hurried = false;
  ++stream.operations;
  operations_->connect(stream.fd, where.get(), where.size,
                       tag(Op::kConnect, slot, stream.generation));
  if (stream.tried < stream.addresses.size()) limit_patience(slot);
  return true;
}

void LoopIo::limit_patience(uint32_t slot) {
  const Stream& stream = streams_[slot];
  auto& waiting = patience_for_addresses_;
  const Patience one{now_ns() + patience_ns(stream.addresses.size()), id_of(slot), stream.tried};
  const auto earlier = [](const Patience& a, const Patience& b) { return a.until_ns < b.until_ns; };
  waiting.insert(std::upper_bound(waiting.begin(), waiting.end(), one, earlier), one);
}

// A name's addresses are told apart; what was written as an address is named already.
void LoopIo::note_refusal(uint32_t slot, const std::string& why) {
  Stream& stream = streams_[slot];
  const std::string address = to_text(stream.addresses[stream.tried - 1]);
  if (!stream.refusals.empty()) stream.refusals += "; ";
  if (address != stream.peer) stream.refusals += address + ": ";
  stream.refusals += why;
}

void LoopIo::on_connected(uint32_t slot, int result) {
  Stream& stream = streams_[slot];
  --stream.operations;
  if (stream.state != State::kConnecting) return end_if_idle(slot);
  if (result < 0) {
    note_refusal(slot, stream.hurried ? "no answer in time" : errno_text(-result));
    return connect_next(slot);
  }
  stream.state = State::kOpen;
  if (!stream.held) arm_receive(slot);
  if (!stream.outbox.empty()) mark_dirty(slot);
  stream.handler->on_connected(id_of(slot));
}

void LoopIo::deliver_names() {
  if (!names_news_.exchange(false, std::memory_order_acq_rel)) return;
  std::vector<StreamId> waiting = std::exchange(naming_, {});
  for (const StreamId id : waiting) {
    const Stream* stream = find(id);
    if (stream == nullptr || stream->state != State::kConnecting) continue;
    find_addresses(static_cast<uint32_t>(id.value));
    if (stream->naming) naming_.push_back(id);
  }
}

void LoopIo::expire_connects() {
  for (auto& waiting = patience_for_names_; !waiting.empty(); waiting.pop_front()) {
    const auto [until_ns, id, tried] = waiting.front();
    const Stream* stream = find(id);
    if (stream == nullptr || stream->state != State::kConnecting || !stream->naming) continue;
    if (until_ns > now_ns_) break;
    kill(static_cast<uint32_t>(id.value), "cannot resolve \"" + stream->peer +
                                              "\": the name could not be looked up in time; "
                                              "check the host name and the name server");
  }
  for (auto& waiting = patience_for_addresses_; !waiting.empty(); waiting.pop_front()) {
    const auto [until_ns, id, tried] = waiting.front();
    Stream* stream = find(id);
    if (stream == nullptr || stream->state != State::kConnecting || stream->tried != tried)
      continue;
    if (until_ns > now_ns_) break;
    stream->hurried = true;
    cancel(Op::kConnect, static_cast<uint32_t>(id.value));
  }
}

}  // namespace once::reactor

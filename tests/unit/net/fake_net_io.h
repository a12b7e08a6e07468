// An Io in memory for tests of net/: streams are pipes, and a round happens when the test says so.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/assert.h"
#include "reactor/io.h"
#include "tests/unit/reactor/fileless_io.h"

namespace once::test {

struct Pipe {
  std::string to[2];  // bytes on their way to side 0 and side 1
  bool closed[2] = {false, false};
  bool silent[2] = {false, false};  // it sends nothing more, and still reads
  PeerAddress from;                 // of side 0
};

inline PeerAddress address_of(const std::string& text) {
  sockaddr_storage where{};
  if (inet_pton(AF_INET, text.c_str(), &reinterpret_cast<sockaddr_in&>(where).sin_addr) == 1) {
    where.ss_family = AF_INET;
  } else {
    where.ss_family = AF_INET6;
    const auto to = &reinterpret_cast<sockaddr_in6&>(where).sin6_addr;
    ONCE_ASSERT(inet_pton(AF_INET6, text.c_str(), to) == 1);
  }
  return PeerAddress::of(where);
}

struct FakeHandoff final : reactor::Handoff {
  std::shared_ptr<Pipe> pipe;
  int side = 0;
  std::string unread;
};

class FakeIo;

struct FakeNetwork {
  int64_t now_ns = 1'000'000'000;
  std::map<std::string, std::pair<FakeIo*, reactor::ListenHandler*>> listeners;
};

class FakeIo final : public FilelessIo {
 public:
  explicit FakeIo(FakeNetwork& network) : network_(network) {}
  std::function<void()> on_batch_end;
  size_t chunk_bytes = SIZE_MAX;  // a receive gives at most so many bytes
  bool frozen = false;            // neither sends nor receives

  int64_t now_ns() const override { return network_.now_ns; }
  Result<reactor::ListenerId> listen(const std::string& address,
                                     reactor::ListenHandler* handler) override {
    network_.listeners[address] = {this, handler};
    return reactor::ListenerId{1};
  }
  reactor::StreamId connect(const std::string& address, reactor::StreamHandler* handler) override {
    Stream stream;
    stream.handler = handler;
    stream.address = address;
    ++connects;
    return add(std::move(stream));
  }
  std::vector<char>* outbox(reactor::StreamId id) override {
    Stream* stream = find(id);
    return stream && stream->pipe && !stream->closing ? &stream->outbox : nullptr;
  }
  size_t unsent_bytes(reactor::StreamId id) const override {
    auto at = streams_.find(id.value);
    return at == streams_.end() ? 0 : at->second.outbox.size() + pretend_unsent;
  }
  size_t pretend_unsent = 0;
  PeerAddress peer_address(reactor::StreamId id) const override {
    auto at = streams_.find(id.value);
    return at == streams_.end() || !at->second.pipe ? PeerAddress{} : at->second.pipe->from;
  }
  uint64_t sent_bytes(reactor::StreamId id) const override {
    auto at = streams_.find(id.value);
    return at == streams_.end() ? 0 : at->second.sent;
  }
  void hold_input(reactor::StreamId id, bool hold) override {
    if (Stream* stream = find(id)) stream->held = hold && !still_receives;
  }
  // False: the other side takes nothing, what is sent to it stays in the outbox.
  void set_reading(reactor::StreamId id, bool reading) { find(id)->unread_by_peer = !reading; }
  void pretend_sent(reactor::StreamId id, size_t bytes) { find(id)->sent += bytes; }
  void cut(reactor::StreamId id, std::string_view why) override {
    cuts.emplace_back(why);
    if (Stream* stream = find(id)) stream->outbox.clear(), stream->closing = true;
  }
  std::vector<std::string> cuts;
  bool still_receives = false;  // of what is held too, as what the ring had received already
  void close(reactor::StreamId id) override {
    if (Stream* stream = find(id)) stream->closing = true;
  }
  void close_gently(reactor::StreamId id) override { ++gentle_closes, close(id); }
  size_t gentle_closes = 0;
  void set_handler(reactor::StreamId id, reactor::StreamHandler* handler) override {
    if (Stream* stream = find(id)) stream->handler = handler;
  }
  std::unique_ptr<reactor::Handoff> detach(reactor::StreamId id, std::string_view unread) override {
    Stream* stream = find(id);
    ONCE_ASSERT(stream && stream->pipe);
    auto handoff = std::make_unique<FakeHandoff>();
    handoff->pipe = stream->pipe;
    handoff->side = stream->side;
    handoff->unread = unread;
    streams_.erase(id.value);
    return handoff;
  }
  reactor::StreamId adopt(std::unique_ptr<reactor::Handoff> handoff,
                          reactor::StreamHandler* handler) override {
    auto& fake = dynamic_cast<FakeHandoff&>(*handoff);
    Stream stream;
    stream.handler = handler;
    stream.pipe = fake.pipe;
    stream.side = fake.side;
    stream.unread = fake.unread;
    return add(std::move(stream));
  }

  void set_timer(int64_t, uint64_t) override {}
  void wake() override { woken_ = true; }
  void run(reactor::BatchHandler*) override {}
  void stop() override {}

  // One round of completions, and those that it asks for.
  void round() {
    do {
      woken_ = false;
      one_round();
    } while (woken_);
  }
  void one_round() {
    if (frozen) return;
    std::vector<std::unique_ptr<std::string>> received;
    for (uint64_t id : ids()) take_completions(id, received);
    if (on_batch_end) on_batch_end();
    for (auto& bytes : received) std::fill(bytes->begin(), bytes->end(), '\xdd');
    for (uint64_t id : ids()) finish_round(id);
  }
  size_t streams() const { return streams_.size(); }
  void accept_stream(std::shared_ptr<Pipe> pipe, int side, reactor::ListenHandler* handler) {
    Stream stream;
    stream.pipe = std::move(pipe);
    stream.side = side;
    reactor::StreamId id = add(std::move(stream));
    reactor::StreamHandler* taker = handler->on_accept(id);
    if (taker) find(id)->handler = taker;
    if (!taker) find(id)->pipe->closed[side] = true, streams_.erase(id.value);
  }
  int connects = 0;
  // Every connection ends as if the other side had gone; the other side learns it too.
  void cut_all() {
    for (auto& [id, stream] : streams_) {
      if (stream.pipe) stream.pipe->closed[0] = stream.pipe->closed[1] = true;
    }
  }
  void corrupt_outboxes(size_t at) {
    for (auto& [id, stream] : streams_) {
      if (at < stream.outbox.size()) stream.outbox[at] ^= 0x11;
    }
  }

 private:
  struct Stream {
    reactor::StreamHandler* handler = nullptr;
    std::string address;  // still to be connected
    std::shared_ptr<Pipe> pipe;
    int side = 0;
    std::vector<char> outbox;
    std::string unread;
    bool closing = false;
    bool input_ended = false;
    bool held = false;
    bool unread_by_peer = false;
    uint64_t sent = 0;
  };

  Stream* find(reactor::StreamId id) {
    auto at = streams_.find(id.value);
    return at == streams_.end() ? nullptr : &at->second;
  }
  reactor::StreamId add(Stream stream) {
    streams_.emplace(++last_id_, std::move(stream));
    return {last_id_};
  }
  std::vector<uint64_t> ids() const {
    std::vector<uint64_t> all;
    for (const auto& [id, stream] : streams_) all.push_back(id);
    return all;
  }
  void end(uint64_t id, std::string_view why) {
    reactor::StreamHandler* handler = streams_.at(id).handler;
    if (streams_.at(id).pipe) streams_.at(id).pipe->closed[streams_.at(id).side] = true;
    streams_.erase(id);
    if (handler) handler->on_closed({id}, why);
  }
  void take_completions(uint64_t id, std::vector<std::unique_ptr<std::string>>& received) {
    Stream* stream = find({id});
    if (!stream) return;
    if (!stream->pipe) {
      if (stream->closing) return end(id, "");
      auto at = network_.listeners.find(stream->address);
      if (at == network_.listeners.end()) return end(id, "connection refused");
      stream->pipe = std::make_shared<Pipe>();
      at->second.first->accept_stream(stream->pipe, 1, at->second.second);
      return stream->handler->on_connected({id});
    }
    std::string bytes = std::exchange(stream->unread, {});
    if (stream->held && !stream->closing) return;
    std::string& inbound = stream->pipe->to[stream->side];
    size_t taken = std::min(inbound.size(), chunk_bytes);
    bytes += inbound.substr(0, taken);
    inbound.erase(0, taken);
    if (!bytes.empty()) {
      received.push_back(std::make_unique<std::string>(std::move(bytes)));
      if (!stream->closing) stream->handler->on_bytes({id}, *received.back());
      return;
    }
    if (stream->pipe->closed[1 - stream->side]) return end(id, "");
    if (!stream->pipe->silent[1 - stream->side] || stream->input_ended) return;
    stream->input_ended = true;
    if (!stream->closing && !stream->handler->on_end_of_input({id})) end(id, "");
  }
  void finish_round(uint64_t id) {
    Stream* stream = find({id});
    if (!stream || !stream->pipe) return;
    if (stream->unread_by_peer && !stream->closing) return;
    stream->sent += stream->outbox.size();
    stream->pipe->to[1 - stream->side].append(stream->outbox.data(), stream->outbox.size());
    stream->outbox.clear();
    if (stream->closing) end(id, "");
  }
  FakeNetwork& network_;
  std::map<uint64_t, Stream> streams_;
  uint64_t last_id_ = 0;
  bool woken_ = false;
};

}  // namespace once::test

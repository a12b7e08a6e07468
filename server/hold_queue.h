// Messages that wait until what they rest on is durable (DESIGN 3.3): for each peer core, encoded
// bytes in order, each with the record it rests on. A message behind another waits for both, which
// is never too early. Bounded: past the bound a message is lost, as the network may lose it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/fifo.h"
#include "base/free_vector.h"
#include "base/limits.h"
#include "base/record_number.h"
#include "base/types.h"

namespace once::server {

class HoldQueue {
 public:
  explicit HoldQueue(size_t max_bytes_per_peer = kMaxOutboxBytes)
      : max_bytes_(max_bytes_per_peer), index_((kMaxNodes + 1) * kMaxCores, kNone) {}

  // False: the bound is met and the message is dropped.
  bool add(Endpoint peer, RecordNumber record, std::string_view encoded) {
    Queue& queue = queue_of(peer);
    if (queue.bytes.size() - queue.head + encoded.size() > max_bytes_) return ++dropped_, false;
    queue.bytes.insert(queue.bytes.end(), encoded.begin(), encoded.end());
    queue.held.push({record, encoded.size()});
    return true;
  }

  // Calls send(Endpoint, std::string_view) with runs of whole messages, at most kMaxRunBytes each
  // unless a single message is longer.
  template <class Send>
  void release(RecordNumber durable, Send&& send) {
    for (Queue& queue : queues_) {
      if (!queue.held.empty()) release_queue(queue, durable, send);
    }
  }

  // The link broke: what was held for it is lost with it.
  void forget(Endpoint peer) {
    Queue& queue = queue_of(peer);
    queue.bytes.clear();
    queue.held.clear();
    queue.head = 0;
  }
  bool empty() const {
    for (const Queue& queue : queues_) {
      if (!queue.held.empty()) return false;
    }
    return true;
  }
  uint64_t dropped() const { return dropped_; }
  size_t bytes() const {  // allocated
    size_t sum = 0;
    for (const Queue& queue : queues_) sum += queue.bytes.capacity() + queue.held.bytes();
    return sum;
  }
  // What a burst took, of queues that are empty now.
  void give_back() {
    for (Queue& queue : queues_) {
      if (!queue.held.empty()) continue;
      if (queue.bytes.capacity() > kKeptBytes) free_vector(queue.bytes);
      if (queue.held.bytes() > kKeptBytes) queue.held = Fifo<Held>();
    }
  }

  static constexpr size_t kMaxRunBytes = kMaxEnvelopeBytes / 4;

 private:
  static constexpr size_t kKeptBytes = 256 * 1024;
  static constexpr uint16_t kNone = 0xffff;
  struct Held {
    RecordNumber record;
    size_t size;
  };
  struct Queue {
    Endpoint peer;
    std::vector<char> bytes;
    size_t head = 0;  // bytes before it have left
    Fifo<Held> held;
  };

  Queue& queue_of(Endpoint peer) {
    ONCE_ASSERT(peer.node.value <= kMaxNodes && peer.core.value < kMaxCores);
    uint16_t& index = index_[peer.node.value * kMaxCores + peer.core.value];
    if (index == kNone) {
      index = static_cast<uint16_t>(queues_.size());
      queues_.push_back({});
      queues_.back().peer = peer;
    }
    return queues_[index];
  }

  template <class Send>
  void release_queue(Queue& queue, RecordNumber durable, Send&& send) {
    while (!queue.held.empty() && queue.held.front().record <= durable) {
      size_t run = 0;
      while (!queue.held.empty() && queue.held.front().record <= durable &&
             (run == 0 || run + queue.held.front().size <= kMaxRunBytes)) {
        run += queue.held.pop().size;
      }
      send(queue.peer, std::string_view(queue.bytes.data() + queue.head, run));
      queue.head += run;
    }
    if (queue.held.empty()) {
      ONCE_ASSERT(queue.head == queue.bytes.size());
      queue.bytes.clear();
      queue.head = 0;
    } else if (queue.head > queue.bytes.size() / 2) {
      queue.bytes.erase(queue.bytes.begin(), queue.bytes.begin() + static_cast<long>(queue.head));
      queue.head = 0;
    }
  }

  size_t max_bytes_;
  uint64_t dropped_ = 0;
  std::vector<uint16_t> index_;
  std::vector<Queue> queues_;
};

}  // namespace once::server

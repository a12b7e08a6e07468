// Whole cores under a schedule that the input spells byte by byte: see Cluster for what is checked.
// Input: u8 mode (bit 0: members may lie; bits 1-2: how many nodes), then steps: u8 what, and what
// it needs. When the input is used up, everything comes back and every request must have got its
// answer; while all are honest, every node must then read the same.
#include "tests/fuzz/cluster.h"
#include "tests/fuzz/forge.h"

namespace once::fuzz {
namespace {

using namespace paxos;

constexpr size_t kMaxSteps = 400;
constexpr uint32_t kTimeoutMs = 100;
constexpr const char* kValues[] = {"", "x", "a longer value"};

class Schedule {
 public:
  Schedule(const uint8_t* data, size_t size)
      : input_(data, size), mode_(input_.byte()), cluster_(kSizes[mode_ >> 1 & 3]) {}

  void run() {
    for (size_t steps = 0; steps < kMaxSteps && !input_.empty(); ++steps) step();
    finish();
  }

 private:
  static constexpr size_t kSizes[] = {3, 3, 1, 5};

  void step() {
    const uint8_t what = input_.byte() % 16;
    switch (what) {
      case 0:
      case 1:
      case 2:
      case 3:
        return on_message(what);
      case 4:
      case 5:
        return cluster_.sync(node(), what == 4 ? SIZE_MAX : 1);
      case 6:
        return cluster_.tick(1 + input_.byte() * Cluster::kMs);
      case 7:
      case 8:
        return write();
      case 9:
        return read();
      case 10:
        return crash_or_start(node());
      case 11:
        return cluster_.drain();
      case 12:
        return cut_link();
      case 13:
        return cluster_.set_disk_full(node(), input_.byte() % 2 == 1);
      default:
        return (mode_ & 1) != 0 ? lie() : settle(1);
    }
  }

  size_t node() { return input_.byte() % cluster_.size(); }
  size_t parcel() { return input_.byte() % cluster_.network().size(); }

  void on_message(uint8_t what) {
    if (cluster_.network().empty()) return cluster_.tick(Cluster::kMs);
    switch (what) {
      case 0:
        return cluster_.deliver(0, false);
      case 1:
        return cluster_.deliver(parcel(), false);
      case 2:
        return cluster_.deliver(parcel(), true);
      default:
        return cluster_.drop(parcel());
    }
  }
  void write() {
    const size_t at = node();
    const std::string_view name = kNames[input_.byte() % std::size(kNames)];
    const uint8_t which = input_.byte();
    RequestId id = request_id(1, ++ids_);
    const std::string_view value = kValues[which % std::size(kValues)];
    // A retry repeats name and value; one that was told "certainly not" is a new request.
    const bool retry = which >= 200 && last_.node != SIZE_MAX && !cluster_.was_denied(last_.id);
    if (!retry) last_ = {at, id, name, value};
    cluster_.request(at, {0, Operation::kWrite, last_.id, timeout(), last_.name, last_.value});
  }
  void read() {
    const size_t at = node();
    cluster_.request(
        at, {0, Operation::kRead, {}, timeout(), kNames[input_.byte() % std::size(kNames)], {}});
  }
  uint32_t timeout() { return 1 + input_.byte() % kTimeoutMs; }
  void crash_or_start(size_t i) {
    if (cluster_.up(i)) {
      cluster_.crash(i);
    } else {
      cluster_.start(i);
    }
  }
  void cut_link() {
    const size_t a = node(), b = node();
    if (a == b || !cluster_.up(a) || !cluster_.up(b)) return;
    const bool down = input_.byte() % 2 == 0;
    for (const auto& [at, other] : {std::pair(a, b), std::pair(b, a)}) {
      Event event{Cluster::endpoint(other), LinkUp{1}};
      if (down) event.body = LinkDown{};
      cluster_.link_event(at, event);
    }
  }
  void settle(size_t rounds) {
    for (size_t i = 0; i < rounds; ++i) {
      cluster_.drain();
      cluster_.tick(20 * Cluster::kMs);
    }
  }
  void lie() {
    const size_t to = node(), from = node();
    if (!cluster_.up(to)) return;
    cluster_.trust_nobody();
    Endpoint sender = Cluster::endpoint(from);
    if (const uint8_t core = input_.byte(); core >= 250) sender.core.value = core - 250;
    Forger forger(input_, sender.node);
    const uint8_t how = input_.byte();
    if (how >= 250) {
      return cluster_.link_event(to, {sender, LinkUp{static_cast<uint16_t>(any_number(input_))}});
    }
    Message request = ReadState{};
    const std::string bytes =
        how >= 100 && !cluster_.network().empty() ? cluster_.network()[parcel()].bytes : "";
    std::string_view left = bytes;
    if (auto asked = net::take_message(left)) request = *asked;
    const Message message = bytes.empty() ? forger.any_message() : forger.answer_to(request);
    const auto encoding = encoded([&](auto& out) { net::encode_message(message, out); });
    cluster_.receive({sender, Cluster::endpoint(to), std::string(view(encoding))});
  }

  void finish() {
    for (size_t i = 0; i < cluster_.size(); ++i) {
      if (!cluster_.up(i)) cluster_.start(i);
      cluster_.set_disk_full(i, false);
    }
    for (size_t a = 0; a < cluster_.size(); ++a) {
      for (size_t b = 0; b < cluster_.size(); ++b) {
        if (a != b) cluster_.link_event(a, {Cluster::endpoint(b), LinkUp{1}});
      }
    }
    settle(kTimeoutMs / 20 + 2);
    ONCE_ASSERT(cluster_.unanswered() == 0);
    if (!cluster_.honest()) return;
    for (size_t i = 0; i < cluster_.size(); ++i) {
      for (const char* name : kNames) {
        cluster_.request(i, {0, Operation::kRead, {}, kTimeoutMs, name, {}});
      }
    }
    settle(kTimeoutMs / 20 + 2);
    ONCE_ASSERT(cluster_.unanswered() == 0);
  }

  struct LastWrite {
    size_t node = SIZE_MAX;  // none yet
    RequestId id;
    std::string_view name, value;
  };
  Input input_;
  uint8_t mode_;
  Cluster cluster_;
  LastWrite last_;
  uint64_t ids_ = 0;
};

}  // namespace
}  // namespace once::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Schedule(data, size).run();
  return 0;
}

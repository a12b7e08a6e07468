// The records of a log, as bytes that a checksum vouches for and nothing else. Input: pieces, each
// u16 size and bytes. What decodes encodes to the same bytes; and a core that is given the records
// either refuses the log or starts from it and serves.
#include <memory>
#include <string>

#include "base/limits.h"
#include "paxos/record.h"
#include "paxos/replica.h"
#include "tests/fuzz/input.h"

namespace once::fuzz {
namespace {

using namespace paxos;

constexpr size_t kMaxRecords = 64;

std::unique_ptr<Replica> make_replica() {
  ReplicaOptions options;
  options.self = Endpoint{NodeId{1}, CoreId{0}};
  options.members = {NodeId{1}, NodeId{2}, NodeId{3}};
  options.hash_seed = 42;
  options.shard_count = 64;
  options.random_seed = 7;
  options.max_operations = 64;
  options.max_tasks = 16;
  options.round_zero_window = 64;
  return Replica::make(options);
}

void serve(Replica& replica) {
  int64_t now_ns = 1'000'000'000;
  Output out;
  replica.start(replica.recovered_incarnation().next(), now_ns, out);
  uint64_t made = out.record_ends.size();
  const auto step = [&](const Event& event) {
    out.clear();
    replica.step(&event, 1, now_ns, out);
    made += out.record_ends.size();
  };
  const Endpoint peer{NodeId{2}, CoreId{0}};
  step(Event{peer, LinkUp{1}});
  step(Event{peer, ClaimHome{Incarnation{9}, 0, 0}});
  for (const char* name : {"a", "b", "name"}) {
    step(Event{{}, ClientRequest{1, Operation::kWrite, request_id(1, 2), 100, name, "v"}});
    step(Event{{}, ClientRequest{2, Operation::kRead, {}, 100, name, {}}});
    step(Event{peer, Prepare{1, Ballot{Round{2}, NodeId{2}, Incarnation{9}}, name}});
  }
  for (int i = 0; i < 8; ++i) {
    now_ns += 50'000'000;
    out.clear();
    replica.on_tick(now_ns, out);
    made += out.record_ends.size();
    out.clear();
    replica.on_durable(RecordNumber{made}, now_ns, out);
    made += out.record_ends.size();
  }
}

}  // namespace
}  // namespace once::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace once;
  fuzz::Input input(data, size);
  const auto replica = fuzz::make_replica();
  bool sound = true;
  for (size_t i = 0; i < fuzz::kMaxRecords && !input.empty(); ++i) {
    const fuzz::Exact record(input.bytes(input.number<uint16_t>()));
    const auto decoded = paxos::decode_record(record.view());
    if (decoded) {
      const auto again = fuzz::encoded([&](auto& out) { paxos::encode_record(*decoded, out); });
      ONCE_ASSERT(fuzz::view(again) == record.view());
    }
    if (sound) sound = replica->recover(record.view());
  }
  if (sound) fuzz::serve(*replica);
  return 0;
}

// Micro-benchmarks of what every operation passes through: hash, codecs, log encoding, the core's
// step. The histogram too, which every measurement passes through.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/draw_ids.h"
#include "base/hash.h"
#include "base/histogram.h"
#include "base/sip_hash.h"
#include "bench/micro_iterations.h"
#include "net/client_codec.h"
#include "net/peer_codec.h"
#include "paxos/record.h"
#include "paxos/replica.h"
#include "wal/block_format.h"

namespace once {
namespace {

const std::string kName(32, 'n');

void name_hash_32_bytes(benchmark::State& state) {
  uint64_t seed = 7;
  for (auto _ : state) benchmark::DoNotOptimize(seed = name_hash(kName, seed));
}
BENCHMARK(name_hash_32_bytes)->Apply(as_often_as_told);

void sip_hash_32_bytes(benchmark::State& state) {
  SipKey key{1, 2};
  for (auto _ : state) benchmark::DoNotOptimize(key.low = sip_hash(kName, key));
}
BENCHMARK(sip_hash_32_bytes)->Apply(as_often_as_told);

void histogram_record(benchmark::State& state) {
  Histogram histogram;
  uint64_t value = 1;
  for (auto _ : state) {
    value = value * 6364136223846793005ull + 1442695040888963407ull;
    histogram.record(value >> 44);
  }
  benchmark::DoNotOptimize(histogram.max());
}
BENCHMARK(histogram_record)->Apply(as_often_as_told);

void histogram_percentile(benchmark::State& state) {
  Histogram histogram;
  for (uint64_t i = 0; i < 100'000; ++i) histogram.record(i * 37);
  for (auto _ : state) benchmark::DoNotOptimize(histogram.percentile(99.9));
}
BENCHMARK(histogram_percentile)->Apply(as_often_as_told);

// Of each change: by the batch in which they go out.
void request_ids(benchmark::State& state) {
  std::vector<RequestId> ids(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    if (!draw_request_ids(ids)) state.SkipWithError("no random bits");
    benchmark::DoNotOptimize(ids.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(request_ids)->Arg(1)->Arg(8)->Arg(64)->Apply(as_often_as_told);

paxos::ClientRequest write_request(const std::string& value) {
  paxos::ClientRequest request;
  request.operation = paxos::Operation::kWrite;
  request.id = request_id(1, 2);
  request.timeout_ms = 1000;
  request.name = kName;
  request.value = value;
  return request;
}

void request_encode(benchmark::State& state) {
  std::string value(static_cast<size_t>(state.range(0)), 'v');
  paxos::ClientRequest request = write_request(value);
  std::vector<char> out;
  for (auto _ : state) {
    out.clear();
    net::encode_request(1, request, out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(request_encode)->Arg(64)->Arg(4096)->Apply(as_often_as_told);

void request_decode(benchmark::State& state) {
  std::string value(static_cast<size_t>(state.range(0)), 'v');
  std::vector<char> out;
  net::encode_request(1, write_request(value), out);
  for (auto _ : state) {
    std::string_view bytes(out.data(), out.size());
    net::Frame frame{};
    if (!net::take_frame(bytes, frame).value_or(false)) state.SkipWithError("no frame");
    auto request = net::decode_request(frame.body);
    if (!request) state.SkipWithError("no request");
    benchmark::DoNotOptimize(request);
  }
}
BENCHMARK(request_decode)->Arg(64)->Arg(4096)->Apply(as_often_as_told);

void reply_round(benchmark::State& state) {
  paxos::ClientReply reply;
  reply.status = paxos::Status::kDone;
  reply.state.version = 1;
  reply.state.sealed = true;
  reply.state.writer = request_id(1, 2);
  std::vector<char> out;
  for (auto _ : state) {
    out.clear();
    net::encode_reply(1, reply, out);
    std::string_view bytes(out.data(), out.size());
    net::Frame frame{};
    if (!net::take_frame(bytes, frame).value_or(false)) state.SkipWithError("no frame");
    auto decoded = net::decode_reply(frame.body);
    if (!decoded) state.SkipWithError("no reply");
    benchmark::DoNotOptimize(decoded);
  }
}
BENCHMARK(reply_round)->Apply(as_often_as_told);

paxos::Message accept_message(const std::string& value) {
  paxos::Accept accept;
  accept.op = 1;
  accept.ballot = {Round{0}, NodeId{1}, Incarnation{1}};
  accept.state = {1, true, request_id(1, 2), value};
  accept.name = kName;
  return accept;
}

void accept_encode(benchmark::State& state) {
  std::string value(static_cast<size_t>(state.range(0)), 'v');
  paxos::Message message = accept_message(value);
  std::vector<char> out;
  for (auto _ : state) {
    out.clear();
    net::encode_message(message, out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(accept_encode)->Arg(64)->Arg(4096)->Apply(as_often_as_told);

void accept_decode(benchmark::State& state) {
  std::string value(static_cast<size_t>(state.range(0)), 'v');
  std::vector<char> out;
  net::encode_message(accept_message(value), out);
  for (auto _ : state) {
    std::string_view bytes(out.data(), out.size());
    auto message = net::take_message(bytes);
    if (!message) state.SkipWithError("no message");
    benchmark::DoNotOptimize(message);
  }
}
BENCHMARK(accept_decode)->Arg(64)->Arg(4096)->Apply(as_often_as_told);

void record_encode(benchmark::State& state) {
  std::string value(static_cast<size_t>(state.range(0)), 'v');
  paxos::AcceptRecord accept;
  accept.ballot = {Round{0}, NodeId{1}, Incarnation{1}};
  accept.sequence = paxos::Sequence{1};
  accept.state = {1, true, request_id(1, 2), value};
  accept.name = kName;
  paxos::Record record = accept;
  std::vector<char> out;
  for (auto _ : state) {
    out.clear();
    paxos::encode_record(record, out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(record_encode)->Arg(64)->Arg(4096)->Apply(as_often_as_told);

void log_block_seal(benchmark::State& state) {
  std::vector<char> block(kBlockBytes, 'p');
  wal::BlockHeader header = wal::header_for({}, 0);
  for (auto _ : state) {
    ++header.sequence;
    wal::seal_block(block.data(), header);
    benchmark::DoNotOptimize(block.data());
  }
}
BENCHMARK(log_block_seal)->Apply(as_often_as_told);

paxos::ReplicaOptions options_of(std::vector<NodeId> members) {
  paxos::ReplicaOptions options;
  options.self = {members[0], CoreId{0}};
  options.members = std::move(members);
  options.hash_seed = 7;
  options.shard_count = kShardCount;
  return options;
}

// Returns how many records are made and durable.
uint64_t start(paxos::Replica& core, paxos::Output& out) {
  out.clear();
  core.start(Incarnation{1}, 1, out);
  const uint64_t records = out.record_ends.size();
  core.on_durable(RecordNumber{records}, 1, out);
  return records;
}

std::vector<std::string> names_at_home(uint32_t home, uint32_t members, size_t count) {
  std::vector<std::string> names;
  std::string name = kName;
  for (uint64_t n = 0; names.size() < count; ++n) {
    store(name.data(), n);
    if (home_slot_of(name_hash(name, 7), members).value == home) names.push_back(name);
  }
  return names;
}

// The whole way of a write through the core of a cluster of one: request, record, durable, reply.
// Batches of the given size; a new core now and then, so that the table's size stays the same.
void core_write(benchmark::State& state) {
  constexpr uint64_t kNamesPerCore = 1 << 16;
  const size_t batch = static_cast<size_t>(state.range(0));
  const paxos::ReplicaOptions options = options_of({NodeId{1}});
  std::unique_ptr<paxos::Replica> core;
  paxos::Output out;
  std::vector<std::string> names(batch, kName);
  std::vector<paxos::Event> events(batch);
  const std::string value(64, 'v');
  uint64_t records = 0, made = kNamesPerCore, replies = 0;
  for (auto _ : state) {
    if (made + batch > kNamesPerCore) {
      state.PauseTiming();
      core = paxos::Replica::make(options);
      records = start(*core, out);
      made = 0;
      state.ResumeTiming();
    }
    for (size_t i = 0; i < batch; ++i) {
      store(names[i].data(), ++made);
      paxos::ClientRequest request = write_request(value);
      request.token = made;
      request.id = request_id(1, made);
      request.name = names[i];
      events[i].body = request;
    }
    out.clear();
    core->step(events.data(), batch, 2, out);
    records += out.record_ends.size();
    out.clear();
    core->on_durable(RecordNumber{records}, 2, out);
    replies += out.replies.size();
  }
  state.SetItemsProcessed(static_cast<int64_t>(replies));
  if (replies != static_cast<uint64_t>(state.iterations()) * batch) state.SkipWithError("no reply");
}
BENCHMARK(core_write)->Arg(1)->Arg(64)->Apply(as_often_as_told);

// The other side of a write: an acceptor takes round-0 accepts of new names, by batches of the
// given size, and acknowledges them by range. A new core now and then, as above.
void core_accept(benchmark::State& state) {
  constexpr uint64_t kNamesPerCore = 1 << 14;  // the home's window
  const size_t batch = static_cast<size_t>(state.range(0));
  paxos::ReplicaOptions options = options_of({NodeId{1}, NodeId{2}});
  options.self = {NodeId{2}, CoreId{0}};
  std::unique_ptr<paxos::Replica> core;
  paxos::Output out;
  const std::vector<std::string> names = names_at_home(0, 2, kNamesPerCore);
  std::vector<paxos::Event> events(batch);
  const std::string value(64, 'v');
  uint64_t records = 0, made = kNamesPerCore, acknowledged = 0;
  for (auto _ : state) {
    if (made + batch > kNamesPerCore) {
      state.PauseTiming();
      core = paxos::Replica::make(options);
      records = start(*core, out);
      const paxos::Event up{{NodeId{1}, CoreId{0}}, paxos::LinkUp{1}};
      core->step(&up, 1, 1, out);
      made = 0;
      state.ResumeTiming();
    }
    for (size_t i = 0; i < batch; ++i) {
      paxos::Accept accept;
      accept.name = names[made];
      accept.op = ++made;
      accept.ballot = {Round{0}, NodeId{1}, Incarnation{1}};
      accept.state = {1, true, request_id(1, made), value};
      events[i] = {{NodeId{1}, CoreId{0}}, accept};
    }
    out.clear();
    core->step(events.data(), batch, 2, out);
    records += out.record_ends.size();
    acknowledged += std::get<paxos::AcceptedRange>(out.messages.at(0).message).last.value == made;
    out.clear();
    core->on_durable(RecordNumber{records}, 2, out);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(batch));
  if (acknowledged != static_cast<uint64_t>(state.iterations())) state.SkipWithError("no accept");
}
BENCHMARK(core_accept)->Arg(1)->Arg(64)->Apply(as_often_as_told);

}  // namespace
}  // namespace once

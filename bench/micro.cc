// Micro-benchmarks of what every operation passes through: hash, codecs, histogram.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "base/hash.h"
#include "base/histogram.h"
#include "net/client_codec.h"
#include "net/peer_codec.h"

namespace once {
namespace {

const std::string kName(32, 'n');

void name_hash_32_bytes(benchmark::State& state) {
  uint64_t seed = 7;
  for (auto _ : state) benchmark::DoNotOptimize(seed = name_hash(kName, seed));
}
BENCHMARK(name_hash_32_bytes);

void histogram_record(benchmark::State& state) {
  Histogram histogram;
  uint64_t value = 1;
  for (auto _ : state) {
    value = value * 6364136223846793005ull + 1442695040888963407ull;
    histogram.record(value >> 44);
  }
  benchmark::DoNotOptimize(histogram.max());
}
BENCHMARK(histogram_record);

void histogram_percentile(benchmark::State& state) {
  Histogram histogram;
  for (uint64_t i = 0; i < 100'000; ++i) histogram.record(i * 37);
  for (auto _ : state) benchmark::DoNotOptimize(histogram.percentile(99.9));
}
BENCHMARK(histogram_percentile);

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
BENCHMARK(request_encode)->Arg(64)->Arg(4096);

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
BENCHMARK(request_decode)->Arg(64)->Arg(4096);

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
BENCHMARK(reply_round);

paxos::Message accept_message(const std::string& value) {
  paxos::Accept accept;
  accept.op = 1;
  accept.ballot = {0, NodeId{1}, 1};
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
BENCHMARK(accept_encode)->Arg(64)->Arg(4096);

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
BENCHMARK(accept_decode)->Arg(64)->Arg(4096);

}  // namespace
}  // namespace once

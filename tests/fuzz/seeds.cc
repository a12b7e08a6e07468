// Writes the named seeds of the corpora, made by the encoders of the product:
//   fuzz_seeds tests/fuzz/corpus
// Run it again after a format has changed. What the fuzzer found beside them stays as it is.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/bytes.h"
#include "net/client_codec.h"
#include "net/peer_codec.h"
#include "net/peer_frame.h"
#include "paxos/record.h"
#include "tests/fuzz/input.h"
#include "tests/unit/net/some_explanation.h"

namespace once::fuzz {
namespace {

using namespace paxos;

struct Corpus {
  std::filesystem::path directory;

  void add(const std::string& name, const std::string& bytes) const {
    std::filesystem::create_directories(directory);
    std::ofstream file(directory / (name + ".bin"), std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    ONCE_ASSERT(file.good());
  }
};

template <class Encode>
std::string made(Encode encode) {
  const std::vector<char> out = encoded(encode);
  return {out.begin(), out.end()};
}

const Ballot kRoundZero{Round{0}, NodeId{1}, Incarnation{1}};
const Ballot kRoundOne{Round{1}, NodeId{2}, Incarnation{3}};
const State kState{1, true, request_id(3, 4), "value"};

const std::pair<const char*, Message> kMessages[] = {
    {"prepare", Prepare{1, kRoundOne, "name"}},
    {"promise-empty", Promise{1, kRoundOne, {}, {}}},
    {"promise-accepted", Promise{1, kRoundOne, kRoundZero, kState}},
    {"accept", Accept{1, kRoundZero, kState, "name"}},
    {"accepted", Accepted{1, kRoundOne, 1}},
    {"accepted-range", AcceptedRange{Incarnation{1}, Sequence{1}, Sequence{9}}},
    {"rejected", Rejected{1, kRoundZero, kRoundOne}},
    {"read-state", ReadState{1, "name"}},
    {"read-reply", ReadReply{1, true, kRoundOne, kState}},
    {"home-progress", HomeProgress{Incarnation{1}, Sequence{5}}},
    {"chosen-range", ChosenRange{Incarnation{1}, Sequence{1}, Sequence{5}}},
    {"decided", Decided{kRoundOne, 1, "name"}},
    {"claim-home", ClaimHome{Incarnation{2}, 1, 0}},
    {"claim-reply", ClaimReply{Incarnation{2}, 1, 0, 2, true, std::string_view("\1\0a\2\0bc", 7)}},
    {"settle-query", SettleQuery{kRoundOne, kRoundZero, "name"}},
    {"settled", Settled{kRoundOne, kRoundZero, "name"}},
    {"sync-compare", SyncCompare{1, 0, 16}},
    {"sync-digest", SyncDigest{1, 0, 1, std::string_view("\1\0\0\0\7\0\0\0\0\0\0\0", 12)}},
    {"sync-names", SyncNames{1, 0, 9, std::string_view("\377\1", 2)}},
    {"sync-page",
     SyncPage{1, 0, 1, 1,
              std::string_view("\1\0a\1\0\0\0\0\0\0\0\1\0\0\0\2\0\3\0\0\0\5\0\0\0", 25)}},
    {"sync-fetch", SyncFetch{1, "name"}},
    {"sync-state", SyncState{1, true, kRoundOne, kState, "name"}},
};

constexpr std::pair<const char*, Operation> kOperations[] = {
    {"write", Operation::kWrite}, {"read", Operation::kRead}, {"set", Operation::kSet},
    {"cas", Operation::kCas},     {"seal", Operation::kSeal}, {"next", Operation::kNext},
    {"check", Operation::kCheck}, {"wait", Operation::kWait},
};
static_assert(std::size(kOperations) == static_cast<size_t>(kLastOperation));

constexpr std::pair<const char*, Status> kStatuses[] = {
    {"done", Status::kDone},
    {"empty", Status::kEmpty},
    {"already-set", Status::kAlreadySet},
    {"unknown", Status::kUnknown},
    {"unavailable", Status::kUnavailable},
    {"overloaded", Status::kOverloaded},
    {"invalid", Status::kInvalid},
    {"conflict", Status::kConflict},
    {"sealed", Status::kSealed},
    {"id-reused", Status::kIdReused},
    {"not-yet", Status::kNotYet},
    {"retired", Status::kRetired},
    {"denied", Status::kDenied},
};
static_assert(std::size(kStatuses) == static_cast<size_t>(kLastStatus) + 1);

// A state where one comes with the answer.
State state_of(Status status) {
  const bool has_none = status == Status::kEmpty || status >= Status::kNotYet ||
                        (status >= Status::kUnknown && status <= Status::kInvalid);
  if (has_none) return State{};
  return State{7, status == Status::kSealed || status == Status::kAlreadySet, request_id(3, 4),
               "value"};
}

void write_client_frames(const Corpus& corpus) {
  const auto request_for = [](Operation operation) {
    ClientRequest request{0, operation, request_id(1, 2), 500, "name", ""};
    if (takes_value(operation)) request.value = "value";
    if (takes_version(operation)) request.version = 6;
    return made([&](auto& out) { net::encode_request(7, request, out); });
  };
  const auto reply_with = [](Status status) {
    return made([&](auto& out) { net::encode_reply(7, {0, status, state_of(status)}, out); });
  };
  const auto request = request_for(Operation::kWrite), read = request_for(Operation::kRead);
  const auto reply = reply_with(Status::kAlreadySet);
  const auto status = made([](auto& out) { net::encode_status_request(9, out); });
  const auto report = made([](auto& out) {
    net::encode_status_reply(9, {NodeId{1}, 77, {{"names", 3}, {"refused", 1}}}, out);
  });
  const auto failure = made([](auto& out) { net::encode_error(7, "overloaded", out); });
  const auto explain = made([](auto& out) { net::encode_explain_request(6, {"door"}, out); });
  const auto explained =
      made([](auto& out) { net::encode_explain_reply(6, net::some_explanation(), out); });
  const std::string whole("\0", 1), by_three("\1\2", 2), uneven("\3\0\11\40", 4);
  std::string every_request;
  for (const auto& [name, operation] : kOperations) {
    corpus.add(std::string("request-") + name, whole + request_for(operation));
    every_request += request_for(operation);
  }
  for (const auto& [name, status] : kStatuses) {
    corpus.add(std::string("reply-") + name, whole + reply_with(status));
  }
  corpus.add("every-request-in-uneven-parts", uneven + every_request);
  corpus.add("status-request", whole + status);
  corpus.add("status-reply", whole + report);
  corpus.add("explain-request", whole + explain);
  corpus.add("explain-reply", whole + explained);
  corpus.add("error", whole + failure);
  corpus.add("pipelined-in-threes", by_three + request + read + status);
  corpus.add("answers-in-uneven-parts", uneven + reply + report + failure);
  corpus.add("cut-off-in-the-body", whole + request.substr(0, request.size() - 3));
  corpus.add("too-long", whole + std::string("\0\0\3\0\3\0\0\0", 8));
}

void write_peer_frames(const Corpus& corpus) {
  const std::string whole("\0", 1);
  std::string all;
  const auto add = [&](const std::string& name, const Message& message) {
    const auto bytes = made([&](auto& out) { net::encode_message(message, out); });
    corpus.add(name, whole + bytes);
    all += bytes;
  };
  for (const auto& [name, message] : kMessages) add(name, message);
  for (const auto& [name, operation] : kOperations) {
    Forward m{1, Incarnation{2}, 3, operation, request_id(3, 4), 500, "name", ""};
    if (takes_value(operation)) m.value = "value";
    if (takes_version(operation)) m.version = 6;
    add(std::string("forward-") + name, m);
  }
  for (const auto& [name, status] : kStatuses) {
    add(std::string("forward-reply-") + name, ForwardReply{1, status, state_of(status)});
  }
  corpus.add("every-message", whole + all);
  corpus.add("envelope-in-fragments", std::string("\3\0\11\40", 4) + made([&](auto& out) {
                                        out.resize(net::kPeerHeaderBytes);
                                        out.insert(out.end(), all.begin(), all.end());
                                        net::seal_peer_frame(out, 0);
                                      }));
}

void write_hellos(const Corpus& corpus) {
  net::ServerHello server;
  server.cluster = ClusterId{{1, 2}};
  server.shard_count = 64;
  server.node = NodeId{1};
  server.members = {{NodeId{1}, 2, "127.0.0.1:7401"}, {NodeId{2}, 1, ""}};
  net::PeerHello peer;
  peer.cluster = server.cluster;
  peer.disk = DiskId{{3, 4}};
  peer.node = NodeId{1};
  peer.target_node = NodeId{2};
  peer.members = {2, 1};
  peer.shard_count = kShardCount;
  peer.incarnation = Incarnation{5};
  peer.client_address = "127.0.0.1:7401";
  net::PeerHello voter = peer;
  voter.votes = voter.link = true;
  voter.known.set(NodeId{2}, DiskId{{5, 6}});
  const auto votes = made([&](auto& out) { net::encode_peer_hello(voter, out); });
  const auto body = [](const std::string& frame) { return frame.substr(net::kFrameHeaderBytes); };
  const auto greeting = made([&](auto& out) { net::encode_peer_hello(peer, out); });
  const auto refusal = made([](auto& out) { net::encode_peer_refusal("no\nmember", out); });
  corpus.add("client",
             '\0' + body(made([](auto& out) {
               net::encode_client_hello({net::kProtocolVersion, ClusterId{{1, 2}}, 3}, out);
             })));
  corpus.add("server",
             '\1' + body(made([&](auto& out) { net::encode_server_hello(server, out); })));
  corpus.add("peer", '\2' + greeting.substr(net::kPeerHeaderBytes + 8));
  corpus.add("peer-that-votes", '\2' + votes.substr(net::kPeerHeaderBytes + 8));
  corpus.add("refusal", '\2' + refusal.substr(net::kPeerHeaderBytes + 8));
  corpus.add("peer-frame", '\3' + greeting);
}

// See http_door_fuzz.cc: two fragment sizes, four answers, the stream.
void write_http(const Corpus& corpus) {
  const std::string before("\2\5\200\4\1\0\2\7", 8);
  std::string all;
  const auto add = [&](const char* name, const std::string& line, const std::string& fields = {},
                       const std::string& body = {}) {
    const std::string bytes = line + " HTTP/1.1\r\nHost: localhost\r\n" + fields +
                              "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    corpus.add(name, before + bytes);
    all += bytes;
  };
  add("write", "PUT /v1/names/a", "If-None-Match: *\r\nIdempotency-Key: \"k\"\r\n", "value");
  add("cas", "PUT /v1/names/a%2Fb", "If-Match: \"3\"\r\n", "value");
  add("set-with-expect", "PUT /v1/names/a", "Expect: 100-continue\r\n", "value");
  add("read", "GET /v1/names/%00%ff", "Accept: application/json\r\n");
  add("read-if-newer", "GET http://localhost:1/v1/names/a", "If-None-Match: \"1\", W/\"2\"\r\n");
  add("head", "HEAD /v1/names/a");
  add("wait", "GET /v1/names/a", "Prefer: wait=5\r\nIf-None-Match: \"1\"\r\n");
  add("next", "POST /v1/names/a/next");
  add("seal", "POST /v1/names/a/seal?version=1");
  add("check", "POST /v1/names/a/check", "If-Match: \"1\"\r\n");
  add("options", "OPTIONS *", "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n");
  add("metrics", "GET /metrics");
  add("not-ready", "GET /readyz?verbose");
  add("nowhere", "DELETE /v1/names/a/b");
  add("last", "GET /version", "Connection: close\r\n");
  corpus.add("every-request-in-parts", before + all);
  corpus.add("old",
             before + "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n");
  corpus.add("two-lengths", before +
                                "PUT /v1/names/a HTTP/1.1\r\nHost: localhost\r\n"
                                "Content-Length: 1\r\nContent-Length: 1\r\n\r\nv");
  corpus.add("chunks", before +
                           "PUT /v1/names/a HTTP/1.1\r\nHost: localhost\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n1\r\nv\r\n0\r\n\r\n");
  corpus.add("http-2", before + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
}

void write_records(const Corpus& corpus) {
  const Endpoint home{NodeId{2}, CoreId{0}};
  const std::pair<const char*, Record> records[] = {
      {"incarnation", IncarnationRecord{Incarnation{3}}},
      {"promise", PromiseRecord{kRoundOne, "a"}},
      {"accept-round-zero",
       AcceptRecord{{Round{0}, NodeId{2}, Incarnation{1}}, CoreId{0}, Sequence{1}, kState, "a"}},
      {"accept-classic", AcceptRecord{kRoundOne, CoreId{0}, Sequence{0}, kState, "b"}},
      {"range-promise", RangePromiseRecord{NodeId{2}, Incarnation{4}}},
      {"chosen-range", ChosenRangeRecord{home, Incarnation{1}, Sequence{1}, Sequence{5}}},
      {"home-progress", HomeProgressRecord{home, Incarnation{1}, Sequence{5}}},
      {"decided", DecidedRecord{kRoundOne, 1, "b"}},
      {"kept", KeptRecord{kRoundOne, kRoundOne, kState, true, true, "b"}},
  };
  std::string all;
  for (const auto& [name, record] : records) {
    const auto bytes = made([&, &record = record](auto& out) { encode_record(record, out); });
    const std::string piece = std::string{static_cast<char>(bytes.size()), '\0'} + bytes;
    corpus.add(name, piece);
    all += piece;
  }
  corpus.add("every-record", all);
}

void write_command_lines(const Corpus& corpus) {
  const auto line = [&](const char* name, char program, std::initializer_list<const char*> texts) {
    std::string bytes(1, program);
    for (const char* text : texts) bytes.append(text).push_back('\0');
    corpus.add(name, bytes);
  };
  line("onced-format", 0,
       {"format", "--data", "d", "--node", "1", "--cluster", "1=a:1", "--cluster-id", "c0ffee"});
  line("onced-start", 0, {"start", "--data=d", "--listen", "127.0.0.1:7401", "--cores", "2"});
  line("onced-dev", 0, {"dev", "--nodes", "3", "--port", "7400", "--unsafe-buffered-log"});
  line("onced-inspect", 0, {"inspect", "--data", "d", "name"});
  line("onced-version", 0, {"version"});
  line("onced-help", 0, {"start", "--help"});
  line("once-write", 1, {"write", "name", "value", "--request-id", "0af3", "--json"});
  line("once-write-minus", 1, {"--timeout", "100", "write", "--", "name", "-5"});
  line("once-read", 1, {"--endpoints", "127.0.0.1:7401,[::1]:7402", "read", "name"});
  line("once-set", 1, {"set", "name", "value"});
  line("once-cas", 1, {"cas", "name", "7", "value", "--request-id", "0af3"});
  line("once-seal", 1, {"seal", "name", "7"});
  line("once-next", 1, {"--json", "next", "name"});
  line("once-check", 1, {"check", "name", "18446744073709551615"});
  line("once-wait", 1, {"--timeout", "60000", "wait", "name", "7"});
  line("once-run", 1, {"run", "--wait", "5", "name", "--", "sh", "-c", "exit 3"});
  line("once-status", 1, {"status"});
  line("once-status-watch", 1, {"status", "--watch", "2", "--count", "3"});
  line("bench", 2,
       {"--op", "write", "--connections", "3", "--in-flight", "64", "--seconds", "1.5"});
  line("bench-hot-names", 2, {"--names", "hot:5", "--rate", "1e3", "--value-size", "0", "--json"});
  line("bench-floor", 2, {"--floor", "--floor-dir", "/tmp", "--timeout", "9", "--warmup", "0"});
}

// See configuration_fuzz.cc for the numbers.
void write_configurations(const Corpus& corpus) {
  const auto add = [&](const char* name, char which, const std::string& text) {
    corpus.add(name, which + text);
  };
  const std::string identity =
      "format=2\ncluster=c0ffee\ndisk=000000000000000300000000000000aa\nnode=2\nepoch=1\n"
      "hash_seed=00000000000000ff\nshard_count=64\nsegment_bytes=67108864\n"
      "members=4=a:1,2=b:2,3=[::1]:3\n";
  add("members", 0, "1=10.0.0.1:7501,2=host:7502,3=[::1]:7503");
  add("members-by-slot", 0, "4=10.0.0.4:7501,2=host:7502,3=[::1]:7503");
  add("members-listed-twice", 0, "1=a:1,1=b:2");
  add("cluster-id", 1, "0123456789abcdef0123456789ABCDEF");
  add("identity", 2, identity);
  add("identity-of-a-newer-format", 2, "format=3" + identity.substr(8));
  add("identity-of-an-older-format", 2, "format=1" + identity.substr(8));
  add("peers", 3, "1=c0ffee\n3=000000000000000500000000000000bb\n");
  add("streams", 4, "count=3\n");
  add("address", 5, "127.0.0.1:7401");
  add("address-v6", 5, "[::1]:7401");
  add("address-without-host", 5, ":7401");
  add("crash-port-99999", 5, "127.0.0.1:99999");
  add("crash-port-plus-80", 5, "127.0.0.1:+80");
  add("crash-segment-size", 2,
      "format=2\ncluster=1\ndisk=2\nnode=1\nepoch=1\nhash_seed=1\n"
      "shard_count=64\nsegment_bytes=1\nmembers=1=a:1\n");
  add("a-damaged-file", 6, identity + "checksum=00\n");
}

// See schedule_fuzz.cc for what the bytes mean.
void write_schedules(const Corpus& corpus) {
  const auto add = [&](const char* name, std::initializer_list<int> steps) {
    corpus.add(name, std::string(steps.begin(), steps.end()));
  };
  constexpr int kSettle = 14, kDrain = 11, kWrite = 7, kRead = 9, kCrash = 10, kTick = 6;
  constexpr int kSync = 4, kDeliver = 0, kLie = 14, kCut = 12;
  add("a-write-and-reads",
      {0, kSettle, kWrite, 0, 0, 1, 99, kSettle, kRead, 1, 0, 99, kRead, 2, 0, 99, kSettle});
  add("two-writers-of-a-name", {0, kSettle, kWrite, 0, 0, 0, 99, kWrite,   1,        0,
                                1, 99,      kWrite, 2, 0, 2, 99, kDeliver, kDeliver, kSettle});
  add("a-retry-at-another-node",
      {0, kSettle, kWrite, 0, 1, 1, 5, kTick, 9, kWrite, 1, 1, 200, 99, kSettle});
  add("takeover-from-a-dead-home",
      {0, kSettle, kCrash, 0,      kWrite, 1, 0, 0,  99,      kWrite,  1,
       1, 0,       99,     kWrite, 2,      2, 0, 99, kSettle, kSettle, kSettle});
  add("a-home-claims-after-a-crash",
      {0,     kSettle, kWrite, 0, 0,      0, 99,      kWrite, 0, 1, 0, 99, kDeliver,
       kSync, 1,       kCrash, 0, kCrash, 0, kSettle, kWrite, 0, 2, 0, 99, kSettle});
  add("a-cut-link",
      {0, kSettle, kCut, 0, 1, 0, kWrite, 0, 0, 0, 99, kSettle, kCut, 0, 1, 1, kSettle});
  add("one-node", {4, kSettle, kWrite, 0, 0,      0, 99,    kSync, 0, kRead, 0,
                   0, 99,      kCrash, 0, kCrash, 0, kRead, 0,     0, 99});
  add("five-nodes",
      {6, kDrain, kWrite, 3, 0, 0, 99, kWrite, 4, 0, 1, 99, kCrash, 0, kDrain, kRead, 1, 0, 99});
  add("a-forged-promise", {1, kSettle, kCrash, 0, kWrite, 1, 0, 0, 99, kSync, 1, kLie, 1,     2,
                           0, 120,     0,      0, 1,      0, 0, 0, 0,  0,     0, 0,    kSync, 1});
  for (int type = 0; type < static_cast<int>(std::variant_size_v<Message>); ++type) {
    const std::string name = std::string("a-forged-message-of-type-") + std::to_string(type);
    add(name.c_str(), {1, kSettle, kWrite, 0, 0, 0, 99, kLie, 0, 1, 0, 0,   type,   1,
                       0, 0,       1,      0, 0, 1, 0,  1,    0, 1, 1, 'v', kSettle});
  }
}

// See streams_fuzz.cc: a client and node 1 come in and greet, node 3 is dialled and greets.
void write_sessions(const Corpus& corpus) {
  const std::string greeted("\0\2\0\0\1\5\0\0\11\14\0\11\11\13", 14);
  const auto add = [&](const char* name, const char* before, std::initializer_list<int> steps) {
    corpus.add(name, before + greeted + std::string(steps.begin(), steps.end()));
  };
  constexpr int kSecondHello = 2, kRequest = 3, kEnvelope = 6, kRaw = 8, kRound = 9, kTick = 10;
  constexpr int kSync = 11, kDialled = 13, kHangUp = 14, kSet = 15;
  add("a-write-and-a-read", "", {kRequest, 0,        7, 50, 0,  3, 'v', 'a', 'l',    0,     kRound,
                                 kSync,    kRequest, 1, 0,  50, 0, 0,   0,   kRound, kTick, 1});
  add("a-status-request", "", {kRequest, 255, 0, kRound});
  add("byte-by-byte", "\17\0", {kRequest, 0, 7, 50, 0, 0, 0, kRound, kRound, kTick, 200});
  add("a-second-hello", "", {kSecondHello, 0, 0, kRound});
  add("the-disk-is-full", "", {kSet, 2, 1, kTick, 1, kRequest, 0, 7, 50, 0, 0, 0, kRound});
  add("stopping", "", {kSet, 3, kTick, 1, kRequest, 0, 7, 50, 0, 0, 0, kRound});
  add("raw-bytes", "", {kRaw, 4, 0xff, 0xff, 0xff, 0xff, 0, 0, kRound});
  add("a-client-hangs-up", "", {kRequest, 0, 7, 50, 0, 0, 0, kHangUp, 1, 0, 0, kRound, kTick, 1});
  add("node-3-hangs-up", "", {kHangUp, 0, kRound, kTick, 1, kTick, 200});
  add("messages-of-node-3", "", {kDialled, 2, 0, 1, 1, 0, 1, 6, 1, 0, 11, 2, 0, 0, kRound, kSync});
  for (const auto& [name, operation] : kOperations) {
    std::string steps;
    for (const char value : {'v', 'w'}) {
      const char what = static_cast<char>(static_cast<int>(operation) - 1);  // any_operation()
      steps += {kRequest, 0, what, value, 50, 0};
      if (takes_value(operation)) steps += {1, value};
      if (!takes_value(operation)) steps += {0};
      if (takes_version(operation)) steps += {1};
      steps += {kRound, kSync};
    }
    corpus.add(std::string("a-") + name + "-and-another", greeted + steps + "\12\1");
  }
  for (int type = 0; type < static_cast<int>(std::variant_size_v<Message>); ++type) {
    const std::string name = std::string("a-peer-message-of-type-") + std::to_string(type);
    add(name.c_str(), "", {kEnvelope, 0, type, 1, 1, 0, 1, 0, 1, 1, 'v', 1, 1, kRound, kSync});
  }
}

// See log_recovery_fuzz.cc.
void write_logs(const Corpus& corpus) {
  const std::string batches("\6\2\5\11\1\40\203\100\20\3\37\1\4\3\1\1\1\1\12", 18);
  const auto add = [&](const char* name, std::initializer_list<int> edits) {
    corpus.add(name, batches + std::string(edits.begin(), edits.end()));
  };
  add("untouched", {});
  add("a-flipped-bit", {0, 3, 0x40, 5});
  add("a-zeroed-block", {1, 5});
  add("a-torn-block", {2, 8, 3});
  add("a-stale-block", {3, 2, 4});
  add("a-lost-end", {4, 7});
  add("a-cut-file", {5, 0, 0, 16});
  add("a-lost-file", {6, 9});
  add("a-spare-segment", {7});
  add("a-segment-gone", {11, 0});
  // Of segments 1 and 2 one is released: its file is left, gone, or recycled for segment 5.
  const std::pair<const char*, int> kFiles[] = {{"left", 0}, {"gone", 86}, {"recycled", 170}};
  for (const auto& [file, how] : kFiles) {
    for (const int victim : {0, 1}) {
      const std::string name = std::string("segment-") + (victim ? "2-" : "1-") + file;
      const std::initializer_list<int> holes = {6, 2,  5, 9, 31,           4,  3, 7, 31, 1, 2,
                                                3, 30, 8, 4, how + victim, 31, 4, 4, 4,  1, 6};
      const std::string log(holes.begin(), holes.end());
      corpus.add(name, log);
      corpus.add(name + "-and-a-spare", log + '\12');
      corpus.add(name + "-and-the-other-gone", log + '\13' + static_cast<char>(1 - victim));
    }
  }
  for (int field = 0; field < 28; ++field) {
    const std::string name = std::string("another-header-word-") + std::to_string(field);
    add(name.c_str(), {9, 4, field, field % 2, 1, 0, 7});
  }
}

void write_resp_talks(const Corpus& corpus) {
  const auto add = [&](const char* name, const std::string& stream) {
    corpus.add(name, std::string("\x04\x03\x07\x01\x20", 5) + stream);
  };
  add("arrays", "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
  add("inline", "PING\r\n\r\nset \"a\\x00\" 'b'\r\nMGET a b c a\nEXISTS a a\r\nTTL a\r\n");
  add("set", "SET a 1\r\nSET a 1 NX\r\nSET a 1 NX GET\r\nSET a 2 IFEQ old\r\nSET a 1 EX 5\r\n");
  add("turns", "SET a 1\nGET a\nINCR a\nMGET a b a\nSET b 2 IFEQ old\nGET b\nSETNX a 1\nGET a\n");
  add("once",
      "ONCE.WRITE a v ID 12\nONCE.READ a\nONCE.CAS a 1 v\nONCE.SEAL a 2\nONCE.NEXT a\n"
      "ONCE.CHECK a 3\nONCE.WAIT a 1 10\n");
  add("hello", "HELLO 3 SETNAME me\nCLIENT ID\nCLIENT LIST\nGET a\nHELLO 2\nGET a\nRESET\nQUIT\n");
  add("node", "INFO\nCONFIG GET save\nCOMMAND DOCS get\nCOMMAND INFO set x\nCLUSTER INFO\n");
  add("refused", "DEL a\nEVAL x 0\nFOO a b\nGET\nGET _a\nINCRBY a 2\nSELECT 1\nAUTH x\n");
  add("bombs", "*1\r\n$4\r\nPING\r\n*99999\r\n");
  add("broken-bulk", "*2\r\n$3\r\nGET\r\n$1\r\naXX");
}

}  // namespace
}  // namespace once::fuzz

int main(int argc, char** argv) {
  using namespace once::fuzz;
  if (argc != 2) return std::fputs("usage: fuzz_seeds CORPUS-DIRECTORY\n", stderr), 2;
  const std::filesystem::path root = argv[1];
  write_client_frames({root / "client_frames"});
  write_peer_frames({root / "peer_frames"});
  write_hellos({root / "hello"});
  write_http({root / "http_door"});
  write_records({root / "records"});
  write_command_lines({root / "command_line"});
  write_configurations({root / "configuration"});
  write_schedules({root / "schedule"});
  write_sessions({root / "streams"});
  write_logs({root / "log_recovery"});
  write_resp_talks({root / "resp_door"});
  return 0;
}

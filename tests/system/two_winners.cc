// Tries to be told "done" twice of one name, over a real cluster, in the ways in which an identity
// could be shared: an id guessed from one that was read, a client that lived before fork(), id 0,
// an id that is used again. Exit code 0: never; 1: it happened, and how.
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/draw_ids.h"
#include "base/endpoints.h"
#include "base/hex.h"
#include "client/client.h"
#include "client/socket.h"
#include "net/client_channel.h"

namespace once::client {
namespace {

constexpr size_t kBatch = 250;
constexpr int64_t kTimeoutMs = 60'000;

std::atomic<bool> failed{false};

void fail(const std::string& story) {
  failed = true;
  fmt::print(stderr, "two_winners: {}\n", story);
}

Options options_of(const std::vector<std::string>& endpoints) {
  Options options;
  options.endpoints = endpoints;
  options.timeout_ms = kTimeoutMs;
  return options;
}

// Starts `count` operations, and waits for all of their results.
using Start = std::function<void(size_t, Callback)>;
std::vector<Result> all(size_t count, const Start& start) {
  std::vector<Result> results(count);
  std::atomic<size_t> left{count};
  for (size_t i = 0; i < count; ++i) {
    start(i, [&, i](Result&& result) {
      results[i] = std::move(result);
      --left;
    });
  }
  while (left > 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
  return results;
}

class Attack {
 public:
  Attack(std::vector<std::string> endpoints, size_t tries)
      : endpoints_(std::move(endpoints)),
        tries_(tries),
        run_(hex_of(draw_request_id())),
        victim_(options_of(endpoints_)),
        attacker_(options_of(endpoints_)) {}

  void guess();
  void fork_twice();
  void zero();
  void reuse();

 private:
  std::string name(const char* kind, size_t i) const {
    return fmt::format("{}-{}-{}", kind, run_, i);
  }
  static RequestId near(RequestId id, size_t which) {
    constexpr uint64_t kSteps[] = {1, ~uint64_t{0}, 2, 64};
    const uint64_t step = kSteps[which % 4];
    return which % 8 < 4 ? request_id(id.high, id.low + step) : request_id(id.high + step, id.low);
  }
  void race(Client& client, std::atomic<uint8_t>* wins);

  const std::vector<std::string> endpoints_;
  const size_t tries_;
  const std::string run_;
  Client victim_;
  Client attacker_;
};

// The victims ids are shown to everybody. The next one that he draws must not follow from it.
void Attack::guess() {
  std::vector<RequestId> drawn;
  for (size_t at = 0; at < tries_ && !failed; at += kBatch) {
    const auto write = [&](size_t i, Callback done) {
      victim_.write_async(name("guess", at + i), "v", {}, std::move(done));
    };
    for (const Result& one : all(kBatch, write)) {
      if (one.outcome != Outcome::kDone) return fail("a first write is not done: " + one.message);
    }
    const auto read = [&](size_t i, Callback done) {
      attacker_.read_async(name("guess", at + i), {}, std::move(done));
    };
    const std::vector<Result> shown = all(kBatch, read);
    const auto write_again = [&](size_t i, Callback done) {
      // Guessed from its own writer, or from the one before it.
      const RequestId from = shown[i % 2 == 0 || i == 0 ? i : i - 1].writer;
      attacker_.write_async(name("guess", at + i), "v", {.id = near(from, i)}, std::move(done));
    };
    const std::vector<Result> told = all(kBatch, write_again);
    for (size_t i = 0; i < kBatch; ++i) {
      if (told[i].outcome == Outcome::kRefused) continue;
      return fail(fmt::format("{} written by {}; a guess, {}, is told {}", name("guess", at + i),
                              hex_of(shown[i].writer), hex_of(told[i].request_id),
                              outcome_name(told[i].outcome)));
    }
  }
  fmt::print("{} ids guessed from their neighbours: none was right\n", tries_);
}

void Attack::race(Client& client, std::atomic<uint8_t>* wins) {
  for (size_t at = 0; at < tries_ && !failed; at += kBatch) {
    const auto write = [&](size_t i, Callback done) {
      client.write_async(name("fork", at + i), "same", {}, std::move(done));
    };
    const std::vector<Result> told = all(kBatch, write);
    for (size_t i = 0; i < kBatch; ++i) {
      if (told[i].outcome == Outcome::kDone) ++wins[at + i];
      if (told[i].outcome == Outcome::kError) return fail("no operation: " + told[i].message);
    }
  }
}

// Two clients of one origin write the same names and values at once.
void Attack::fork_twice() {
  const size_t size = (tries_ + kBatch) * sizeof(std::atomic<uint8_t>);
  auto* wins = static_cast<std::atomic<uint8_t>*>(
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (wins == MAP_FAILED) return fail("no shared memory");
  (void)victim_.write(name("before-fork", 0), "v");
  const pid_t child = fork();
  if (child == 0) {
    alarm(600);
    const Result used = victim_.write(name("fork", 0), "same");
    if (used.outcome != Outcome::kError) fail("a client works in a child of fork()");
    Client own(options_of(endpoints_));
    race(own, wins);
    _exit(failed ? 1 : 0);
  }
  race(victim_, wins);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) return fail("the child failed");
  for (size_t i = 0; i < tries_ && !failed; ++i) {
    if (wins[i] != 1) fail(fmt::format("{} has {} winners", name("fork", i), wins[i].load()));
  }
  fmt::print("{} names raced for by two processes forked from one: one winner each\n", tries_);
}

// A connection of its own: the library would refuse to send it.
class Raw final : public net::ClientChannelHandler {
 public:
  explicit Raw(const std::string& endpoint) {
    NameResolver names;
    auto socket = connect_until(names, endpoint, now_ns() + int64_t{kTimeoutMs} * 1'000'000);
    if (!socket) {
      fail(socket.error().message);
      return;
    }
    socket_ = std::move(*socket);
    channel_.open(net::ClientHello{}, out_);
    exchange([this] { return channel_.ready(); });
  }
  void on_hello(const net::ServerHello&) override {}
  void on_reply(uint64_t, const paxos::ClientReply& reply) override {
    statuses.push_back(reply.status);
  }
  void ask(paxos::Operation operation, const std::string& name) {
    paxos::ClientRequest request;
    request.operation = operation;
    request.timeout_ms = kTimeoutMs;
    request.name = name;
    if (paxos::takes_value(operation)) request.value = "v";
    net::encode_request(++asked_, request, out_);
  }
  void take() {
    exchange([this] { return statuses.size() == asked_; });
  }
  std::vector<paxos::Status> statuses;

 private:
  void exchange(const std::function<bool()>& over) {
    while (!over() && !failed) {
      pollfd entry{socket_.get(), static_cast<short>(out_.empty() ? POLLIN : POLLOUT), 0};
      if (::poll(&entry, 1, kTimeoutMs) <= 0) return fail("no answer from a raw connection");
      if (!out_.empty()) {
        const ssize_t sent = ::send(socket_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
        if (sent > 0) out_.erase(out_.begin(), out_.begin() + sent);
        continue;
      }
      char chunk[65536];
      const ssize_t got = recv(socket_.get(), chunk, sizeof chunk, 0);
      if (got <= 0) return fail("a raw connection broke");
      const std::string why = channel_.feed({chunk, static_cast<size_t>(got)}, *this);
      if (!why.empty()) return fail(why);
    }
  }

  Descriptor socket_;
  net::ClientChannel channel_;
  std::vector<char> out_;
  size_t asked_ = 0;
};

// Of all operations, through all nodes, to their homes and to others.
void Attack::zero() {
  using Op = paxos::Operation;
  constexpr Op kChanges[] = {Op::kWrite, Op::kSet, Op::kCas, Op::kSeal, Op::kNext};
  size_t asked = 0;
  for (const std::string& endpoint : endpoints_) {
    Raw raw(endpoint);
    const size_t share = tries_ / endpoints_.size() + 1;
    for (size_t i = 0; i < share && !failed; ++i) {
      raw.ask(kChanges[i % 5], name("zero", i / 5));
      if (i % kBatch == 0 || i + 1 == share) raw.take();
    }
    for (const paxos::Status status : raw.statuses) {
      if (status != paxos::Status::kInvalid) return fail("a change with id 0 is not invalid");
    }
    asked += raw.statuses.size();
  }
  const Result read = attacker_.read(name("zero", 0));
  if (read.outcome != Outcome::kEmpty) fail("a change with id 0 has happened");
  fmt::print("{} changes with id 0: each is invalid\n", asked);
}

// One id for two changes of one register: another value, another version, another operation.
void Attack::reuse() {
  for (size_t at = 0; at < tries_ && !failed; at += kBatch) {
    std::vector<RequestId> ids(kBatch);
    if (!draw_request_ids(ids)) return fail(kNoRandomBits);
    const auto first = [&](size_t i, Callback done) {
      const CallOptions options{.id = ids[i]};
      victim_.set_async(name("reuse", at + i), "mine", options, std::move(done));
    };
    for (const Result& one : all(kBatch, first)) {
      if (one.outcome != Outcome::kDone) return fail("a first set is not done: " + one.message);
    }
    const auto second = [&](size_t i, Callback done) {
      const CallOptions options{.id = ids[i]};
      const std::string same = name("reuse", at + i);
      if (i % 3 == 0) return (void)attacker_.set_async(same, "other", options, std::move(done));
      if (i % 3 == 1) return (void)attacker_.next_async(same, options, std::move(done));
      attacker_.cas_async(same, 1, "other", options, std::move(done));
    };
    for (const Result& one : all(kBatch, second)) {
      if (one.outcome == Outcome::kDone) {
        return fail(fmt::format("id {} is done of two changes", hex_of(one.request_id)));
      }
    }
  }
  fmt::print("{} ids used for two changes: the second was never done\n", tries_);
}

int run(int argc, char** argv) {
  if (argc != 3 || std::atoi(argv[2]) < 1) {
    fmt::print(stderr, "usage: two_winners ENDPOINTS TRIES\n");
    return 2;
  }
  const auto each = static_cast<size_t>(std::atoi(argv[2]));
  Attack attack(split_endpoints(argv[1]).value(), (each + kBatch - 1) / kBatch * kBatch);
  for (auto way : {&Attack::guess, &Attack::fork_twice, &Attack::zero, &Attack::reuse}) {
    if (!failed) (attack.*way)();
    std::fflush(stdout);
  }
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace once::client

int main(int argc, char** argv) { return once::client::run(argc, argv); }

// The request ids that leave the client library, as a server on loopback sees them.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <mutex>
#include <set>
#include <thread>

#include "base/draw_ids.h"
#include "client/client.h"
#include "client/lock.h"
#include "tests/unit/client/child_process.h"
#include "tests/unit/client/fake_server.h"

namespace once::client {
namespace client_ids_test {

class ClientIdsTest : public testing::Test {
 protected:
  std::vector<RequestId> seen() {
    std::lock_guard lock(mutex_);
    return seen_;
  }
  // No id tells another one: neither is it near to it, nor do they share a half.
  void expect_unrelated() {
    std::set<uint64_t> halves;
    for (const RequestId& id : seen()) {
      EXPECT_NE(id, RequestId{});
      for (uint64_t half : {id.high, id.low}) {
        const auto near = halves.lower_bound(half - std::min(half, uint64_t{1000}));
        EXPECT_TRUE(near == halves.end() || *near > half + 1000) << std::hex << half;
        halves.insert(half);
      }
    }
  }

  std::mutex mutex_;
  std::vector<RequestId> seen_;
  FakeServer server_{[this](const paxos::ClientRequest& request, FakeServer::Reply& reply) {
    std::lock_guard lock(mutex_);
    seen_.push_back(request.id);
    reply.state = {1, true, request.id, "value"};
    return FakeServer::Act::kReply;
  }};
  Client client_{options_for(server_.address())};
};

TEST_F(ClientIdsTest, EachChangeHasFreshBits) {
  EXPECT_EQ(client_.write("a", "v").outcome, Outcome::kDone);
  client_.set("a", "v");
  client_.cas("a", 0, "v");
  client_.seal("a", 1);
  client_.next("a");
  EXPECT_EQ(seen().size(), 5u);
  expect_unrelated();
}

TEST_F(ClientIdsTest, SoHaveThoseThatGoOutTogether) {
  constexpr size_t kMany = 1000;  // more than are drawn at once
  std::atomic<size_t> right{0};
  for (size_t i = 0; i < kMany; ++i) {
    client_.write_async("a", "v", {}, [&](Result&& result) {
      right += result.outcome == Outcome::kDone && result.writer == result.request_id;
    });
  }
  const int64_t end = time(nullptr) + 20;
  while (right < kMany && time(nullptr) < end) std::this_thread::yield();
  EXPECT_EQ(right, kMany);
  EXPECT_EQ(seen().size(), kMany);
  expect_unrelated();
}

TEST_F(ClientIdsTest, WhatIsAskedForIsDrawnTheSameWay) {
  for (int i = 0; i < 100; ++i) seen_.push_back(client_.new_request_id());
  client_.write("a", "v");
  expect_unrelated();
}

TEST_F(ClientIdsTest, TwoClientsShareNothing) {
  Client other(options_for(server_.address()));
  for (int i = 0; i < 10; ++i) {
    client_.write("a", "v");
    other.write("a", "v");
  }
  EXPECT_EQ(seen().size(), 20u);
  expect_unrelated();
}

TEST_F(ClientIdsTest, WhatChangesNothingHasNone) {
  client_.read("a");
  client_.check("a", 1);
  client_.wait("a", 0);
  EXPECT_EQ(seen(), std::vector<RequestId>(3));
}

TEST_F(ClientIdsTest, ZeroIsNoIdForAChange) {
  const CallOptions zero{.id = RequestId{}};
  EXPECT_EQ(client_.write("a", "v", zero).outcome, Outcome::kInvalid);
  EXPECT_EQ(client_.set("a", "v", zero).outcome, Outcome::kInvalid);
  EXPECT_EQ(client_.cas("a", 0, "v", zero).outcome, Outcome::kInvalid);
  EXPECT_EQ(client_.seal("a", 1, zero).outcome, Outcome::kInvalid);
  const Result next = client_.next("a", zero);
  EXPECT_EQ(next.outcome, Outcome::kInvalid);
  EXPECT_NE(next.message.find("request id is 0"), std::string::npos) << next.message;
  EXPECT_TRUE(seen().empty());
  EXPECT_EQ(client_.read("a", zero).outcome, Outcome::kDone);
  for (const RequestId half : {request_id(0, 1), request_id(1, 0)}) {
    EXPECT_EQ(client_.write("a", "v", {.id = half}).outcome, Outcome::kDone);
    EXPECT_EQ(seen().back(), half);
  }
}

// It can be tried again with the id that is told.
TEST_F(ClientIdsTest, WhatFoundNoRoomHasAnId) {
  Options options = options_for(server_.address());
  options.max_pending = 0;
  Client full(options);
  const Result result = full.write("a", "v");
  EXPECT_EQ(result.outcome, Outcome::kUnavailable);
  EXPECT_NE(result.request_id, RequestId{});
}

// A kernel without getrandom, as a filter of system calls makes one. Never a weak id.
bool forbid_getrandom() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{std::size(filter), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

TEST_F(ClientIdsTest, WithoutRandomBitsNothingIsSent) {
  const std::string address = server_.address();
  EXPECT_EQ(in_child([&] {
              Client before(options_for(address));
              if (before.read("a").outcome != Outcome::kDone) return 2;
              if (!forbid_getrandom()) return kSkipped;
              if (draw_request_id() != RequestId{}) return 3;
              const Result result = before.write("a", "v");
              if (result.outcome != Outcome::kError || result.request_id != RequestId{}) return 4;
              if (result.message.find("random") == std::string::npos) return 5;
              if (before.read("a").outcome != Outcome::kDone) return 6;
              if (before.write("a", "v", {.id = request_id(1, 2)}).outcome != Outcome::kDone)
                return 7;
              Lock lock(before, "l");
              if (lock.acquire().outcome == LockOutcome::kHeld) return 8;
              Client after(options_for(address));
              if (after.write("a", "v").outcome != Outcome::kError) return 9;
              return 0;
            }),
            0);
  for (const RequestId& id : seen()) EXPECT_TRUE(id == RequestId{} || id == request_id(1, 2));
}

}  // namespace client_ids_test
}  // namespace once::client

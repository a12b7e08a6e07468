// A client and a lock that were made before fork(): what the child may do with them, and that the
// parent's are none the worse for it.
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <ctime>
#include <mutex>
#include <optional>
#include <thread>

#include "client/awaitable.h"
#include "client/client.h"
#include "client/fork_mark.h"
#include "client/lock.h"
#include "tests/unit/client/child_process.h"
#include "tests/unit/client/fake_server.h"
#include "tests/unit/client/test_register.h"

#ifdef __SANITIZE_ADDRESS__
// A child has the memory of all threads and not the threads, which is no leak.
static const pid_t tests_process = getpid();
extern "C" int __lsan_is_turned_off() { return getpid() != tests_process; }
#endif

namespace once::client {
namespace fork_test {

struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::abort(); }
  };
};

Detached ask(Client& client, Outcome& outcome) {
  outcome = (co_await async(client).write("a", "v")).outcome;
}

bool refused(const Result& result) {
  return result.outcome == Outcome::kError && result.message.find("fork") != std::string::npos;
}

class ForkTest : public testing::Test {
 protected:
  FakeServer::Act answer(const paxos::ClientRequest& request, FakeServer::Reply& reply) {
    if (request.name == "drop") return FakeServer::Act::kDrop;
    if (request.name == "silent") return FakeServer::Act::kSilence;
    std::lock_guard lock(mutex_);
    if (request.name == "l") {
      static_cast<paxos::ClientReply&>(reply) = register_.answer(request);
      reply.told = std::string(reply.state.value);
      reply.state.value = {};
      return FakeServer::Act::kReply;
    }
    ++asked_;
    reply.state = {1, true, request.id, "value"};
    return FakeServer::Act::kReply;
  }
  size_t asked() {
    std::lock_guard lock(mutex_);
    return asked_;
  }
  static void wait_for(const std::function<bool()>& holds) {
    const int64_t end = time(nullptr) + 20;
    while (!holds() && time(nullptr) < end) (void)poll(nullptr, 0, 1);
    EXPECT_TRUE(holds());
  }

  std::mutex mutex_;
  TestRegister register_;
  size_t asked_ = 0;
  FakeServer server_{[this](const paxos::ClientRequest& request, FakeServer::Reply& reply) {
    return answer(request, reply);
  }};
  std::optional<Client> client_{options_for(server_.address())};
};

TEST_F(ForkTest, AMarkTellsTheChildAndItsChild) {
  const ForkMark mark;
  EXPECT_FALSE(mark.in_child());
  EXPECT_EQ(in_child([&] {
              if (!mark.in_child()) return 1;
              const ForkMark own;
              if (own.in_child()) return 2;
              return in_child([&] { return own.in_child() && mark.in_child() ? 0 : 3; });
            }),
            0);
  EXPECT_FALSE(mark.in_child());
}

TEST_F(ForkTest, NoOperationWorksInTheChildAndNoneHangs) {
  ASSERT_EQ(client_->write("a", "v").outcome, Outcome::kDone);
  const size_t before = asked();
  EXPECT_EQ(in_child([&] {
              if (!refused(client_->write("a", "v"))) return 1;
              if (!refused(client_->write("a", "v", {.id = request_id(1, 2)}))) return 2;
              if (!refused(client_->read("a"))) return 3;
              if (!refused(client_->set("a", "v"))) return 4;
              if (!refused(client_->cas("a", 0, "v"))) return 5;
              if (!refused(client_->seal("a", 1))) return 6;
              if (!refused(client_->next("a"))) return 7;
              if (!refused(client_->check("a", 1))) return 8;
              if (!refused(client_->wait("a", 0))) return 9;
              if (client_->status(server_.address()).reachable) return 10;
              return 0;
            }),
            0);
  EXPECT_EQ(asked(), before);
}

TEST_F(ForkTest, CallbacksAndCoroutinesAreToldInTheChild) {
  const OperationId waiting = client_->wait_async("silent", 0, {}, [](Result&&) {});
  EXPECT_EQ(in_child([&] {
              int told = 0;
              const auto count = [&](Result&& result) { told += refused(result); };
              client_->write_async("a", "v", {}, count);
              client_->wait_async("silent", 0, {}, count);
              client_->cancel(client_->next_async("a", {}, count));
              client_->cancel(waiting);
              Outcome outcome = Outcome::kDone;
              ask(*client_, outcome);
              return told == 3 && outcome == Outcome::kError ? 0 : 1;
            }),
            0);
}

TEST_F(ForkTest, TheChildsIdsAreItsOwn) {
  const RequestId parents = client_->new_request_id();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(in_child([&] {
              Client own(options_for(server_.address()));
              const RequestId ids[] = {client_->new_request_id(), own.write("a", "v").request_id};
              return write(ends[1], ids, sizeof ids) == sizeof ids ? 0 : 1;
            }),
            0);
  // Of whatever was kept at the fork, both would take the same now.
  RequestId ids[] = {
      {}, {}, parents, client_->new_request_id(), client_->write("a", "v").request_id};
  ASSERT_EQ(read(ends[0], ids, 2 * sizeof ids[0]), static_cast<ssize_t>(2 * sizeof ids[0]));
  close(ends[0]);
  close(ends[1]);
  for (size_t i = 0; i < std::size(ids); ++i) {
    EXPECT_NE(ids[i], RequestId{});
    for (size_t j = 0; j < i; ++j) {
      EXPECT_NE(ids[i].high, ids[j].high);
      EXPECT_NE(ids[i].low, ids[j].low);
    }
  }
}

// Whatever the other threads hold at the moment of the fork.
TEST_F(ForkTest, ManyForksUnderLoad) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      while (!stop) client_->read_async("a", {}, [](Result&&) {});
    });
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(in_child([&] {
                if (!refused(client_->write("a", "v"))) return 1;
                client_.reset();
                return 0;
              }),
              0);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  // Until there is room behind what the threads have begun.
  wait_for([&] { return client_->write("a", "v").outcome == Outcome::kDone; });
}

TEST_F(ForkTest, TheChildsDestructorLeavesTheParentsConnectionAlone) {
  ASSERT_EQ(client_->write("a", "v").outcome, Outcome::kDone);
  const size_t connections = server_.connections();
  EXPECT_EQ(in_child([&] {
              client_.reset();
              return 0;
            }),
            0);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(client_->write("a", "v").outcome, Outcome::kDone);
  EXPECT_EQ(server_.connections(), connections) << "it had to connect again";
  EXPECT_EQ(server_.ended(), 0u);
}

// The child that holds copies of the sockets lives on.
class ChildThatStays {
 public:
  ChildThatStays() {
    EXPECT_EQ(pipe(ends_), 0);
    child_ = start_child([this] {
      close(ends_[1]);
      char byte;
      return static_cast<int>(read(ends_[0], &byte, 1));
    });
  }
  ~ChildThatStays() {
    close(ends_[1]);
    EXPECT_EQ(end_of(child_), 0);
    close(ends_[0]);
  }

 private:
  int ends_[2];
  pid_t child_;
};

TEST_F(ForkTest, AConnectionEndsWithItsClientWhoeverHoldsACopy) {
  ASSERT_EQ(client_->write("a", "v").outcome, Outcome::kDone);
  ChildThatStays child;
  client_.reset();
  wait_for([&] { return server_.ended() == server_.connections(); });
}

TEST_F(ForkTest, AConnectionThatEndedIsNotReportedForEver) {
  ASSERT_EQ(client_->write("a", "v").outcome, Outcome::kDone);
  ChildThatStays child;
  EXPECT_EQ(client_->read("drop", {.timeout_ms = 100}).outcome, Outcome::kUnavailable);
  const clock_t before = clock();
  (void)poll(nullptr, 0, 500);
  EXPECT_LT(clock() - before, CLOCKS_PER_SEC / 5) << "its thread runs in circles";
  EXPECT_EQ(client_->write("a", "v").outcome, Outcome::kDone);
}

// What comes in after the fork belongs to the parent, although the child runs the same code.
TEST_F(ForkTest, ForkInACallback) {
  constexpr int kMany = 300;
  std::atomic<int> done{0};
  std::atomic<pid_t> child{0};
  const pid_t parent = getpid();
  for (int i = 0; i < kMany; ++i) {
    client_->read_async("a", {}, [&, i](Result&& result) {
      if (getpid() != parent) _exit(9);  // another answer was told to the child
      done += result.outcome == Outcome::kDone;
      if (i == kMany / 3) {
        const pid_t forked = fork();
        if (forked != 0) child = forked;
      }
    });
  }
  wait_for([&] { return done == kMany; });
  ASSERT_GT(child, 0);
  EXPECT_EQ(end_of(child), 0) << "the client's thread ends in the child, and with it the child";
  EXPECT_EQ(client_->write("a", "v").outcome, Outcome::kDone);
}

TEST_F(ForkTest, ALockIsItsParents) {
  std::optional<Lock> lock;
  lock.emplace(*client_, "l", LockOptions{.ttl_ms = 60'000, .owner = "parent"});
  ASSERT_EQ(lock->acquire().outcome, LockOutcome::kHeld);
  const uint64_t token = lock->token();
  EXPECT_EQ(in_child([&] {
              if (lock->holds() || lock->remaining_ms() != 0) return 1;
              if (lock->token() != token) return 2;
              const LockResult again = lock->acquire();
              if (again.outcome != LockOutcome::kError) return 3;
              if (again.message.find("fork") == std::string::npos) return 4;
              if (lock->release().outcome != LockOutcome::kError) return 5;
              lock->cancel();
              Lock other(*client_, "l");  // of a client that does not work here
              if (other.acquire().outcome != LockOutcome::kError) return 6;
              Client own(options_for(server_.address()));
              Lock contender(own, "l", {.owner = "child"});
              const LockResult busy = contender.acquire();
              if (busy.outcome != LockOutcome::kBusy || busy.owner != "parent") return 7;
              lock.reset();
              client_.reset();
              return 0;
            }),
            0);
  EXPECT_TRUE(lock->holds());
  EXPECT_EQ(lock->token(), token);
  EXPECT_EQ(lock->release().outcome, LockOutcome::kReleased);
}

// Destroyed with a thread that is not there.
TEST_F(ForkTest, ALockThatContendsIsLeftBehind) {
  Lock holder(*client_, "l", {.ttl_ms = 60'000});
  ASSERT_EQ(holder.acquire().outcome, LockOutcome::kHeld);
  std::optional<Lock> contender;
  contender.emplace(*client_, "l");
  std::thread waits([&] { (void)contender->acquire(60'000); });
  (void)poll(nullptr, 0, 100);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(in_child([&] {
                contender->cancel();
                contender.reset();
                return 0;
              }),
              0);
  }
  contender->cancel();
  waits.join();
}

}  // namespace fork_test
}  // namespace once::client

// Io over each backend, on loopback. Each loop is stopped by a watchdog timer.
#include <netinet/tcp.h>

#include "tests/unit/reactor/reactor_fixture.h"

namespace once::reactor {
namespace reactor_test {

struct Reactor : BothBackends {};
INSTANTIATE_TEST_SUITE_P(Io, Reactor, testing::Values(Backend::kUring, Backend::kEpoll),
                         backend_name);

TEST(Probe, ProbeFindsIoUring) { EXPECT_EQ(probe_uring(), ""); }

// Makes io_uring_setup fail in this process, as a container's seccomp profile does.
bool deny_io_uring(unsigned error_number) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error_number),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{std::size(filter), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

void expect_probe_says(unsigned error_number, const char* words) {
  const pid_t child = fork();
  if (child == 0) {
    if (!deny_io_uring(error_number)) _exit(0);  // no seccomp here: nothing to test
    const std::string said = probe_uring();
    if (said.find(words) == std::string::npos) std::fprintf(stderr, "%s\n", said.c_str());
    _exit(said.find(words) == std::string::npos ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Probe, ProbeNamesTheCause) {
  expect_probe_says(EPERM, "seccomp profile");
  expect_probe_says(ENOSYS, "Linux 6.1 or later");
  expect_probe_says(EINVAL, "DEFER_TASKRUN");
  expect_probe_says(ENOMEM, "locked-memory limit");
}

TEST(Probe, AutoTakesWhatWorks) {
  EXPECT_EQ(choose_backend("auto").backend, Backend::kUring);
  EXPECT_EQ(choose_backend("auto").refusal, "");
  EXPECT_EQ(choose_backend("epoll").backend, Backend::kEpoll);
  const pid_t child = fork();
  if (child == 0) {
    if (!deny_io_uring(EPERM)) _exit(0);  // no seccomp here: nothing to test
    const ChosenBackend fallen = choose_backend("auto");
    const ChosenBackend asked = choose_backend("uring");
    _exit(fallen.backend == Backend::kEpoll && !fallen.refusal.empty() &&
                  asked.backend == Backend::kUring && !asked.refusal.empty()
              ? 0
              : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_P(Reactor, Echo) {
  OneLoop loop;
  loop.open();
  loop.connected = [&](StreamId stream) { loop.send(stream, "hello"); };
  std::string got;
  loop.bytes = [&](StreamId stream, std::string_view text) {
    if (stream == loop.client) {
      got += text;
      return loop.io->stop();
    }
    loop.send(stream, text);
  };
  loop.run();
  EXPECT_EQ(got, "hello");
}

TEST_P(Reactor, OneMegabyteArrivesIntactBetweenTwoThreads) {
  std::string sent(1 << 20, '\0');
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 31 + i / 4096);
  const std::string address = free_address();
  Loop server;
  server.echo();
  ASSERT_TRUE(server.io->listen(address, &server).has_value());
  std::thread thread([&] { server.run(); });
  Loop client;
  std::string got;
  client.connected = [&](StreamId stream) { client.send(stream, sent); };
  client.bytes = [&](StreamId, std::string_view text) {
    got += text;
    if (got.size() >= sent.size()) client.io->stop();
  };
  client.io->connect(address, &client);
  client.run();
  server.io->stop();
  thread.join();
  EXPECT_TRUE(got == sent);
}

TEST_P(Reactor, ManyStreamsShareTheBuffers) {
  constexpr int kStreams = 100;
  const std::string address = free_address();
  const std::string text(200'000, 'q');
  Loop server;
  server.echo();
  ASSERT_TRUE(server.io->listen(address, &server).has_value());
  std::thread thread([&] { server.run(); });
  Loop client;
  std::map<uint64_t, size_t> got;
  int done = 0;
  client.connected = [&](StreamId stream) { client.send(stream, text); };
  client.bytes = [&](StreamId stream, std::string_view bytes) {
    if ((got[stream.value] += bytes.size()) == text.size() && ++done == kStreams) client.io->stop();
  };
  for (int i = 0; i < kStreams; ++i) client.io->connect(address, &client);
  client.run();
  server.io->stop();
  thread.join();
  EXPECT_EQ(done, kStreams);
}

TEST_P(Reactor, CloseSendsTheOutboxFirstAndBothSidesHearOnce) {
  OneLoop loop;
  loop.open();
  loop.connected = [&](StreamId stream) {
    loop.send(stream, std::string(300'000, 'z'));
    loop.io->close(stream);
    EXPECT_EQ(loop.io->outbox(stream), nullptr);
    loop.io->close(stream);
  };
  size_t got = 0;
  std::vector<std::string> client_why;
  std::vector<std::string> server_why;
  loop.bytes = [&](StreamId, std::string_view text) { got += text.size(); };
  loop.closed = [&](StreamId stream, std::string_view why) {
    (stream == loop.client ? client_why : server_why).emplace_back(why);
    EXPECT_EQ(loop.io->outbox(stream), nullptr);
    if (!client_why.empty() && !server_why.empty()) {
      loop.io->set_timer(loop.io->now_ns() + 20'000'000, 1);
    }
  };
  loop.timer = [&](uint64_t) { loop.io->stop(); };
  loop.run();
  EXPECT_EQ(got, 300'000u);
  EXPECT_EQ(client_why, std::vector<std::string>{"closed by this side"});
  EXPECT_EQ(server_why, std::vector<std::string>{""});
}

int option_of(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return getsockopt(fd, level, name, &value, &size) == 0 ? value : -1;
}

// Both ends of a connection, and the socket that listens: who is gone without a word is noticed.
TEST_P(Reactor, ConnectionsEndWhenTheOtherEndIsSilentForNinetySeconds) {
  OneLoop loop;
  loop.open();
  int sockets = 0;
  int at_once = 0;
  loop.echo();
  loop.connected = [&](StreamId stream) { loop.send(stream, "x"); };
  loop.bytes = [&](StreamId, std::string_view) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      const int fd = std::stoi(entry.path().filename());
      if (option_of(fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP) continue;
      ++sockets;
      if (option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0) {
        at_once += option_of(fd, IPPROTO_TCP, TCP_NODELAY);
      }
      EXPECT_EQ(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
      EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 60);
      EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), 10);
      EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
      EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 90'000);
    }
    loop.io->stop();
  };
  loop.run();
  EXPECT_EQ(sockets, 3);
  EXPECT_EQ(at_once, 2) << "no end waits with what it has to send";
}

TEST_P(Reactor, AStreamKnowsWhereItsOtherEndIs) {
  OneLoop loop;
  Loop other;
  loop.open();
  loop.connected = [&](StreamId stream) { loop.send(stream, "x"); };
  int asked = 0;
  loop.bytes = [&](StreamId stream, std::string_view) {
    const PeerAddress address = loop.io->peer_address(stream);
    EXPECT_TRUE(address.known);
    EXPECT_TRUE(address.is_loopback());
    EXPECT_EQ(address.text(), "127.0.0.1");
    auto handoff = loop.io->detach(stream, "");
    const StreamId moved = other.io->adopt(std::move(handoff), &other);
    EXPECT_EQ(other.io->peer_address(moved).text(), "127.0.0.1");
    EXPECT_FALSE(loop.io->peer_address(stream).known) << "it is somewhere else";
    ++asked;
    loop.io->stop();
  };
  loop.run();
  EXPECT_EQ(asked, 1);
  EXPECT_FALSE(loop.io->peer_address(StreamId{12345}).known);
}

TEST_P(Reactor, SlotsAreReusedUnderNewIds) {
  OneLoop loop;
  loop.open();
  int rounds = 0;
  std::vector<uint64_t> seen;
  loop.connected = [&](StreamId stream) {
    seen.push_back(stream.value);
    loop.io->close(stream);
  };
  loop.closed = [&](StreamId stream, std::string_view) {
    if (stream != loop.client) return;
    if (++rounds == 50) return loop.io->stop();
    loop.client = loop.io->connect(loop.address, &loop);
    EXPECT_NE(loop.client, stream);
  };
  loop.run();
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::unique(seen.begin(), seen.end()), seen.end());
  EXPECT_EQ(rounds, 50);
}

TEST_P(Reactor, ConnectionRefusedNamesTheAddress) {
  Loop loop;
  const std::string address = free_address();
  std::string why;
  loop.closed = [&](StreamId, std::string_view text) {
    why = text;
    loop.io->stop();
  };
  loop.io->connect(address, &loop);
  loop.run();
  EXPECT_NE(why.find(address), std::string::npos) << why;
  EXPECT_NE(why.find("Connection refused"), std::string::npos) << why;
}

TEST_P(Reactor, BadAddressIsReportedThroughOnClosed) {
  Loop loop;
  std::string why;
  loop.closed = [&](StreamId, std::string_view text) {
    why = text;
    loop.io->stop();
  };
  const StreamId stream = loop.io->connect("nonsense", &loop);
  EXPECT_EQ(loop.io->outbox(stream), nullptr);
  loop.run();
  EXPECT_NE(why.find("HOST:PORT"), std::string::npos) << why;
}

TEST_P(Reactor, PortInUseSaysSo) {
  Loop first;
  Loop second;
  const std::string address = free_address();
  ASSERT_TRUE(first.io->listen(address, &first).has_value());
  const auto refused = second.io->listen(address, &second);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("port in use by another process"), std::string::npos);
  EXPECT_NE(refused.error().message.find(address), std::string::npos);
}

TEST_P(Reactor, SlowReaderIsClosed) {
  const std::string address = free_address();
  const size_t colon = address.rfind(':');
  Loop loop;
  ASSERT_TRUE(loop.io->listen(address, &loop).has_value());
  const int fd = socket(AF_INET, SOCK_STREAM, 0);  // connects and never reads
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  where.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
  ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
  ASSERT_EQ(::write(fd, "x", 1), 1);
  StreamId stream;
  loop.bytes = [&](StreamId id, std::string_view) {
    stream = id;
    loop.io->set_timer(0, 1);
  };
  loop.timer = [&](uint64_t) {
    loop.send(stream, std::string(1 << 20, 's'));
    loop.io->set_timer(0, 1);
  };
  std::string why;
  loop.closed = [&](StreamId, std::string_view text) {
    why = text;
    loop.io->stop();
  };
  loop.run();
  ::close(fd);
  EXPECT_EQ(why, "slow reader");
}

TEST_P(Reactor, TimersFireInOrderOfTimeThenOfSetting) {
  Loop loop;
  const int64_t now = loop.io->now_ns();
  std::vector<uint64_t> fired;
  loop.timer = [&](uint64_t token) {
    fired.push_back(token);
    if (token == 4) loop.io->stop();
    EXPECT_GE(loop.io->now_ns(), now + (token == 4 ? 30'000'000 : 0));
  };
  loop.io->set_timer(now + 30'000'000, 4);
  loop.io->set_timer(now + 10'000'000, 2);
  loop.io->set_timer(now, 1);
  loop.io->set_timer(now + 10'000'000, 3);
  loop.run();
  EXPECT_EQ(fired, (std::vector<uint64_t>{1, 2, 3, 4}));
}

// Minutes may pass between open() and run(): the log is read.
TEST_P(Reactor, BeforeItRunsItTellsTheTimeAsItIs) {
  Loop loop;
  const int64_t first = loop.io->now_ns();
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_GE(loop.io->now_ns(), first + 2'000'000);
}

TEST_P(Reactor, NoWakeFromAnotherThreadIsLost) {
  Loop loop;
  std::atomic<int> posted{0};
  loop.woken = [&] {
    if (posted.load() == 1000) loop.io->stop();
  };
  std::thread thread([&] {
    for (int i = 0; i < 1000; ++i) {
      posted.fetch_add(1);
      loop.io->wake();
    }
  });
  loop.run();
  thread.join();
  EXPECT_EQ(posted.load(), 1000);
}

// What the first loop accepts goes on to the second one with its first bytes.
struct Move {
  Loop first;
  Loop second;
  const std::string address = free_address();

  Move() {
    EXPECT_TRUE(first.io->listen(address, &first).has_value());
    first.bytes = [this](StreamId stream, std::string_view text) { (*this)(stream, text); };
    second.woken = [this] {
      const std::lock_guard lock(mutex);
      if (moving) second.io->adopt(std::move(moving), &second);
    };
  }
  // On the first one's thread.
  void operator()(StreamId stream, std::string_view unread) {
    {
      const std::lock_guard lock(mutex);
      moving = first.io->detach(stream, unread);
    }
    second.io->wake();
  }

 private:
  std::mutex mutex;
  std::unique_ptr<Handoff> moving;
};

TEST_P(Reactor, AStreamMovesBetweenThreadsWithoutLosingBytes) {
  Move move;
  Loop& second = move.second;
  Loop& first = move.first;
  first.bytes = [&](StreamId stream, std::string_view text) {
    move(stream, text.substr(2));
    EXPECT_EQ(first.io->outbox(stream), nullptr);
  };
  first.closed = [](StreamId, std::string_view) { ADD_FAILURE() << "detached streams are silent"; };
  second.echo();
  std::thread first_thread([&] { first.run(); });
  std::thread second_thread([&] { second.run(); });
  Loop client;
  std::string got;
  client.connected = [&](StreamId stream) { client.send(stream, "abcdef"); };
  client.bytes = [&](StreamId stream, std::string_view text) {
    got += text;
    if (got == "cdef") client.send(stream, "ghi");
    if (got == "cdefghi") client.io->stop();
  };
  client.closed = [&](StreamId, std::string_view why) { ADD_FAILURE() << why; };
  client.io->connect(move.address, &client);
  client.run();
  first.io->stop();
  second.io->stop();
  first_thread.join();
  second_thread.join();
  EXPECT_EQ(got, "cdefghi");
}

// Held while the bytes that it brought are taken: nothing more is received until it is let go.
TEST_P(Reactor, AStreamThatMovedMayBeHeldAtOnce) {
  Move move;
  Loop& second = move.second;
  Loop client;
  StreamId sender;
  client.connected = [&](StreamId stream) { client.send(sender = stream, "hello"); };
  client.woken = [&] { client.send(sender, "later"); };
  std::string got;
  StreamId held;
  bool let_go = false;
  second.bytes = [&](StreamId stream, std::string_view text) {
    got += text;
    if (got == "hellolater") {
      EXPECT_TRUE(let_go);
      return second.io->stop();
    }
    second.io->hold_input(held = stream, true);
    client.io->wake();
    second.io->set_timer(second.io->now_ns() + 100'000'000, 1);
  };
  second.timer = [&](uint64_t) {
    let_go = true;
    second.io->hold_input(held, false);
  };
  std::thread first_thread([&] { move.first.run(); });
  client.io->connect(move.address, &client);
  std::thread client_thread([&] { client.run(); });
  second.run();
  move.first.io->stop();
  client.io->stop();
  first_thread.join();
  client_thread.join();
  EXPECT_EQ(got, "hellolater");
}

TEST_P(Reactor, BytesOfTheSameRoundMoveAlong) {
  std::string hello(400'000, '\0');
  for (size_t i = 0; i < hello.size(); ++i) hello[i] = static_cast<char>(i * 7 + i / 1000);
  Move move;
  Loop& second = move.second;
  std::string got;
  second.bytes = [&](StreamId, std::string_view text) {
    got += text;
    if (got.size() >= hello.size()) second.io->stop();
  };
  second.closed = [&](StreamId, std::string_view why) { ADD_FAILURE() << why << got.size(); };
  std::thread first_thread([&] { move.first.run(); });
  Loop client;
  client.connected = [&](StreamId stream) { client.send(stream, hello); };
  client.io->connect(move.address, &client);
  std::thread client_thread([&] { client.run(); });
  second.run();
  move.first.io->stop();
  client.io->stop();
  first_thread.join();
  client_thread.join();
  EXPECT_TRUE(got == hello);
}

}  // namespace reactor_test
}  // namespace once::reactor

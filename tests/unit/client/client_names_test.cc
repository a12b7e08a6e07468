// Endpoints that are host names: no operation waits longer than it may for one that is not looked
// up, and each address of a name is tried. Here getaddrinfo is the test's.
#include <dlfcn.h>
#include <netdb.h>

#include <future>
#include <mutex>

#include "tests/unit/base/fake_names.h"
#include "tests/unit/client/fake_server.h"

namespace {

std::mutex server_mutex;
once::FakeNames* server = nullptr;

using LookUp = int (*)(const char*, const char*, const addrinfo*, addrinfo**);

}  // namespace

// In the place of libc's, for this program.
extern "C" int getaddrinfo(const char* host, const char* port, const addrinfo* hints,
                           addrinfo** found) {
  static const auto real = reinterpret_cast<LookUp>(dlsym(RTLD_NEXT, "getaddrinfo"));
  if (host == nullptr || (hints->ai_flags & AI_NUMERICHOST) != 0) {
    return real(host, port, hints, found);
  }
  std::unique_lock lock(server_mutex);
  if (server == nullptr) return EAI_AGAIN;
  const auto texts = server->texts();
  lock.unlock();
  const auto known = texts(host);
  if (!known) return EAI_NONAME;
  addrinfo numeric = *hints;
  numeric.ai_flags |= AI_NUMERICHOST;
  addrinfo** end = found;
  for (const std::string& text : *known) {
    if (const int code = real(text.c_str(), port, &numeric, end); code != 0) return code;
    while (*end != nullptr) end = &(*end)->ai_next;
  }
  return 0;
}

namespace once::client {
namespace {

class ClientNames : public testing::Test {
 protected:
  ClientNames() {
    const std::lock_guard lock(server_mutex);
    server = &names_;
  }
  ~ClientNames() override {
    const std::lock_guard lock(server_mutex);
    server = nullptr;
  }
  std::string at(const std::string& host) const {
    return host + ":" + std::to_string(port_of(node_.address()));
  }
  static Options options(std::vector<std::string> endpoints, int64_t timeout_ms = 5000) {
    Options options;
    options.endpoints = std::move(endpoints);
    options.timeout_ms = timeout_ms;
    return options;
  }

  FakeNames names_;
  FakeServer node_{[](const paxos::ClientRequest& request, FakeServer::Reply& reply) {
    reply.state = {1, true, request.id, "value"};
    return FakeServer::Act::kReply;
  }};
};

TEST_F(ClientNames, ASilentNameHoldsUpNoOperationOfTheOthers) {
  Client client(options({at("silent"), node_.address()}));
  const int64_t begun = monotonic_ms();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(client.read("x").outcome, Outcome::kDone);
  }
  EXPECT_LT(monotonic_ms() - begun, 4000);
}

TEST_F(ClientNames, AnOperationEndsAtItsDeadlineAndSaysThatANameIsNotKnown) {
  Client client(options({at("silent")}));
  for (const int64_t timeout_ms : {300, 1000, 1700}) {
    const int64_t begun = monotonic_ms();
    const Result result = client.read("x", {.timeout_ms = timeout_ms});
    EXPECT_EQ(result.outcome, Outcome::kUnavailable);
    EXPECT_NE(result.message.find(at("silent") + ": the name could not be looked up in time"),
              std::string::npos)
        << result.message;
    EXPECT_GE(monotonic_ms() - begun, timeout_ms - 1);
    EXPECT_LT(monotonic_ms() - begun, timeout_ms + 3000);
  }
  EXPECT_EQ(names_.asked("silent"), 1);
}

TEST_F(ClientNames, AnOperationGoesOnAsSoonAsItsNameIsKnown) {
  Client client(options({at("node")}));
  std::promise<Result> done;
  client.read_async("x", {}, [&](Result&& result) { done.set_value(std::move(result)); });
  while (names_.asked("node") == 0) std::this_thread::yield();
  const int64_t begun = monotonic_ms();
  names_.answer("node", {"127.0.0.1"});
  EXPECT_EQ(done.get_future().get().outcome, Outcome::kDone);
  EXPECT_LT(monotonic_ms() - begun, 4000);
}

TEST_F(ClientNames, EachAddressOfANameIsTried) {
  names_.answer("node", {"::1", "127.0.0.3", "127.0.0.1"});
  Client client(options({at("node")}));
  EXPECT_EQ(client.read("x").outcome, Outcome::kDone);
  EXPECT_TRUE(client.status(at("node")).reachable);
}

TEST_F(ClientNames, AnAddressThatSaysNothingLeavesTimeForTheNext) {
  const BlackHole hole(port_of(node_.address()));
  names_.answer("node", {"127.0.0.2", "127.0.0.1"});
  Client client(options({at("node")}));
  const int64_t begun = monotonic_ms();
  EXPECT_EQ(client.read("x").outcome, Outcome::kDone);
  EXPECT_GE(monotonic_ms() - begun, 200);  // it did say nothing
  EXPECT_TRUE(client.status(at("node")).reachable);
}

TEST_F(ClientNames, AFailureNamesAllThatWereTried) {
  names_.answer("node", {"127.0.0.4", "127.0.0.3"});
  Client client(options({at("node")}, 300));
  const std::string tried = "cannot connect: " + at("127.0.0.4") + ": Connection refused; " +
                            at("127.0.0.3") + ": Connection refused";
  EXPECT_EQ(client.read("x").message, "no node answers: " + at("node") + ": " + tried);
  EXPECT_EQ(client.status(at("node")).message, tried);
  EXPECT_EQ(client.status(at("127.0.0.3")).message, "cannot connect: Connection refused");
}

TEST_F(ClientNames, ANameThatIsNoneIsSaid) {
  names_.fail("node", "no such name");
  Client client(options({at("node")}, 300));
  for (const std::string& message : {client.read("x").message, client.status(at("node")).message}) {
    EXPECT_NE(message.find("cannot resolve \"" + at("node") + "\": Name or service not known"),
              std::string::npos)
        << message;
  }
}

TEST_F(ClientNames, AStatusHasADeadlineToo) {
  Client client(options({node_.address()}, 200));
  const int64_t begun = monotonic_ms();
  const NodeStatus status = client.status(at("silent"));
  EXPECT_LT(monotonic_ms() - begun, 4000);
  EXPECT_FALSE(status.reachable);
  EXPECT_NE(status.message.find("could not be looked up in time"), std::string::npos);
}

TEST_F(ClientNames, AClientThatEndsDoesNotWaitForALookUp) {
  const int64_t begun = monotonic_ms();
  {
    Client client(options({at("silent")}));
    client.read_async("x", {}, [](Result&&) {});
    while (names_.asked("silent") == 0) std::this_thread::yield();
  }
  EXPECT_LT(monotonic_ms() - begun, 2000);
}

TEST_F(ClientNames, AChildLooksUpWhatItsParentWaitsFor) {
  Client client(options({at("node")}));
  std::promise<Result> done;
  client.read_async("x", {}, [&](Result&& result) { done.set_value(std::move(result)); });
  while (names_.asked("node") == 0) std::this_thread::yield();
  EXPECT_EXIT(
      {
        alarm(20);
        EXPECT_EQ(client.read("x").outcome, Outcome::kError);
        // The parent's name server is at a lock that may be held; the child has its own.
        auto* own = new FakeNames;
        own->answer("node", {"127.0.0.1"});
        new (&server_mutex) std::mutex;
        server = own;
        Client fresh(options({at("node")}));
        _exit(fresh.read("x").outcome == Outcome::kDone ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
  names_.answer("node", {"127.0.0.1"});
  EXPECT_EQ(done.get_future().get().outcome, Outcome::kDone);
}

}  // namespace
}  // namespace once::client

// A client listener whose clients ask through a fake network, and that answers at once or when
// told.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "net/client_codec.h"
#include "net/client_listener.h"
#include "tests/unit/net/fake_net_io.h"

namespace once::net {

template <class Encode>
std::string made(Encode encode) {
  std::vector<char> out;
  encode(out);
  return {out.begin(), out.end()};
}

struct AskingClients : testing::Test, ClientListenerHandler {
  AskingClients() {
    io.on_batch_end = [this] {
      if (at_once) answer_all();
      listener->end_round();
    };
  }
  ServerHello server_hello() override { return {}; }
  void on_request(ClientConnectionId connection, uint64_t correlation,
                  const paxos::ClientRequest& request) override {
    asked.push_back(correlation);
    names.emplace_back(request.name);
    due.push_back({connection, correlation, request.operation});
    most_due = std::max(most_due, due.size());
  }
  void on_turned_away(paxos::Operation operation) override { turned_away.push_back(operation); }
  void on_status(ClientConnectionId connection, uint64_t) override {
    status_asked.push_back(connection);
  }
  void on_list(ClientConnectionId, uint64_t, const ListRequest&) override {}
  void on_explain(ClientConnectionId, uint64_t, const ExplainRequest&) override {}
  void hand_over(CoreId, std::unique_ptr<reactor::Handoff>) override {}
  void on_gone(ClientConnectionId) override { ++gone; }
  void log_line(std::string_view line) override { log += line; }

  struct Due {
    ClientConnectionId connection;
    uint64_t correlation;
    paxos::Operation operation;
  };
  struct Client {
    std::shared_ptr<once::test::Pipe> pipe = std::make_shared<once::test::Pipe>();
    reactor::StreamId stream;
  };
  Client open() {
    Client client;
    client.stream = {++streams};  // the fake counts so
    io.accept_stream(client.pipe, 1, listener->listen_handler());
    client.pipe->to[1] += made([&](auto& out) { encode_client_hello(ClientHello{}, out); });
    io.round();
    client.pipe->to[0].clear();
    return client;
  }
  void ask(const Client& client, uint64_t from, uint64_t count, paxos::Operation operation) {
    for (uint64_t i = from; i < from + count; ++i) {
      client.pipe->to[1] += made([&](auto& out) {
        encode_request(i, {0, operation, request_id(1, 2), 9, "name", ""}, out);
      });
    }
    io.round();
  }
  void answer_all() {
    for (const Due& one : std::exchange(due, {})) {
      paxos::ClientReply reply;
      reply.state.value = value;
      listener->reply(one.connection, one.correlation, one.operation, reply);
    }
  }
  size_t unsent(const Client& client) const { return io.unsent_bytes(client.stream); }
  void tick(int64_t ns = 5'000'000) {
    network.now_ns += ns;
    listener->on_tick(network.now_ns);
    io.round();
  }

  once::test::FakeNetwork network;
  once::test::FakeIo io{network};
  std::unique_ptr<ClientListener> listener = make_client_listener(io, CoreId{0}, 1, this);
  uint64_t streams = 0;
  bool at_once = true;  // all is answered at the end of its round
  std::string value = std::string(kMaxValueBytes, 'v');
  std::vector<Due> due;
  size_t most_due = 0;
  std::vector<paxos::Operation> turned_away;
  std::vector<ClientConnectionId> status_asked;
  std::vector<uint64_t> asked;
  std::vector<std::string> names;
  std::string log;
  int gone = 0;
};

}  // namespace once::net

// A client listener whose clients speak through a door.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/client_company.h"
#include "tests/unit/net/asking_clients.h"
#include "tests/unit/net/line_door.h"

namespace once::net::test {

struct ClientGuests : AskingClients {
  ClientGuests() {
    value = "small";
    remake({});
    // What was asked is looked at when the round ends, as a shard does.
    io.on_batch_end = [this] {
      for (const paxos::ClientRequest& one : std::exchange(requests, {})) {
        told.emplace_back(std::string(one.name) + "=" + std::string(one.value));
      }
      if (at_once) answer_all();
      listener->end_round();
    };
  }
  void remake(ClientListenerOptions options) {
    options.doors = &doors;
    listener = make_client_listener(io, CoreId{0}, 1, this, options);
  }
  void on_request(ClientConnectionId connection, uint64_t correlation,
                  const paxos::ClientRequest& request) override {
    AskingClients::on_request(connection, correlation, request);
    requests.push_back(request);
  }
  Client connect(const std::string& from = "127.0.0.1") {
    Client client;
    client.stream = {++streams};
    client.pipe->from = once::test::address_of(from);
    io.accept_stream(client.pipe, 1, listener->listen_handler());
    return client;
  }
  // One whose first answers tell that they are small, and that is no longer modest for others.
  Client known() {
    Client client = connect();
    say(client, repeated("r small\n", 20));
    client.pipe->to[0].clear();
    network.now_ns += ModestClients::kRememberedNs;
    asked.clear();
    told.clear();
    return client;
  }
  void say(const Client& client, const std::string& bytes) {
    client.pipe->to[1] += bytes;
    io.round();
  }
  static std::string repeated(const std::string& line, size_t times) {
    std::string all;
    for (size_t i = 0; i < times; ++i) all += line;
    return all;
  }
  std::string heard(const Client& client) { return std::exchange(client.pipe->to[0], {}); }
  std::string error_heard(const Client& client) {
    const std::string bytes = heard(client);
    std::string_view left = bytes;
    Frame frame{};
    EXPECT_TRUE(take_frame(left, frame).value_or(false)) << bytes;
    EXPECT_EQ(frame.type, FrameType::kError);
    EXPECT_TRUE(client.pipe->closed[1]);
    return std::string(frame.body);
  }
  bool is_closed(const Client& client) const { return client.pipe->closed[1]; }

  once::test::LineDoors doors;
  std::vector<paxos::ClientRequest> requests;
  std::vector<std::string> told;
};

}  // namespace once::net::test

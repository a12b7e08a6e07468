// A small server on loopback for tests of the whole client.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "client/client.h"
#include "net/client_codec.h"
#include "tests/unit/client/loopback_listener.h"
#include "tests/unit/client/session_fixture.h"

namespace once::client {

// Serves one connection at a time per thread; `answer` gives the status, silence, or a drop.
class FakeServer {
 public:
  enum class Act { kReply, kSilence, kDrop };
  struct Reply : ClientReply {
    std::string told;  // if not empty: the value
  };
  using Answer = std::function<Act(const paxos::ClientRequest&, Reply&)>;

  explicit FakeServer(Answer answer) : answer_(std::move(answer)) {
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~FakeServer() {
    listener_.stop();
    acceptor_.join();
    for (int fd : connections_) shutdown(fd, SHUT_RDWR);
    for (std::thread& thread : threads_) thread.join();
    for (int fd : connections_) close(fd);
  }
  const std::string& address() const { return listener_.address(); }
  size_t connections() const { return accepted_; }
  size_t ended() const { return ended_; }                // by the client
  uint16_t wanted_core() const { return wanted_core_; }  // by who greeted last

  // Set before anybody asks. What it tells of a name; not empty: the error that it gives instead.
  std::function<net::ExplainReply(const net::ExplainRequest&)> explain =
      [](const net::ExplainRequest&) { return net::ExplainReply{}; };
  std::string refuses_explain;
  // A part of a core's names; views of strings that outlive the server. Nothing: it breaks off.
  std::function<std::optional<net::ListReply>(const net::ListRequest&)> list =
      [](const net::ListRequest&) { return net::ListReply{}; };
  // What it counts, each time that it is asked.
  std::function<std::vector<std::pair<std::string, uint64_t>>()> counters = [] {
    return std::vector<std::pair<std::string, uint64_t>>{{"takeovers", 3}};
  };
  // Who it says that it is, to somebody who asked for that core.
  std::function<net::ServerHello(uint16_t)> hello = [this](uint16_t) {
    return hello_of(1, {address()});
  };

 private:
  void accept_all() {
    while (true) {
      const int fd = accept(listener_.fd(), nullptr, nullptr);
      if (fd < 0) return;
      ++accepted_;
      connections_.push_back(fd);
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  }
  void serve(int fd) {
    std::vector<char> in;
    char chunk[4096];
    while (true) {
      const ssize_t got = recv(fd, chunk, sizeof chunk, 0);
      if (got <= 0) {
        ++ended_;
        return;
      }
      in.insert(in.end(), chunk, chunk + got);
      std::string_view rest(in.data(), in.size());
      net::Frame frame;
      while (net::take_frame(rest, frame).value()) {
        std::vector<char> out;
        if (!handle(frame, out)) {
          shutdown(fd, SHUT_RDWR);
          return;
        }
        if (!out.empty()) (void)send(fd, out.data(), out.size(), MSG_NOSIGNAL);
      }
      in.erase(in.begin(), in.end() - static_cast<ptrdiff_t>(rest.size()));
    }
  }
  bool handle(const net::Frame& frame, std::vector<char>& out) {
    if (frame.type == net::FrameType::kClientHello) {
      wanted_core_ = net::decode_client_hello(frame.body).value().core;
      net::encode_server_hello(hello(wanted_core_), out);
    } else if (frame.type == net::FrameType::kStatusRequest) {
      net::encode_status_reply(frame.correlation, {NodeId{1}, 4711, counters()}, out);
    } else if (frame.type == net::FrameType::kListRequest) {
      const auto reply = list(net::decode_list_request(frame.body).value());
      if (!reply) return false;
      net::encode_list_reply(frame.correlation, *reply, out);
    } else if (frame.type == net::FrameType::kExplainRequest) {
      if (!refuses_explain.empty()) {
        net::encode_error(frame.correlation, refuses_explain, out);
      } else {
        net::encode_explain_reply(frame.correlation,
                                  explain(net::decode_explain_request(frame.body).value()), out);
      }
    } else if (frame.type == net::FrameType::kRequest) {
      Reply reply;
      const Act act = answer_(net::decode_request(frame.body).value(), reply);
      if (act == Act::kDrop) return false;
      if (!reply.told.empty()) reply.state.value = reply.told;
      if (act == Act::kReply) net::encode_reply(frame.correlation, reply, out);
    }
    return true;
  }

  Answer answer_;
  const LoopbackListener listener_;
  std::atomic<size_t> accepted_{0};
  std::atomic<size_t> ended_{0};
  std::atomic<uint16_t> wanted_core_{0};
  std::thread acceptor_;
  std::vector<int> connections_;
  std::vector<std::thread> threads_;
};

inline Options options_for(const std::string& address, int64_t timeout_ms = 5000) {
  Options options;
  options.endpoints = {address};
  options.timeout_ms = timeout_ms;
  return options;
}

}  // namespace once::client

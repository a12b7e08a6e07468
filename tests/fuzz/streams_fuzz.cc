// The doors of a node, fed by clients and peers that send what they like in fragments as they like.
// Input: steps, each u8 what and what it needs. Whatever comes in, what goes out are whole frames
// that decode, and in the end every request has been answered or its connection is gone.
#include "base/limits.h"
#include "net/client_codec.h"
#include "net/peer_codec.h"
#include "net/peer_frame.h"
#include "tests/fuzz/forge.h"
#include "tests/fuzz/streams_node.h"

namespace once::fuzz {
namespace {

constexpr size_t kMaxSteps = 300;
constexpr size_t kMaxConnections = 6;
constexpr int64_t kMs = 1'000'000;

// A connection into the node, and what it has said on it so far.
struct Connection {
  bool client = true;
  std::shared_ptr<test::Pipe> pipe;
  std::string said;

  void check_said();
};

// Of frames: whole ones go, what is left waits for its rest.
void Connection::check_said() {
  said += std::exchange(pipe->to[0], {});
  std::string_view left = said;
  if (client) {
    net::Frame frame;
    for (auto taken = net::take_frame(left, frame);; taken = net::take_frame(left, frame)) {
      ONCE_ASSERT(taken);
      if (!*taken) break;
      if (frame.type == net::FrameType::kReply) ONCE_ASSERT(net::decode_reply(frame.body));
      if (frame.type == net::FrameType::kServerHello) {
        ONCE_ASSERT(net::decode_server_hello(frame.body));
      }
    }
  } else {
    while (left.size() >= 4 && left.size() - 4 >= load<uint32_t>(left.data())) {
      const std::string_view frame = left.substr(0, 4 + load<uint32_t>(left.data()));
      left.remove_prefix(frame.size());
      auto content = net::open_peer_frame(frame);
      ONCE_ASSERT(content);
      if (net::is_greeting(*content)) {
        ONCE_ASSERT(net::decode_greeting(frame));
        continue;
      }
      while (!content->empty()) {
        const bool ping = static_cast<uint8_t>((*content)[0]) >= 200;
        if (ping) content->remove_prefix(12);
        if (!ping) ONCE_ASSERT(net::take_message(*content));
      }
    }
  }
  said.erase(0, said.size() - left.size());
}

// Node 3, which is dialled. Its end of each stream is an Io's, so it sends through outboxes.
class DialledPeer final : public reactor::ListenHandler, public reactor::StreamHandler {
 public:
  explicit DialledPeer(StreamsNode& node) : io_(node.network) {
    node.network.listeners["peer:3"] = {&io_, this};
  }
  void send(const std::vector<char>& bytes) {
    if (auto* out = io_.outbox(stream_)) out->insert(out->end(), bytes.begin(), bytes.end());
    io_.round();
  }
  void hang_up() {
    io_.close(stream_);
    io_.round();
  }

 private:
  StreamHandler* on_accept(reactor::StreamId stream) override {
    stream_ = stream;
    return this;
  }
  void on_connected(reactor::StreamId) override {}
  void on_bytes(reactor::StreamId, std::string_view) override {}
  void on_closed(reactor::StreamId, std::string_view) override {}

  test::FakeIo io_;
  reactor::StreamId stream_;
};

class Session {
 public:
  Session(const uint8_t* data, size_t size) : input_(data, size), dialled_(node_) {}

  void run() {
    for (size_t steps = 0; steps < kMaxSteps && !input_.empty(); ++steps) {
      step();
      for (Connection& connection : connections_) connection.check_said();
    }
    finish();
  }

 private:
  void step() {
    switch (input_.byte() % 16) {
      case 0:
        return open(true);
      case 1:
        return open(false);
      case 2:
        return send(true, std::vector<char>(encoded_hello()));
      case 3:
      case 4:
        return send(true, request());
      case 5:
        return send(false, greeting(StreamsNode::kDialler));
      case 6:
      case 7:
        return send(false, envelope(StreamsNode::kDialler));
      case 8:
        return send_raw();
      case 9:
        return node_.io.round();
      case 10:
        return node_.tick(1 + input_.byte() * 10 * kMs);
      case 11:
        return node_.sync();
      case 12:
        return dialled_.send(greeting(StreamsNode::kDialled));
      case 13:
        return dialled_.send(envelope(StreamsNode::kDialled));
      case 14:
        return hang_up();
      default:
        return set();
    }
  }

  void open(bool client) {
    if (connections_.size() == kMaxConnections) return;
    connections_.push_back({client, node_.connect(client), {}});
  }
  // Of the wanted kind, if there is one.
  Connection* pick(bool client) {
    const size_t first = input_.byte();
    for (size_t i = 0; i < connections_.size(); ++i) {
      Connection& connection = connections_[(first + i) % connections_.size()];
      if (connection.client == client && !connection.pipe->closed[0]) return &connection;
    }
    return nullptr;
  }
  void send(bool client, const std::vector<char>& bytes) {
    if (Connection* to = pick(client)) to->pipe->to[1].append(bytes.data(), bytes.size());
  }
  void send_raw() {
    const std::string_view bytes = input_.bytes(input_.byte());
    if (Connection* to = pick(input_.byte() % 2 == 0)) to->pipe->to[1] += bytes;
  }
  std::vector<char> encoded_hello() {
    net::ClientHello hello;
    const uint8_t odd = input_.byte();
    if (odd == 1) hello.version = 2;
    if (odd == 2) hello.cluster = ClusterId{{7, 7}};
    if (odd == 3) hello.core = input_.number<uint16_t>();
    return encoded([&](auto& out) { net::encode_client_hello(hello, out); });
  }
  std::vector<char> request() {
    const uint8_t what = input_.byte();
    if (what >= 250) {
      return encoded([&](auto& out) { net::encode_status_request(what, out); });
    }
    paxos::ClientRequest request;
    request.operation = any_operation(what);
    request.id = request_id(1, input_.byte());
    request.timeout_ms = static_cast<uint32_t>(any_number(input_));
    request.name = any_name(input_);
    request.value = input_.bytes(input_.byte() % 32);
    if (paxos::takes_version(request.operation)) request.version = any_number(input_);
    return encoded([&](auto& out) { net::encode_request(what, request, out); });
  }
  std::vector<char> greeting(NodeId from) {
    net::PeerHello hello = StreamsNode::hello(from, StreamsNode::kSelf);
    switch (input_.byte()) {
      case 1:
        hello.node = NodeId{input_.number<uint16_t>()};
        break;
      case 2:
        hello.cores = input_.number<uint16_t>();
        hello.core.value = input_.number<uint16_t>();
        break;
      case 3:
        hello.target_core.value = input_.number<uint16_t>();
        break;
      case 4:
        hello.disk.high = 2;
        break;
      case 5:
        return encoded([](auto& out) { net::encode_peer_refusal("no", out); });
      case 6:
        hello.cores = 2 + input_.byte() % 4;
        hello.core.value = input_.byte() % hello.cores;
        break;
      default:
        break;
    }
    return encoded([&](auto& out) { net::encode_peer_hello(hello, out); });
  }
  std::vector<char> envelope(NodeId from) {
    std::vector<char> out(net::kPeerHeaderBytes);
    Forger forger(input_, from);
    const uint8_t what = input_.byte();
    if (what >= 240) {
      const std::string_view raw = input_.bytes(input_.byte());
      out.insert(out.end(), raw.begin(), raw.end());
    } else {
      for (int i = 0; i <= what % 3; ++i) net::encode_message(forger.any_message(), out);
    }
    net::seal_peer_frame(out, 0);
    return out;
  }
  void hang_up() {
    if (input_.byte() % 4 == 0) return dialled_.hang_up();
    if (Connection* to = pick(input_.byte() % 2 == 0)) to->pipe->closed[0] = true;
  }
  void set() {
    switch (input_.byte() % 4) {
      case 0:
        node_.io.chunk_bytes = 1 + input_.byte();
        break;
      case 1:
        node_.io.chunk_bytes = SIZE_MAX;
        break;
      case 2:
        node_.log.is_full = input_.byte() % 2 == 1;
        break;
      default:
        node_.stop();
    }
  }
  // The longest time-out is a minute.
  void finish() {
    node_.io.chunk_bytes = SIZE_MAX;
    for (int i = 0; i < 20; ++i) {
      node_.tick(4'000 * kMs);
      node_.sync();
      node_.io.round();
      for (Connection& connection : connections_) connection.check_said();
    }
    ONCE_ASSERT(node_.outstanding() == 0);
    for (const Connection& connection : connections_) {
      if (connection.pipe->closed[1]) ONCE_ASSERT(connection.said.empty());
    }
  }

  Input input_;
  StreamsNode node_;
  DialledPeer dialled_;
  std::vector<Connection> connections_;
};

}  // namespace
}  // namespace once::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Session(data, size).run();
  return 0;
}

#include "server/admin_listener.h"

#include <algorithm>
#include <utility>

namespace once::server {
namespace {

// Control characters before the end of the first line: most likely a client that took this port for
// the one for clients, and waits for a hello while the door waits for the end of a line.
bool is_no_text(std::string_view bytes) {
  const std::string_view line = bytes.substr(0, bytes.find('\n'));
  return std::any_of(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\r' && c != '\t') || c == 0x7f;
  });
}

constexpr std::string_view kNoText =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 78\r\nConnection: close\r\n\r\n"
    "this is the port of --admin, which speaks HTTP; clients dial that of --listen\n";

}  // namespace

class AdminListener::Connection final : public reactor::StreamHandler, public doors::DoorHost {
 public:
  Connection(AdminListener& listener, reactor::StreamId stream)
      : listener_(listener),
        io_(listener.io_),
        stream_(stream),
        heard_ns_(io_.now_ns()),
        door_(listener.make_door_(*this)) {}

  int64_t heard_ns() const { return heard_ns_; }
  bool leaves() const { return leaves_; }
  void give_place_away() {
    takes_ = false;
    leaves_ = true;
    io_.cut(stream_, "its place is given to another");
  }
  void on_tick(int64_t now_ns);

  void on_connected(reactor::StreamId) override {}
  void on_bytes(reactor::StreamId, std::string_view bytes) override;
  bool on_end_of_input(reactor::StreamId) override;
  void on_closed(reactor::StreamId, std::string_view) override { listener_.gone(this); }

  void ask(uint64_t ticket, const paxos::ClientRequest& request) override {
    asked_.emplace_back(ticket, request.operation);
  }
  std::string_view keep(std::vector<char>&& bytes) override {
    kept_.push_back(std::move(bytes));
    return {kept_.back().data(), kept_.back().size()};
  }
  RequestId draw_id() override { return {}; }
  std::vector<char>* out() override { return io_.outbox(stream_); }
  const doors::NodeView& node() override { return listener_.node_; }
  CoreId core() const override { return CoreId{0}; }

 private:
  void take();
  void refuse_what_was_asked();
  void refuse_stranger();
  void close();

  AdminListener& listener_;
  reactor::Io& io_;
  const reactor::StreamId stream_;
  int64_t heard_ns_;
  std::vector<char> input_;  // that is not taken yet
  std::vector<std::vector<char>> kept_;
  std::vector<std::pair<uint64_t, paxos::Operation>> asked_;
  bool held_ = false;
  bool begun_ = false;   // a request was taken
  bool takes_ = true;    // requests
  bool ended_ = false;   // it says no more: nothing is taken behind what has come
  bool leaves_ = false;  // it is being closed
  std::unique_ptr<doors::Door> door_;
};

void AdminListener::Connection::on_bytes(reactor::StreamId, std::string_view bytes) {
  if (!takes_) return;
  heard_ns_ = io_.now_ns();
  input_.insert(input_.end(), bytes.begin(), bytes.end());
  take();
}

// What came before the end is answered, as he reads it.
bool AdminListener::Connection::on_end_of_input(reactor::StreamId) {
  ended_ = true;
  take();
  return true;
}

void AdminListener::Connection::take() {
  size_t taken = 0;
  if (!begun_ && is_no_text({input_.data(), input_.size()})) return refuse_stranger();
  while (takes_ && io_.unsent_bytes(stream_) <= kMostUnsent) {
    const doors::Taken one =
        door_->take(std::string_view(input_.data() + taken, input_.size() - taken));
    if (one.what == doors::Taken::What::kNothing) {
      takes_ = !ended_;
      break;
    }
    taken += one.bytes;
    begun_ = true;
    takes_ = one.what != doors::Taken::What::kLast;
  }
  input_.erase(input_.begin(), input_.begin() + static_cast<ptrdiff_t>(taken));
  const bool full = input_.size() > doors::kMostDoorBytes;
  if (full != std::exchange(held_, full)) io_.hold_input(stream_, full);
  if (!takes_ && door_->unanswered() == 0) close();
}

// At once: he would wait for as long as he has time, and take this for an outage.
void AdminListener::Connection::refuse_stranger() {
  if (std::vector<char>* out = io_.outbox(stream_); out != nullptr) {
    out->insert(out->end(), kNoText.begin(), kNoText.end());
  }
  input_.clear();
  takes_ = false;
  close();
}

void AdminListener::Connection::close() {
  if (std::exchange(leaves_, true)) return;
  // It may still be sending. Half of those that leave may be heard out: the rest go at once.
  if (2 * listener_.leaving() > kMostConnections) return io_.close(stream_);
  io_.close_gently(stream_);
}

void AdminListener::Connection::refuse_what_was_asked() {
  for (const auto& [ticket, operation] : std::exchange(asked_, {})) {
    paxos::ClientReply reply;
    reply.status = paxos::Status::kUnavailable;
    door_->on_reply(ticket, operation, reply);
  }
  kept_.clear();
}

void AdminListener::Connection::on_tick(int64_t now_ns) {
  refuse_what_was_asked();
  if (!input_.empty() || !takes_ || ended_) take();
  const bool idle = input_.empty() && door_->unanswered() == 0;
  if (leaves_ || now_ns - heard_ns_ < (idle ? kIdleNs : kPatienceNs)) return;
  if (!idle) door_->say_farewell(doors::Door::Farewell::kSlow);
  takes_ = false;
  close();
}

AdminListener::AdminListener(reactor::Io& io, const doors::NodeView& node, MakeDoor make_door)
    : io_(io), node_(node), make_door_(std::move(make_door)) {}
AdminListener::~AdminListener() = default;

reactor::StreamHandler* AdminListener::on_accept(reactor::StreamId stream) {
  if (connections_.size() >= 2 * kMostConnections) return nullptr;  // that many are being closed
  make_room();
  return connections_.emplace_back(std::make_unique<Connection>(*this, stream)).get();
}

void AdminListener::make_room() {
  Connection* silent = nullptr;
  size_t staying = 0;
  for (const auto& one : connections_) {
    if (one->leaves()) continue;
    ++staying;
    if (silent == nullptr || one->heard_ns() < silent->heard_ns()) silent = one.get();
  }
  if (staying >= kMostConnections) silent->give_place_away();
}

size_t AdminListener::leaving() const {
  return static_cast<size_t>(std::count_if(connections_.begin(), connections_.end(),
                                           [](const auto& one) { return one->leaves(); }));
}

void AdminListener::gone(Connection* connection) {
  const auto at = std::find_if(connections_.begin(), connections_.end(),
                               [connection](const auto& one) { return one.get() == connection; });
  gone_.push_back(std::move(*at));
  connections_.erase(at);
}

void AdminListener::on_tick(int64_t now_ns) {
  gone_.clear();
  for (size_t i = 0; i < connections_.size(); ++i) connections_[i]->on_tick(now_ns);
}

}  // namespace once::server
